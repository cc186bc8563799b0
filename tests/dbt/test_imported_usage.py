"""A usage file goes through `handoff import usage` into delivery verification, and a corrected one takes its place."""

from __future__ import annotations

import pytest
from loop import findings, run

from pipelines import warehouse

pytestmark = pytest.mark.slow

FELL = "DV04:engagement-recEngFernhollow0"


def usage_file(folder, last_count):
    lines = [
        "hub,month,users",
        "fernhollow,2026-08,8",
        "fernhollow,2026-09,N/A",
        f"fernhollow,2026-10,{last_count}",
        "nobody,2026-10,1",
    ]
    path = folder / "usage.csv"
    path.write_text("\n".join(lines) + "\nfernhollow,autumn,3\n", encoding="utf-8")
    return path


def steps(home):
    rows = warehouse.open_current(home).rows(
        "select step_key, step_status from marts.rpt_delivery_steps where engagement_id = 'recEngFernhollow0'"
    )
    return {row["step_key"]: row["step_status"] for row in rows}


@pytest.mark.thorough
def test_usage_that_fell_makes_a_finding_until_a_corrected_file_is_imported(copy_of_demo, tmp_path):
    assert steps(copy_of_demo)["value"] == "unknown"
    done = run(copy_of_demo, "import", "usage", str(usage_file(tmp_path, 4)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "line 6: month 'autumn' is not a month like 2026-11" in done.stdout
    assert findings(copy_of_demo)[FELL]["reason"] == (
        "Fernhollow Phenology hub had enough people by 31 August 2026, and in the month up to 31 October 2026 it was used by 4 people."
    )
    assert steps(copy_of_demo)["value"] == "regressed"
    [delivery] = warehouse.open_current(copy_of_demo).rows(
        "select tfv_days, is_tfv_exact from marts.rpt_deliveries where engagement_id = 'recEngFernhollow0'"
    )
    assert delivery == {"tfv_days": 74, "is_tfv_exact": False}  # asked for on 18 June
    [lost] = warehouse.open_current(copy_of_demo).rows("select hub from marts.rpt_usage_hubs where engagement_id is null")
    assert lost == {"hub": "nobody"}

    done = run(copy_of_demo, "import", "usage", str(usage_file(tmp_path, 14)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert steps(copy_of_demo)["value"] == "done"
    assert findings(copy_of_demo)[FELL]["state"] == "indeterminate"  # an import reads no vendor, and closes nothing

    done = run(copy_of_demo, "sync")
    assert done.returncode == 0, done.stdout + done.stderr
    assert FELL not in findings(copy_of_demo)
    assert steps(copy_of_demo)["value"] == "done"
