"""The inbox: what lies in it is read by the next sync, once for what it holds; what cannot be read holds up nothing else."""

from __future__ import annotations

import pytest
from conftest import PROJECT
from cost_exports import Export
from demo import copied
from imports import Warehouse
from loop import run

from pipelines import warehouse
from pipelines.extract import COMPLETE
from pipelines.rules import load_rules
from pipelines.settings import load_settings
from pipelines.sources.files_inbox import look_into
from pipelines.sources.spill import Earlier

INVOICES = "Invoice,Date,Due,Deal,Component,From,To,Amount,Currency,Paid\n"
USAGE = "hub,month,users\nalpha,2026-10,7\n"
COSTS = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ProviderName\n"
    "{},999,USD,2026-10-01T00:00:00Z,Usage,2026-10-02T00:00:00Z,2026-10-03T00:00:00Z,Azure\n"
)


class InboxHome:
    """A home with an inbox, and a private copy that it is read into."""

    def __init__(self, folder):
        self.folder, self.loaded = folder, Warehouse(folder)

    def put(self, place, text):
        path = self.folder / "inbox" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def look(self):
        settings = load_settings(handoff_home=self.folder, _env_file=None)
        return look_into(settings, load_rules(PROJECT / "dbt/seeds/default"), Earlier("files", self.loaded.building))

    def read(self):
        inbox = self.look()
        self.loaded.land(inbox)
        assert self.loaded.outcome.status == COMPLETE
        return inbox

    def amounts(self):
        return [row[0] for row in self.loaded.rows("select amount from raw_files.invoices order by file_name, line_number")]

    def costs(self):
        return [row[0] for row in self.loaded.rows("select billed_cost from raw_files.focus_costs order by 1")]


@pytest.fixture
def home(tmp_path):
    return InboxHome(tmp_path)


def test_files_of_every_kind_are_read_in_one_go(home):
    home.put("invoices/october.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n")
    home.put("usage/hubs.csv", USAGE)
    home.put("costs/azure.csv", COSTS.format("12.50"))
    inbox = home.read()
    assert inbox.row_count == 3
    assert home.amounts() == ["10"]
    assert home.costs() == ["12.50"]
    assert home.loaded.rows("select count(*) from raw_files.usage") == [(1,)]


def test_a_file_that_is_known_is_not_opened_again_and_its_rows_stay(home):
    home.put("invoices/october.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n")
    home.read()
    home.put("invoices/november.csv", INVOICES + "A-2,2026-11-01,,,,,,20,USD,\n")
    assert [file.path.name for file in home.read().files] == ["november.csv"]
    assert home.amounts() == ["20", "10"]
    assert home.look().files == []


def test_a_changed_file_replaces_what_it_brought_before(home):
    path = home.put("invoices/october.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n")
    home.read()
    path.write_text(INVOICES + "A-1,2026-10-01,,,,,,11,USD,\n")
    home.read()
    assert home.amounts() == ["11"]


def test_a_file_that_is_taken_away_leaves_its_rows(home):
    home.put("invoices/october.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n").rename(home.folder / "elsewhere.csv")
    assert home.look().files == []
    (home.folder / "elsewhere.csv").rename(home.folder / "inbox/invoices/october.csv")
    home.read()
    (home.folder / "inbox/invoices/october.csv").unlink()
    home.put("costs/azure.csv", COSTS.format("3"))
    home.read()
    assert home.amounts() == ["10"]


def test_the_same_file_under_two_names_is_read_once_and_named(home):
    home.put("invoices/a.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n")
    home.put("invoices/b.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n")
    inbox = home.read()
    assert home.amounts() == ["10"]
    assert list(inbox.problems) == ["invoices/b.csv"]
    assert "holds the same as a.csv beside it, so it was not read twice" in inbox.problems["invoices/b.csv"]


def test_a_known_file_under_a_new_name_is_not_read_twice(home):
    home.put("invoices/a.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n").rename(home.folder / "inbox/invoices/b.csv")
    home.read()
    (home.folder / "inbox/invoices/b.csv").rename(home.folder / "inbox/invoices/c.csv")
    assert home.look().files == []
    assert home.amounts() == ["10"]


def test_a_file_that_cannot_be_read_is_named_and_holds_up_no_other(home):
    home.put("invoices/wrong.csv", "Name,Colour\nx,y\n")
    home.put("invoices/right.csv", INVOICES + "A-1,2026-10-01,,,,,,10,USD,\n")
    home.put("letters/dear.csv", "x\n")
    home.put("loose.csv", "x\n")
    home.put("costs/table.parquet", "no parquet")
    inbox = home.read()
    assert home.amounts() == ["10"]
    assert sorted(inbox.problems) == ["costs/table.parquet", "invoices/wrong.csv", "letters", "loose.csv"]
    assert "lacks the columns" in inbox.problems["invoices/wrong.csv"]
    assert "Put it into costs, accounts, billing-sheet, invoices, usage" in inbox.problems["loose.csv"]
    assert {row["record_ref"] for row in home.loaded.outcome.quarantine} == set(inbox.problems)


def test_what_is_still_being_copied_waits(home):
    home.put("invoices/.october.csv.swp", "x")
    home.put("invoices/october.csv.part", "x")
    inbox = home.look()
    assert (inbox.files, inbox.problems) == ([], {})


def test_an_import_beside_it_leaves_what_the_inbox_brought(home):
    home.put("costs/azure.csv", COSTS.format("3"))
    home.read()
    other = home.folder / "imported.csv"
    other.write_text(COSTS.format("4"))
    from pipelines.sources.files import open_focus_file

    home.loaded.land(open_focus_file(other))
    assert home.costs() == ["3", "4"]


@pytest.mark.thorough
def test_a_sync_reads_the_inbox_says_what_it_cannot_read_and_forgets_it_once_it_is_mended(demo_home, tmp_path):
    home = copied(demo_home, tmp_path / "home")
    for folder in ("invoices", "costs"):
        (home / "inbox" / folder).mkdir(parents=True)
    wrong = home / "inbox/invoices/october.csv"
    wrong.write_text(INVOICES + "A-1,2026-10-01,,,,,,10,USD,\nA-2,someday,,,,,,5,USD,\n")
    (home / "inbox/costs/azure.csv").write_text("Name\nx\n")
    ended = run(home, "sync", "--brief", COST_EXPORTS=str(tmp_path / "nowhere"))
    assert ended.returncode == 2, ended.stderr
    assert "Imported files (cost exports): STALE since" in ended.stderr
    assert "azure.csv is not a FOCUS 1.x cost file" in ended.stderr
    aside = "select table_name, record_ref from marts.rpt_quarantine where source = 'files' order by 1"
    rows = warehouse.open_current(home).rows(aside)
    assert [tuple(row.values()) for row in rows] == [("inbox", "costs/azure.csv"), ("invoices", "october.csv, line 3")]
    wrong.write_text(INVOICES + "A-1,2026-10-01,,,,,,10,USD,\nA-2,2026-10-02,,,,,,5,USD,\n")
    (home / "inbox/costs/azure.csv").write_text(COSTS.format("3"))
    Export(tmp_path / "exports").deliver("2026-10", [("2026-10-01", 1), ("2026-10-02", 2)])
    ended = run(home, "sync", "--brief", COST_EXPORTS=str(tmp_path / "exports"))
    assert ended.returncode == 0, ended.stderr
    assert warehouse.open_current(home).rows(aside) == []
    known = warehouse.open_current(home).rows(
        "select table_name, row_count from marts.rpt_source_tables where source = 'files' and row_count > 0 order by 1"
    )
    assert [tuple(row.values()) for row in known] == [
        ("daily_costs", 2),  # of the export, whose charges stay in it
        ("exports", 1),
        ("focus_costs", 1),
        ("invoices", 2),
    ]
