"""Workbooks read as CSV files do; what is damaged is named by sheet and row, what is no workbook is refused in a sentence."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
import xlsxwriter
from conftest import PROJECT
from imports import Warehouse

from pipelines.errors import ConfigurationError
from pipelines.extract import COMPLETE
from pipelines.rules import load_rules
from pipelines.settings import load_settings
from pipelines.sources.files import open_focus_file
from pipelines.sources.files_accounts import open_accounts_file
from pipelines.sources.files_billing_sheet import open_billing_sheet_file
from pipelines.sources.files_inbox import look_into
from pipelines.sources.files_invoices import open_invoice_file
from pipelines.sources.files_several import together
from pipelines.sources.files_usage import open_usage_file
from pipelines.sources.spill import Earlier

HEADER = ["Invoice", "Date", "Amount", "Currency", "Paid"]
MIDNIGHT = datetime.fromisoformat("2026-10-01T00:00:00")  # cells know no time zone
SOUND = ["A-1", MIDNIGHT, 1250.1, "USD", None]


def workbook(path, **sheets):
    """Write a sheet for each list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def changed(path, change):
    """Write the workbook again, each part as ``change`` makes it of its name and content."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content))
    return path


@pytest.fixture
def book(tmp_path):
    return tmp_path / "invoices.xlsx"


def test_dates_and_numbers_of_a_sheet_read_as_those_of_a_csv_file(book):
    file = open_invoice_file(workbook(book, October=[HEADER, SOUND, ["A-2", date(2026, 10, 2), 0.1 + 0.2, "USD", 0]]))
    rows = list(file.rows())
    assert [(row["invoice_id"], row["issued_on"], row["amount"], row["paid_amount"]) for row in rows] == [
        ("A-1", date(2026, 10, 1), "1250.1", None),
        ("A-2", date(2026, 10, 2), "0.3", "0"),
    ]
    assert {row["file_name"] for row in rows} == {"invoices.xlsx, sheet October"}
    assert file.quarantine == []


def test_a_header_stands_below_a_merged_title_and_empty_rows_are_passed_over(book):
    workbook(book, October=[["Invoices of October"], [], HEADER, [], SOUND, [None, None, None, None, None, "a note beside it"]])
    read = openpyxl.load_workbook(book)
    read["October"].merge_cells("A1:E1")
    read.save(book)
    file = open_invoice_file(book)
    assert [row["line_number"] for row in file.rows()] == [5]
    assert file.quarantine == []


def test_every_visible_sheet_that_fits_is_read_and_the_others_are_named(book):
    workbook(book, October=[HEADER, SOUND], Notes=[["remember"]], November=[HEADER, SOUND], Old=[HEADER, SOUND], Blank=[])
    read = openpyxl.load_workbook(book)
    read["Old"].sheet_state = "hidden"
    read.save(book)
    file = open_invoice_file(book)
    assert [row["file_name"] for row in file.rows()] == ["invoices.xlsx, sheet October", "invoices.xlsx, sheet November"]
    assert file.passed_over == ["Notes (other columns)", "Old (hidden)", "Blank (empty)"]


def test_a_damaged_row_is_set_aside_with_its_sheet_and_row_and_the_others_load(book):
    rows = [
        HEADER,
        SOUND,
        ["A-2", 46000, 1, "USD"],
        ["A-3", date(2026, 10, 1), "a lot", "USD"],
        ["A-4", date(2026, 10, 1), 1, "$"],
    ]
    file = open_invoice_file(workbook(book, October=rows))
    assert [row["invoice_id"] for row in file.rows()] == ["A-1"]
    assert [(item.place, item.reason) for item in file.quarantine] == [
        ("sheet October, row 3", "date '46000' is not a day like 2026-11-16"),
        ("sheet October, row 4", "amount 'a lot' is not a number like 1234.50"),
        ("sheet October, row 5", "currency '$' is not a three-letter code"),
    ]


def test_of_a_formula_its_last_result_counts_and_one_without_a_result_is_set_aside(book):
    with xlsxwriter.Workbook(book) as written:
        sheet = written.add_worksheet("October")
        for number, row in enumerate([[*HEADER, "Remark"], ["A-1", "2026-10-01"], ["A-2", "2026-10-01"], ["A-3", "2026-10-01"]]):
            sheet.write_row(number, 0, row)
            if number:
                sheet.write_row(number, 3, ["USD", ""])
        sheet.write_formula("C2", "=40+2", None, 42)
        sheet.write_formula("C3", "=B1/0", None, "#DIV/0!")
        sheet.write_formula("C4", "=1+1", None, 7777)
        sheet.write_formula("F2", "=NA()", None, "#REF!")
    changed(book, lambda _, content: content.replace(b"<v>7777</v>", b""))
    file = open_invoice_file(book)
    assert [(row["invoice_id"], row["amount"]) for row in file.rows()] == [("A-1", "42")]
    assert [(item.place, item.reason) for item in file.quarantine] == [
        ("sheet October, row 3", "cell C3 holds the error #DIV/0!"),
        (
            "sheet October, row 4",
            "cell C4 holds a formula that was never calculated; open the workbook in a spreadsheet program and save it",
        ),
    ]


def test_a_workbook_whose_size_a_program_wrote_wrongly_is_read_whole(book):
    workbook(book, October=[HEADER, SOUND])
    changed(book, lambda _, content: content.replace(b'<dimension ref="A1:E2"', b'<dimension ref="A1:A1"'))
    assert [row["amount"] for row in open_invoice_file(book).rows()] == ["1250.1"]


def test_a_row_number_that_no_sheet_has_ends_the_reading(book):
    workbook(book, October=[HEADER, SOUND, ["A-2", date(2026, 10, 2), 5, "USD"]])
    changed(book, lambda _, content: content.replace(b'<row r="3"', b'<row r="99999999999"'))
    assert [row["invoice_id"] for row in open_invoice_file(book).rows()] == ["A-1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            bytes.fromhex("D0CF11E0A1B11AE1") + "EncryptedPackage".encode("utf-16-le"),
            "is protected by a password. Save it without one",
        ),
        (bytes.fromhex("D0CF11E0A1B11AE1") + b"Workbook", "of the old form .* Save it as .xlsx or CSV"),
        (b"invoice,date,amount,currency\n", "is not a workbook that can be read"),
        (b"", "is not a workbook that can be read"),
        (b"PK\x03\x04" + b"\0" * 90, "is not a workbook that can be read"),
    ],
)
def test_what_is_no_workbook_is_refused_with_what_to_do(book, content, words):
    book.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        open_invoice_file(book)


@pytest.mark.parametrize("lost", ["xl/workbook.xml", "[Content_Types].xml", "xl/worksheets/sheet1.xml"])
def test_a_workbook_with_a_damaged_part_is_refused_with_what_to_do(book, lost):
    workbook(book, October=[HEADER, SOUND])
    changed(book, lambda name, content: content[: len(content) // 2] if name == lost else content)
    with pytest.raises(ConfigurationError, match="Open it, save it as .xlsx again, or save it as CSV"):
        list(open_invoice_file(book).rows())


def test_a_workbook_that_unpacks_to_far_more_than_it_is_is_not_opened(book):
    workbook(book, October=[HEADER, SOUND])
    padding = b"<!--" + b" " * 64_000_000 + b"-->"
    changed(book, lambda name, content: content + padding if name.endswith("sheet1.xml") else content)
    with pytest.raises(ConfigurationError, match="times its size, as no spreadsheet does; it was not opened"):
        open_invoice_file(book)


def test_entities_that_unfold_to_more_and_more_are_refused(book):
    workbook(book, October=[HEADER, SOUND])
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 40}">' for n in range(1, 9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY e0 "{"x" * 100}">{entities}]><workbook>&e8;</workbook>'.encode()
    changed(book, lambda name, content: bomb if name == "xl/workbook.xml" else content)
    with pytest.raises(ConfigurationError, match="is not a workbook that can be read"):
        open_invoice_file(book)


def test_without_a_sheet_that_fits_the_sentence_names_the_sheet_and_what_it_lacks(book):
    with pytest.raises(
        ConfigurationError, match=r"invoices.xlsx, sheet October is not a file of invoices: it lacks the column currency"
    ):
        open_invoice_file(workbook(book, October=[["Report"], HEADER[:3]], Notes=[["remember"]]))
    with pytest.raises(ConfigurationError, match="has no visible sheet with anything on it"):
        open_invoice_file(workbook(book, October=[]))
    with pytest.raises(ConfigurationError, match="of a form that handoff does not read. Save it as .xlsx or CSV"):
        open_invoice_file(workbook(book, October=[HEADER]).rename(book.with_suffix(".ods")))


def test_usage_accounts_costs_and_the_billing_sheet_are_read_of_workbooks_too(tmp_path):
    settings, rules = load_settings(handoff_home=tmp_path, _env_file=None), load_rules(PROJECT / "dbt/seeds/default")
    months = [["cluster", "month", "users"], ["fern", date(2026, 9, 1), 41], ["fern", "2026-10", "N/A"]]
    people = [["hub", "date", "user"], ["moor", date(2026, 9, 1), "ana"]]
    usage = open_usage_file(workbook(tmp_path / "usage.xlsx", Months=months, People=people), settings, rules)
    assert [(row["hub"], row["period_kind"], row.get("user_count")) for row in usage.rows()] == [
        ("fern", "month", 41),
        ("fern", "month", None),
        ("moor", "day", None),
    ]
    accounts = open_accounts_file(
        workbook(
            tmp_path / "accounts.xlsx", Accounts=[["Provider", "Account", "Deal"], ["AWS", 222200100101, 1001], ["AWS", 1, None]]
        )
    )
    assert [(row["sub_account_id"], row["deal_id"]) for row in accounts.rows()] == [("222200100101", "1001")]
    assert [item.place for item in accounts.quarantine] == ["accounts.xlsx, sheet Accounts, row 3"]
    focus = ["BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "ChargeCategory", "ChargePeriodStart"]
    focus += ["ChargePeriodEnd", "ProviderName"]
    charge = [12.5, 999, "USD", date(2026, 10, 1), "Usage", MIDNIGHT, MIDNIGHT.replace(hour=12), "Azure"]
    costs = open_focus_file(workbook(tmp_path / "costs.xlsx", Export=[focus, charge, [*charge[:4], "Gift", *charge[5:]]]))
    [[row]] = costs.batches()
    assert (row["billed_cost"], row["billing_account_id"], str(row["charge_period_end"])) == (
        "12.5",
        "999",
        "2026-10-01 12:00:00+00:00",
    )
    assert [item.place for item in costs.quarantine] == ["sheet Export, row 3"]
    sheet = open_billing_sheet_file(
        workbook(tmp_path / "billing.xlsx", Costs=[["Month", 1001, "Fern"], ["2026-09", 5, None]], Old=[["a", "b"]])
    )
    assert [(row["header"], row["deal_id"], row["last_filled_line"]) for row in sheet.rows()] == [
        ("Month", None, 2),
        ("1001", "1001", 2),
        ("Fern", None, None),
    ]
    assert sheet.passed_over == ["Old (only the first sheet is read)"]


def test_a_workbook_again_changes_nothing_and_a_sheet_that_it_no_longer_has_takes_its_rows_along(tmp_path, book):
    loaded = Warehouse(tmp_path)

    def names():
        return [row[0] for row in loaded.rows("select file_name from raw_files.invoices order by 1")]

    for _ in range(2):
        loaded.land(open_invoice_file(workbook(book, October=[HEADER, SOUND], November=[HEADER, SOUND])))
        assert loaded.outcome.status == COMPLETE
        assert names() == ["invoices.xlsx, sheet November", "invoices.xlsx, sheet October"]
    loaded.land(open_invoice_file(workbook(book, November=[HEADER, SOUND, SOUND])))
    assert names() == ["invoices.xlsx, sheet November"] * 2


def test_several_files_are_one_import_and_none_takes_the_place_of_another(tmp_path):
    loaded = Warehouse(tmp_path)
    one, two = (workbook(tmp_path / f"{name}.xlsx", October=[HEADER, [name, *SOUND[1:]]]) for name in ("one", "two"))
    loaded.land(together([open_invoice_file(one), open_invoice_file(two)]))
    assert loaded.outcome.row_count == 2
    (tmp_path / "elsewhere").mkdir()
    again = workbook(tmp_path / "elsewhere" / "one.xlsx", October=[HEADER, SOUND])
    with pytest.raises(ConfigurationError, match="have one name"):
        together([open_invoice_file(one), open_invoice_file(again)])
    same = tmp_path / "three.xlsx"
    same.write_bytes(one.read_bytes())
    with pytest.raises(ConfigurationError, match=r"three.xlsx holds the same as .*one.xlsx. Leave one of the two out"):
        together([open_invoice_file(one), open_invoice_file(same)])


def test_the_inbox_reads_workbooks_once_and_names_the_one_that_cannot_be_read(tmp_path):
    folder = tmp_path / "inbox" / "invoices"
    folder.mkdir(parents=True)
    workbook(folder / "october.xlsx", October=[HEADER, SOUND])
    (folder / "broken.xlsx").write_bytes(b"PK")
    loaded = Warehouse(tmp_path)
    settings, rules = load_settings(handoff_home=tmp_path, _env_file=None), load_rules(PROJECT / "dbt/seeds/default")
    inbox = look_into(settings, rules, Earlier("files", loaded.building))
    loaded.land(inbox)
    assert loaded.rows("select amount from raw_files.invoices") == [("1250.1",)]
    assert list(inbox.problems) == ["invoices/broken.xlsx"]
    assert look_into(settings, rules, Earlier("files", loaded.building)).files == []


@pytest.mark.thorough
def test_many_rows_are_read_in_the_memory_of_a_few(tmp_path):
    path = tmp_path / "usage.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as written:
        sheet = written.add_worksheet("Usage")
        sheet.write_row(0, 0, ["cluster", "month", "users"])
        for number in range(1, 200_001):
            sheet.write_row(number, 0, [f"hub-{number}", "2026-10", number % 100])
    code = (
        "import resource, sys; from pathlib import Path; from pipelines.sources.files_usage import open_usage_file\n"
        "from pipelines.rules import load_rules; from pipelines.settings import load_settings\n"
        "settings, rules = load_settings(handoff_home=Path(sys.argv[2]), _env_file=None), load_rules(Path('dbt/seeds/default'))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = sum(1 for _ in open_usage_file(Path(sys.argv[1]), settings, rules).rows())\n"
        "print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "home"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    count, mib = map(int, done.stdout.split())
    assert count == 200_000
    assert mib < 100, f"{mib} MiB more"
