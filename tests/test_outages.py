"""A vendor that does not answer makes nothing missing: what depends on it is indeterminate, or was never evaluated."""

from __future__ import annotations

import csv

import pytest
from conftest import PROJECT
from loop import control, findings, port_of, run, truth

VENDORS = ("hubspot", "airtable", "github", "aws")


@pytest.fixture
def served(tmp_path):
    """A sandbox of this test's own, with its control surface."""
    from pipelines.sandbox.server import running
    from pipelines.sandbox.story import build_state

    with running(build_state()) as sandbox:
        yield sandbox


# two vendors for those who wait, all of them in continuous integration
@pytest.mark.parametrize(
    "vendor",
    [vendor if vendor == "hubspot" else pytest.param(vendor, marks=pytest.mark.thorough) for vendor in VENDORS],
)
def test_a_vendor_that_stops_makes_its_findings_indeterminate_and_nothing_new(copy_of_demo, served, vendor):
    before = findings(copy_of_demo)
    control(served, f"vendors/{vendor}", {"up": False})
    done = run(copy_of_demo, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "STALE since" in done.stderr
    assert "Traceback" not in done.stderr
    after = findings(copy_of_demo)
    assert set(after) == set(before), "nothing may appear or vanish because a vendor does not answer"
    needs = {
        row["rule_id"]: row["needs"].split(";")
        for row in csv.DictReader((PROJECT / "dbt/seeds/default/rule_findings.csv").open(newline=""))
    }
    kinds = {
        row["rule_id"]: row["kind"] for row in csv.DictReader((PROJECT / "dbt/seeds/default/rule_findings.csv").open(newline=""))
    }
    for finding_id, row in after.items():
        depends = vendor in needs[row["rule_id"]] and kinds[row["rule_id"]] == "absence"
        if depends:
            assert row["status"] == "indeterminate", finding_id
        else:
            assert row["status"] in {before[finding_id]["status"], "indeterminate"}, finding_id
    report = run(copy_of_demo, "report", "findings")
    assert "STALE since" in report.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_never_answered_is_not_evaluated(home, served, vendor):
    home.parent.mkdir(exist_ok=True)
    control(served, f"vendors/{vendor}", {"up": False})
    done = run(home, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "NEVER LOADED" in done.stderr
    extra = {finding_id for finding_id, row in findings(home).items() if row["status"] == "open"} - set(truth())
    assert not extra, "an outage must not look like something missing"
    report = run(home, "report", "findings")
    assert "NOT EVALUATED" in report.stderr
