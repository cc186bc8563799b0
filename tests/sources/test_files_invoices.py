"""Invoice files: lines with what was billed and paid; damaged rows are set aside, and what nobody said is not zero."""

from __future__ import annotations

from datetime import date

import pytest

from pipelines.errors import ConfigurationError
from pipelines.sources.files_invoices import open_invoice_file

HEADER = "Invoice,Date,Due,Deal,Component,From,To,Amount,Currency,Paid"


def read(tmp_path, *lines, header=HEADER):
    path = tmp_path / "invoices.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    file = open_invoice_file(path)
    return file, list(file.rows())


def test_a_line_keeps_its_amounts_as_text_and_an_empty_paid_is_not_zero(tmp_path):
    file, rows = read(
        tmp_path,
        "A-1,2026-10-01,2026-10-31,1001,Cloud,2026-09-01,2026-09-30,1250.10,USD,",
        "A-1,2026-10-01,2026-10-31,1001,,,,-50,USD,0",
    )
    assert [(row["invoice_id"], row["component"], row["amount"], row["paid_amount"]) for row in rows] == [
        ("A-1", "cloud", "1250.10", None),
        ("A-1", None, "-50", "0"),
    ]
    assert rows[0]["issued_on"] == date(2026, 10, 1)
    assert (rows[0]["service_from_on"], rows[0]["service_to_on"]) == (date(2026, 9, 1), date(2026, 9, 30))
    assert file.row_count == 2
    assert file.quarantine == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",2026-10-01,,,,,,1,USD,", "invoice is empty"),
        ("A-1,,,,,,,1,USD,", "date is empty"),
        ("A-1,1.10.2026,,,,,,1,USD,", "date '1.10.2026' is not a day like 2026-11-16"),
        ("A-1,2026-10-01,,,,,,a lot,USD,", "amount 'a lot' is not a number like 1234.50"),
        ("A-1,2026-10-01,,,,,,NaN,USD,", "amount 'NaN' is not an amount of money"),
        ("A-1,2026-10-01,,,,,,1,dollars,", "currency 'dollars' is not a three-letter code"),
        ("A-1,2026-10-01,,,rent,,,1,USD,", "component 'rent' is not one of cloud, membership, service, usage"),
        ("A-1,2026-10-01,,,,2026-10-02,2026-10-01,1,USD,", "to 2026-10-01 is before from 2026-10-02"),
        ("A-1,2026-10-01,,,,,,1,USD,none", "paid 'none' is not a number like 1234.50"),
        ("A-1,2026-10-01", "the row has 2 cells, the header has 10"),
    ],
)
def test_a_damaged_row_is_set_aside_with_its_reason_and_the_others_load(tmp_path, line, reason):
    file, rows = read(tmp_path, line, "A-2,2026-10-01,,,,,,1,USD,")
    assert [row["invoice_id"] for row in rows] == ["A-2"]
    [item] = file.quarantine
    assert (item.line_number, item.reason) == (2, reason)


def test_a_file_without_the_columns_that_must_be_there_is_refused_with_their_names(tmp_path):
    with pytest.raises(ConfigurationError, match="it lacks the columns amount, currency"):
        read(tmp_path, "A-1,2026-10-01", header="invoice,date")


def test_only_invoice_date_amount_and_currency_must_be_there(tmp_path):
    _, [row] = read(tmp_path, "A-1,2026-10-01,5.00,USD", header="invoice,date,amount,currency")
    assert row["deal_ref"] is None
    assert row["paid_amount"] is None


def test_a_folder_is_no_file_of_invoices(tmp_path):
    with pytest.raises(ConfigurationError, match="is a folder, not a file"):
        open_invoice_file(tmp_path)
