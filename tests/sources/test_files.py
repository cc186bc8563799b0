"""Cost files in the FOCUS form: sound rows load to the last digit, damaged ones are set aside with line and reason."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import shared_file

from pipelines.errors import ConfigurationError
from pipelines.sources.files import open_focus_file
from pipelines.sources.files_csv import LINES_PER_ROW

HEADER = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodEnd,ChargePeriodStart,"
    "ProviderName,SubAccountId,ChargeDescription"
)
ROW = "1.25,999,USD,2026-10-01 00:00:00,Usage,2026-10-02 00:00:00,2026-10-01 00:00:00,AWS,111,plain"


def read(path):
    file = open_focus_file(path)
    return file, [row for batch in file.batches() for row in batch]


def write(tmp_path, *lines, name="costs.csv"):
    path = tmp_path / name
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in (HEADER, *lines)) + b"\n")
    return path


def test_every_row_of_the_real_sample_loads_with_its_exact_cost():
    path = shared_file("real/focus_1_0_sample.csv")
    file, rows = read(path)
    with path.open(newline="") as source:
        expected = [Decimal(row["BilledCost"]) for row in csv.DictReader(source)]
    assert file.row_count == len(rows) == len(expected) == 1000
    assert file.quarantine == []
    assert [Decimal(row["billed_cost"]) for row in rows] == expected


def test_times_without_a_zone_are_utc_and_null_words_are_empty(tmp_path):
    _, [row] = read(write(tmp_path, ROW.replace(",111,", ",NULL,")))
    assert row["charge_period_start"] == datetime(2026, 10, 1, tzinfo=UTC)
    assert row["sub_account_id"] is None
    assert row["line_number"] == 2


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (ROW.replace("1.25", "1,25"), "the row has 11 cells, the header has 10"),
        (ROW.replace("1.25", "free"), "BilledCost 'free' is not a number"),
        (ROW.replace("1.25", "NaN"), "BilledCost 'NaN' is not a finite number"),
        (ROW.replace("1.25", ""), "BilledCost is empty"),
        (ROW.replace("2026-10-01 00:00:00,AWS", "yesterday,AWS"), "ChargePeriodStart 'yesterday' is not a time"),
        (ROW.replace("Usage", "Gift"), "ChargeCategory 'Gift' is not one of"),
        (ROW.replace("USD", "dollars"), "BillingCurrency 'dollars' is not a three-letter code"),
        (ROW.replace("2026-10-02", "2026-09-02"), "ChargePeriodEnd is not after"),
        (ROW.replace("plain", '"never closed'), "a quote is never closed"),
        (ROW.encode().replace(b"plain", b"\xff\xfe"), "the line is not UTF-8"),
        (ROW.replace("plain", "a\0b"), "the line holds a NUL character"),
        (ROW.replace("plain", '"a"b'), "the line is not CSV"),
    ],
)
def test_a_damaged_row_is_set_aside_with_line_and_reason_and_the_rest_loads(tmp_path, damaged, reason):
    more = [ROW] * (LINES_PER_ROW + 5)
    file, rows = read(write(tmp_path, ROW, damaged, *more))
    assert len(rows) == 1 + len(more)
    [quarantined] = file.quarantine
    assert quarantined.line_number == 3
    assert reason in quarantined.reason
    assert quarantined.payload


def test_a_quoted_cell_may_run_over_lines(tmp_path):
    _, rows = read(write(tmp_path, ROW.replace("plain", '"two\nlines, one cell"'), ROW))
    assert [row["charge_description"] for row in rows] == ["two\nlines, one cell", "plain"]


def test_gzip_and_parquet_hold_the_same_rows(tmp_path):
    plain = write(tmp_path, ROW, ROW)
    packed = tmp_path / "costs.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with plain.open(newline="") as source:
        cells = list(csv.DictReader(source))
    columnar = tmp_path / "costs.parquet"
    pq.write_table(pa.Table.from_pylist([row | {"BilledCost": Decimal(row["BilledCost"])} for row in cells]), columnar)
    wanted = ("billed_cost", "charge_period_start", "sub_account_id", "provider_name")
    answers = [[tuple(row[name] for name in wanted) for row in read(path)[1]] for path in (plain, packed, columnar)]
    assert answers[0] == answers[1] == answers[2]


def test_a_file_that_is_not_focus_is_refused_with_the_columns_it_lacks(tmp_path):
    path = tmp_path / "invoice.csv"
    path.write_text("date,amount\n2026-10-01,5\n")
    with pytest.raises(ConfigurationError, match="lacks the columns BillingAccountId, .*BilledCost"):
        open_focus_file(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing\.csv does not exist"):
        open_focus_file(tmp_path / "nothing.csv")


def test_an_absurd_amount_is_set_aside_and_the_rest_loads(tmp_path):
    header = "BillingAccountId,BillingPeriodStart,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,BillingCurrency,BilledCost"
    row = "111,2026-10-01 00:00:00,2026-10-01 00:00:00,2026-10-02 00:00:00,Usage,AWS,USD,"
    path = tmp_path / "absurd.csv"
    path.write_text("\n".join([header, f"{row}1.50", f"{row}1e400", f"{row}2.50"]) + "\n")
    costs = open_focus_file(path)
    loaded = [line["billed_cost"] for batch in costs.batches() for line in batch]
    assert loaded == ["1.50", "2.50"]
    assert [(line.line_number, line.reason) for line in costs.quarantine] == [
        (3, "BilledCost is too large to be an amount of money")
    ]
