"""A FOCUS bill goes through `handoff import costs` into the cost marts, to the cent, however often it is imported."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from decimal import Decimal

import pytest
from conftest import shared_file
from demo import copied
from loop import run

from pipelines import warehouse

SAMPLE = "real/focus_1_0_sample.csv"
CENT = Decimal("0.01")


def imported_costs(home) -> dict[tuple[str, str, str], Decimal]:
    """Return what the mart says that files billed, by provider, sub-account and day, to the cent."""
    rows = warehouse.open_current(home).rows(
        "select provider_name, sub_account_id, usage_on, sum(billed_cost) as cost from marts.fct_daily_costs "
        "where cost_source = 'files' group by all"
    )
    return {
        (row["provider_name"], row["sub_account_id"], row["usage_on"].isoformat()): Decimal(row["cost"]).quantize(CENT)
        for row in rows
    }


def rows_loaded(home) -> int:
    [row] = warehouse.open_current(home).rows(
        "select row_count from marts.rpt_source_tables where source = 'files' and table_name = 'focus_costs'"
    )
    return row["row_count"]


def set_aside(home) -> list[dict]:
    return warehouse.open_current(home).rows(
        "select * from marts.rpt_quarantine where source = 'files' and table_name = 'focus_costs'"
    )


def state(home) -> tuple:
    findings = warehouse.open_current(home).rows(
        "select * exclude (evidence, last_seen_at) from marts.fct_findings order by finding_id"
    )
    months = warehouse.open_current(home).rows("select * from marts.fct_budget_months order by all")
    return imported_costs(home), rows_loaded(home), findings, months


def expected_costs(path) -> dict[tuple[str, str, str], Decimal]:
    costs: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            costs[row["ProviderName"], row["SubAccountId"], row["ChargePeriodStart"][:10]] += Decimal(row["BilledCost"])
    return {key: cost.quantize(CENT) for key, cost in costs.items()}


@pytest.mark.slow
@pytest.mark.thorough
def test_the_real_bill_arrives_to_the_cent_and_a_second_import_changes_nothing(copy_of_demo):
    bill = shared_file(SAMPLE)
    first = run(copy_of_demo, "import", "costs", str(bill))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "1,000 rows of focus_1_0_sample.csv are in the cost models." in first.stdout
    assert rows_loaded(copy_of_demo) == 1000
    assert set_aside(copy_of_demo) == []
    assert imported_costs(copy_of_demo) == expected_costs(bill)

    before = state(copy_of_demo)
    second = run(copy_of_demo, "import", "costs", str(bill))
    assert second.returncode == 0, second.stdout + second.stderr
    assert state(copy_of_demo) == before


@pytest.mark.slow
@pytest.mark.thorough
def test_damaged_rows_are_set_aside_with_their_lines_and_the_rest_of_the_bill_arrives(demo_home, tmp_path):
    lines = shared_file(SAMPLE).read_text(encoding="utf-8").splitlines()[:101]
    header = next(csv.reader(lines[:1]))
    assert all(len(cells) == len(header) for cells in csv.reader(lines)), "one line of the sample is one row"

    def damaged(line_number, column, text):
        cells = next(csv.reader([lines[line_number - 1]]))
        cells[header.index(column)] = text
        return ",".join(cell if cell == "NULL" else '"' + cell.replace('"', '""') + '"' for cell in cells)

    changes = {
        12: (damaged(12, "BilledCost", "a lot"), r"BilledCost 'a lot' is not a number"),
        34: (damaged(34, "ChargePeriodStart", "2024-13-01 00:00:00"), r"ChargePeriodStart '2024-13-01 00:00:00' is not a time"),
        56: (lines[55].removeprefix("NULL,"), rf"the row has {len(header) - 1} cells, the header has {len(header)}"),
        78: ("".join(lines[77].rsplit('"', 1)), r"(a quote is never closed|the line is not CSV)"),
    }
    for line_number, (text, _) in changes.items():
        assert text != lines[line_number - 1], line_number
    bill = tmp_path / "damaged.csv"
    bill.write_text("\n".join(changes[number][0] if number in changes else line for number, line in enumerate(lines, 1)) + "\n")
    sound = tmp_path / "sound.csv"
    sound.write_text("\n".join(line for number, line in enumerate(lines, 1) if number not in changes) + "\n")

    home = copied(demo_home, tmp_path / "home")
    done = run(home, "import", "costs", str(bill))
    assert "Traceback" not in done.stderr
    assert "96 rows of damaged.csv are in the cost models." in done.stdout
    for line_number, (_, reason) in changes.items():
        assert re.search(rf"line {line_number}: .*{reason}", done.stdout), (line_number, done.stdout)
    assert len(set_aside(home)) == len(changes)
    for row in set_aside(home):
        line_number = int(re.search(r"\d+$", row["record_ref"]).group())
        assert re.search(changes[line_number][1], row["reason"]), row
        assert row["payload"]
    assert rows_loaded(home) == 96
    assert imported_costs(home) == expected_costs(sound)
