"""The columns of the cloud-billing sheet: which deal each is called by, how far it is filled, and what is set aside."""

from __future__ import annotations

import pytest
from loop import findings, run

from pipelines.errors import ConfigurationError
from pipelines.sources.files_billing_sheet import open_billing_sheet_file
from pipelines.sources.landing import Landing
from pipelines.sources.spill import Earlier


def sheet(
    folder, *lines, header="Month,1001,https://app.hubspot.com/contacts/7/record/0-3/1002,Fern hub,,heath", name="sheet.csv"
):
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_column_is_known_by_its_name_and_by_the_deal_in_it(tmp_path):
    read = open_billing_sheet_file(sheet(tmp_path, "2026-09,1.50,,3,,", "2026-10,2,,,,", "2026-11,,,,x,"))
    columns = {row["header"]: (row["column_number"], row["deal_id"], row["last_filled_line"]) for row in read.rows()}
    assert columns == {
        "Month": (1, None, 4),
        "1001": (2, "1001", 3),
        "https://app.hubspot.com/contacts/7/record/0-3/1002": (3, "1002", None),
        "Fern hub": (4, None, 2),
        "heath": (6, None, None),
    }
    assert read.row_count == 5
    assert read.quarantine == []


def test_a_name_that_stands_there_twice_and_a_damaged_line_are_set_aside_and_the_rest_is_read(tmp_path):
    read = open_billing_sheet_file(sheet(tmp_path, "2026-09,1", "2026-10,1,2,3", header="Month,Fern,Moor,Fern"))
    assert [row["header"] for row in read.rows()] == ["Month", "Moor"]
    assert sorted((item.place, item.reason) for item in read.quarantine) == [
        ("line 1", "2 columns are called 'Fern'; call each by one deal or community"),
        ("line 2", "the row has 2 cells, the header has 4"),
    ]


def test_the_same_sheet_again_takes_the_place_of_what_it_brought_before(tmp_path):
    landing = Landing("files", tmp_path / "landing", earlier=Earlier("files", None))
    (tmp_path / "landing").mkdir()
    open_billing_sheet_file(sheet(tmp_path, "2026-09,1,,,,")).land(landing, tmp_path)
    condition, (sha256, name, sheets) = landing._kept["billing_columns"]
    assert "file_sha256 <> ? and file_name <> ?" in condition
    assert len(sha256) == 64
    assert (name, sheets) == ("sheet.csv", "sheet.csv, sheet ")
    assert all(landing.is_kept(table) for table in ("focus_costs", "invoices", "usage", "accounts", "exports"))


@pytest.mark.parametrize(
    ("header", "words"),
    [("", "names 0 columns"), ("Month", "names 1 columns")],
)
def test_what_is_no_sheet_is_refused_with_the_reason(tmp_path, header, words):
    with pytest.raises(ConfigurationError, match=words):
        open_billing_sheet_file(sheet(tmp_path, header=header))
    with pytest.raises(ConfigurationError, match="does not exist"):
        open_billing_sheet_file(tmp_path / "nowhere.csv")


@pytest.mark.thorough
def test_deals_without_a_column_are_named_once_a_sheet_is_imported_until_they_have_one(copy_of_demo, tmp_path):
    assert not [finding for finding in findings(copy_of_demo) if finding.startswith("HG05")]
    done = run(
        copy_of_demo, "import", "billing-sheet", str(sheet(tmp_path, "2026-10,1,2", header="Month,1002,Fernhollow Phenology"))
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 columns of sheet.csv are known to the handoff report." in done.stdout
    named = {finding for finding in findings(copy_of_demo) if finding.startswith("HG05")}
    assert "HG05:deal-1003" in named
    assert not named & {"HG05:deal-1001", "HG05:deal-1002"}

    again = run(copy_of_demo, "import", "billing-sheet", str(sheet(tmp_path, "2026-10,1,2", header="Month,1002,1003")))
    assert again.returncode == 0, again.stdout + again.stderr
    # what has gone is resolved by the next sync, which asks HubSpot, too
    named = {finding: row["status"] for finding, row in findings(copy_of_demo).items() if finding.startswith("HG05")}
    assert named["HG05:deal-1001"] == "open", "its column is gone"
    assert named.get("HG05:deal-1003") == "indeterminate"
