"""What every page can be asked for: severities, files, a view for paper, and an earlier snapshot."""

from __future__ import annotations

import io
import re
from datetime import date

import hostile
import invented
import openpyxl
import pytest
from opened_pages import grid, open_page, said

from dashboards import exports
from dashboards.pages import PAGES
from dashboards.parts import Board, Filters
from dashboards.queries import current_reader
from pipelines.settings import load_settings

EARLIER = "20261109T060200000000Z-0001"
LAST_MONDAY = date(2026, 11, 9)


@pytest.fixture
def published(home):
    return invented.publish(home, invented.rows())


@pytest.fixture
def two_snapshots(home):
    """Publish a snapshot of a week ago with one finding less, then today's."""
    tables = invented.rows()
    tables["marts.fct_handoff_gaps"] = tables["marts.fct_handoff_gaps"][1:]
    tables["marts.rpt_run"] = [{**tables["marts.rpt_run"][0], "run_id": EARLIER, "as_of_on": LAST_MONDAY}]
    invented.publish(home, tables, EARLIER, as_of=LAST_MONDAY)
    invented.publish(home, invented.rows())


def board_of(home, **more):
    reader = current_reader(home)
    return Board(reader, load_settings(), run=reader.run(), sources=reader.sources(), evaluations=reader.evaluations(), **more)


# Severity ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [["high", "blocker"], ["blocker,high"], ["Blocker, HIGH"]])
def test_the_address_names_the_severities_that_are_shown_one_by_one_or_with_commas(published, asked):
    findings = grid(open_page("handoff", severity=asked), "What to do")
    assert [severity[0] for severity in findings["Severity"]] == ["◆ Blocker", "▲ High"]


def test_what_nobody_knows_is_a_severity_of_its_own(published):
    findings = grid(open_page("handoff", severity="unknown"), "What to do")
    assert [severity[0] for severity in findings["Severity"]] == ["? Unknown"]


def test_severity_leaves_tables_of_records_whole_and_goes_along_with_every_link(published):
    page = open_page("handoff", severity="low")
    assert len(grid(page, "Score")) == len(grid(open_page("handoff"), "Score"))
    page = open_page("summary", severity=["blocker", "high"])
    [first, *_] = [link.proto.query_string for link in page.get("page_link") if "finding=" in link.proto.query_string]
    assert "severity=blocker&severity=high" in first


def test_an_empty_list_names_the_severity_that_was_asked_for(published):
    assert "for severity medium as of" in said(open_page("handoff", severity="medium"))


# Files ---------------------------------------------------------------------------------------------------------------------


def test_a_workbook_from_a_page_holds_the_rows_as_text_and_says_whose_they_are(home):
    tables = hostile.rows()
    tables["marts.fct_handoff_gaps"][0]["reason"] = '=HYPERLINK("http://evil.invalid","ok")'
    invented.publish(home, tables)
    board = board_of(home, filters=Filters(severities=("blocker",)))
    rows = board.reader.findings("handoff-gaps")
    book = openpyxl.load_workbook(io.BytesIO(exports.workbook(rows, "handoff-gaps", board)))
    sheet, about = book.worksheets
    assert sheet.title == "handoff-gaps SANDBOX"
    assert sheet.max_row == len(rows) + 1
    cells = [cell for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d", "b"}
    assert not [cell for cell in cells if cell.data_type == "s" and str(cell.value).startswith(("=", "+", "-", "@"))]
    assert not [cell for cell in cells if cell.hyperlink]
    said_about = [row[0].value for row in about.iter_rows()]
    assert said_about[0].startswith("SANDBOX")
    assert said_about[-1] == "Only severity blocker."


def test_files_have_the_columns_of_the_report_and_nothing_of_the_page(published, home):
    board = board_of(home)
    page = open_page("handoff")
    assert {button.proto.label for button in page.get("download_button")} >= {"CSV (4 rows)", "XLSX"}
    assert "pending" not in board.reader.findings("handoff-gaps")[0]


# Paper ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_on_paper_every_table_is_whole_and_hostile_text_stays_text(home, name):
    invented.publish(home, hostile.rows())
    shown = open_page(name)
    page = open_page(name, view="print")
    assert not page.dataframe
    assert len(page.table) >= len(shown.dataframe)
    for table in page.table:
        for cell in table.value.astype(str).to_numpy().flatten():
            bare = re.sub(r"\[Open\]\(<https://[^<>()\s]+>\)", "", re.sub(r"\\.", "", cell))
            assert not re.search(r"[\[\]<>`*_~$|]|https?:[^\u2060]", bare), cell


def test_paper_names_the_filters_because_it_has_no_menu(published):
    page = open_page("handoff", view="print", owner="Tomas Okafor")
    assert "Only owner Tomas Okafor." in [element.value for element in page.text]


# Earlier snapshots -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [{"snapshot": EARLIER}, {"as_of": "2026-11-09"}, {"as_of": "2026-11-15"}])
@pytest.mark.parametrize("name", ["handoff", "fixes"])
def test_the_address_names_an_earlier_snapshot_and_the_page_says_so_plainly(two_snapshots, name, query):
    page = open_page(name, **query)
    [banner] = [element.value for element in page.warning if "earlier snapshot" in element.value]
    assert "as of Monday, 9 November 2026" in banner
    assert "As of Monday, 9 November 2026" in said(page)
    assert "Nothing is planned, applied or decided" in banner


def test_an_earlier_snapshot_shows_what_was_found_then(two_snapshots):
    assert len(grid(open_page("handoff"), "What to do")) == 4
    assert len(grid(open_page("handoff", as_of="2026-11-09"), "What to do")) == 3


def test_from_an_earlier_snapshot_nothing_can_be_planned_applied_or_decided(two_snapshots):
    labels = [button.label for button in open_page("fixes", snapshot=EARLIER).button]
    assert "Make a plan" not in labels
    page = open_page("handoff", snapshot=EARLIER, finding="HG05:deal-1022")
    assert "Record" not in [button.label for button in page.button]


def test_links_from_an_earlier_snapshot_stay_in_it(two_snapshots):
    page = open_page("summary", snapshot=EARLIER)
    queries = [link.proto.query_string for link in page.get("page_link")]
    assert queries
    assert all("snapshot=As+of+9+Nov+2026" in query for query in queries)


def test_choosing_a_snapshot_shows_it_and_choosing_none_shows_the_latest_again(two_snapshots):
    page = open_page("handoff")
    [earlier] = page.selectbox(key="snapshot").options
    assert earlier == "As of 9 Nov 2026, published 16 Nov 2026 06:02 UTC, 0001"
    page.selectbox(key="snapshot").set_value(earlier).run()
    assert "As of Monday, 9 November 2026" in said(page)
    page.selectbox(key="snapshot").set_value(None).run()
    assert "As of Monday, 16 November 2026" in said(page)
    assert "As of Monday, 9 November 2026" in said(open_page("handoff", snapshot=earlier))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"snapshot": "../../ledger"}, "is not kept any more"),
        ({"as_of": "2026-01-01"}, "No snapshot of 2026-01-01 or before is kept. The oldest speaks of 2026-11-09."),
        ({"as_of": "last Monday"}, "is no day. Write it as 2026-11-16"),
    ],
)
def test_an_address_that_names_no_snapshot_says_which_there_are(two_snapshots, query, sentence):
    assert sentence in said(open_page("handoff", **query)).replace("\\", "")


def test_the_latest_snapshot_by_its_name_is_no_earlier_one(two_snapshots):
    page = open_page("handoff", snapshot=invented.RUN_ID)
    assert not [element for element in page.warning if "earlier snapshot" in element.value]
