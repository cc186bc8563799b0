"""Exports that AWS delivers again and again: what the manifest names is read, once for each state of a period, from a folder or a bucket."""

from __future__ import annotations

import json
import os
import shutil
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bucket import BUCKET, served_as_bucket
from conftest import PROJECT
from cost_exports import Export
from imports import Warehouse

from pipelines.errors import ConfigurationError, GarbageAnswer
from pipelines.extract import COMPLETE, STALE
from pipelines.rules import load_rules
from pipelines.settings import load_settings
from pipelines.sources import files_stores
from pipelines.sources.files import open_focus_file
from pipelines.sources.files_exports import open_cost_exports

KEYS = {"aws_access_key_id": "AKIAINVENTED", "aws_secret_access_key": "s"}


@pytest.fixture
def warehouse(tmp_path):
    (tmp_path / "home").mkdir()
    return Warehouse(tmp_path / "home")


def opened(address, **settings):
    return open_cost_exports(str(address), load_settings(_env_file=None, **settings), load_rules(PROJECT / "dbt/seeds/default"))


def periods(partitions):
    return [partition.period for partition in partitions]


@pytest.mark.parametrize("is_parquet", [True, False], ids=["parquet", "csv"])
@pytest.mark.parametrize("overwrites", [True, False], ids=["overwrite", "create_new"])
def test_each_period_is_read_once_and_again_when_it_was_delivered_again(warehouse, tmp_path, overwrites, is_parquet):
    export = Export(tmp_path / "exports", overwrites=overwrites, is_parquet=is_parquet)
    export.deliver("2026-10", [("2026-10-01", 1.25), ("2026-10-02", 2)], [("2026-10-03", 4)])
    export.deliver("2026-11", [("2026-11-01", 8)])
    first = warehouse.load(export.root)
    assert (warehouse.outcome.status, first.row_count) == (COMPLETE, 4)
    assert warehouse.costs() == {"2026-10": Decimal("7.25"), "2026-11": Decimal(8)}
    again = warehouse.load(export.root)
    assert (periods(again.read), periods(again.unchanged), again.row_count) == ([], ["2026-10", "2026-11"], 0)
    assert warehouse.costs() == {"2026-10": Decimal("7.25"), "2026-11": Decimal(8)}
    export.deliver("2026-11", [("2026-11-01", 9), ("2026-11-02", 1)])
    third = warehouse.load(export.root)
    assert (periods(third.read), periods(third.unchanged)) == (["2026-11"], ["2026-10"])
    assert warehouse.costs() == {"2026-10": Decimal("7.25"), "2026-11": Decimal(10)}
    assert warehouse.rows("select billing_period, row_count from raw_files.exports order by 1") == [
        ("2026-10", 3),
        ("2026-11", 2),
    ]
    if is_parquet:  # the charges stay in the files
        assert warehouse.rows("select count(*) from raw_files.focus_costs") == [(0,)]
        [(tags, payer, lines)] = warehouse.rows(
            "select max(tags_json), max(billing_account_id), sum(line_count) from raw_files.daily_costs"
        )
        assert (tags, payer, lines) == (None, "999", 5)
    else:
        [(tags, whole)] = warehouse.rows("select distinct tags_json, row_json->>'BillingAccountId' from raw_files.focus_costs")
        assert (json.loads(tags), whole) == ({"hub": "alpha"}, "999")


def test_a_file_that_the_newest_manifest_does_not_name_is_not_read(warehouse, tmp_path):
    export = Export(tmp_path / "exports")
    export.deliver("2026-11", [("2026-11-01", 1)], [("2026-11-02", 2)])
    export.deliver("2026-11", [("2026-11-01", 3)])
    assert len(list(export.root.rglob("*.parquet"))) == 2
    warehouse.load(export.root)
    assert warehouse.costs() == {"2026-11": Decimal(3)}


def test_of_many_deliveries_the_newest_execution_counts_whatever_the_times_of_the_files(warehouse, tmp_path):
    export = Export(tmp_path / "exports", overwrites=False)
    export.deliver("2026-11", [("2026-11-01", 1)], execution="20261102T000000.000Z-b")
    older = export.deliver("2026-11", [("2026-11-01", 5)], execution="20261101T000000.000Z-a")
    os.utime(older, (4_000_000_000, 4_000_000_000))
    warehouse.load(export.root)
    assert warehouse.costs() == {"2026-11": Decimal(1)}


def test_an_export_whose_mode_was_changed_is_read_from_the_delivery_that_came_last(warehouse, tmp_path):
    before, after = Export(tmp_path / "exports", overwrites=False), Export(tmp_path / "exports", overwrites=True)
    older = before.deliver("2026-11", [("2026-11-01", 1)])
    newer = after.deliver("2026-11", [("2026-11-01", 2)])
    for manifest, time in ((older, 1_000), (newer, 2_000)):
        os.utime(manifest, (time, time))
    warehouse.load(before.root)
    assert warehouse.costs() == {"2026-11": Decimal(2)}
    os.utime(older, (3_000, 3_000))
    warehouse.load(before.root)
    assert warehouse.costs() == {"2026-11": Decimal(1)}


def test_files_that_changed_under_the_same_manifest_are_read_again(warehouse, tmp_path):
    export = Export(tmp_path / "exports")
    manifest = export.deliver("2026-11", [("2026-11-01", 1)])
    warehouse.load(export.root)
    before = manifest.read_bytes()
    export.deliver("2026-11", [("2026-11-01", 20.5)])
    manifest.write_bytes(before)
    assert periods(warehouse.load(export.root).read) == ["2026-11"]
    assert warehouse.costs() == {"2026-11": Decimal("20.5")}


def test_a_period_that_left_the_folder_stays_and_one_that_became_empty_is_empty(warehouse, tmp_path):
    export = Export(tmp_path / "exports")
    export.deliver("2026-10", [("2026-10-01", 1)])
    export.deliver("2026-11", [("2026-11-01", 2)])
    warehouse.load(export.root)
    shutil.rmtree(export.root / "metadata/BILLING_PERIOD=2026-10")
    export.deliver("2026-11", [])
    warehouse.load(export.root)
    assert warehouse.costs() == {"2026-10": Decimal(1)}
    assert warehouse.rows("select row_count from raw_files.exports order by billing_period") == [(1,), (0,)]


def test_exports_below_one_folder_and_single_files_live_side_by_side(warehouse, tmp_path):
    one, two = Export(tmp_path / "exports", "one"), Export(tmp_path / "exports", "two", overwrites=False)
    one.deliver("2026-11", [("2026-11-01", 1)])
    two.deliver("2026-11", [("2026-11-01", 2)])
    warehouse.load(tmp_path / "exports")
    single = next(two.root.rglob("*.parquet"))
    warehouse.land(open_focus_file(shutil.copy(single, tmp_path / "single.parquet")))
    names = (
        "select distinct export_name from raw_files.daily_costs union all "
        "select distinct split_part(file_name, '/', 1) from raw_files.focus_costs order by 1"
    )
    assert warehouse.rows(names) == [("one",), ("single.parquet",), ("two",)]
    # through its own folder an export is the same export
    assert periods(warehouse.load(one.root).unchanged) == ["2026-11"]
    assert warehouse.rows(names) == [("one",), ("single.parquet",), ("two",)]


def test_damaged_rows_are_set_aside_with_file_and_line_and_a_period_of_nothing_else_is_refused(warehouse, tmp_path):
    export = Export(tmp_path / "exports", is_parquet=False)
    export.deliver("2026-11", [("2026-11-01", 1), ("2026-11-02", "free")])
    costs = warehouse.load(export.root)
    place = "focus/BILLING_PERIOD=2026-11/focus-00001.csv.gz, line 3"
    assert [item.place for item in costs.quarantine] == [place]
    assert [item["record_ref"] for item in warehouse.outcome.quarantine] == [place]
    export.deliver("2026-11", [("2026-11-01", "free")])
    warehouse.load(export.root)
    assert warehouse.outcome.status == STALE
    assert (
        "No row of focus/BILLING_PERIOD=2026-11 could be read (the first: BilledCost 'free' is not a number)"
        in warehouse.outcome.error
    )
    assert warehouse.costs() == {"2026-11": Decimal(1)}


def test_an_export_that_is_rewritten_while_it_is_read_is_not_imported(warehouse, tmp_path, monkeypatch):
    export = Export(tmp_path / "exports")
    export.deliver("2026-11", [("2026-11-01", 1)])
    warehouse.load(export.root)
    export.deliver("2026-11", [("2026-11-01", 2)])
    fetch = files_stores.Folder.fetch_columns

    def fetch_while_aws_delivers(store, stored, folder, chosen):
        found = fetch(store, stored, folder, chosen)
        export.deliver("2026-11", [("2026-11-01", 30)])
        return found

    monkeypatch.setattr(files_stores.Folder, "fetch_columns", fetch_while_aws_delivers)
    warehouse.load(export.root)
    assert "focus/BILLING_PERIOD=2026-11 was rewritten while it was read" in warehouse.outcome.error
    assert warehouse.costs() == {"2026-11": Decimal(1)}


def test_a_manifest_that_names_what_is_not_there_is_said(tmp_path):
    export = Export(tmp_path / "exports")
    export.deliver("2026-11", [("2026-11-01", 1)])
    next(export.root.rglob("*.parquet")).unlink()
    with pytest.raises(GarbageAnswer, match=r"names data/BILLING_PERIOD=2026-11/focus-00001.snappy.parquet, which is not there"):
        opened(export.root)


def test_a_folder_without_a_manifest_is_no_export(tmp_path):
    (tmp_path / "costs.csv").write_text("a,b\n")
    with pytest.raises(ConfigurationError, match="holds no manifest of a cost export"):
        opened(tmp_path)


def test_an_export_of_cur_2_is_refused_with_what_to_make_instead(warehouse, tmp_path):
    export = Export(tmp_path / "exports")
    export.deliver("2026-11", [("2026-11-01", 1)])
    pq.write_table(
        pa.table({"line_item_usage_start_date": [1], "bill_payer_account_id": ["9"]}), next(export.root.rglob("*.parquet"))
    )
    warehouse.load(export.root)
    assert warehouse.outcome.exit_code == 2
    assert warehouse.outcome.error == (
        "focus/BILLING_PERIOD=2026-11/focus-00001.snappy.parquet is in AWS's own CUR form, which handoff does not read. In AWS Data "
        "Exports make an export of the table FOCUS with AWS columns, and import that one."
    )


# S3 -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(tmp_path):
    (tmp_path / "bucket").mkdir()
    with served_as_bucket(tmp_path / "bucket") as (url, bucket):
        bucket.settings = KEYS | {"aws_endpoint_url_s3": url}
        yield bucket


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    """Five calls a second are for AWS's own servers."""
    monkeypatch.setattr("pipelines.dialects.AwsDialect.rate", (10_000, 1.0))


@pytest.mark.parametrize("is_parquet", [True, False], ids=["parquet", "csv"])
def test_a_bucket_is_read_like_a_folder_page_by_page_and_part_by_part(warehouse, bucket, monkeypatch, is_parquet):
    monkeypatch.setattr(files_stores, "_PART_BYTES", 50)
    bucket.page_size = 2
    export = Export(bucket.folder / "billing/exports", "daily costs", overwrites=False, is_parquet=is_parquet)
    export.deliver("2026-10", [("2026-10-01", 1.25)], [("2026-10-02", 2)])
    export.deliver("2026-11", [("2026-11-01", 8)])
    for name in ("2026-12-other", "unrelated"):
        (bucket.folder / name).write_text("not below the prefix")
    address = f"s3://{BUCKET}/billing/exports/daily costs/"
    warehouse.load(address, **bucket.settings)
    assert warehouse.outcome.status == COMPLETE, warehouse.outcome.error
    assert warehouse.costs() == {"2026-10": Decimal("3.25"), "2026-11": Decimal(8)}
    parts = [part for kind, key, part in bucket.requests if kind == "get" and "00002." in key]
    if not is_parquet:
        assert parts[:2] == ["bytes=0-49", "bytes=50-99"]
    assert sum(kind == "list" for kind, _, _ in bucket.requests) == 2 * 3  # five keys, two on a page, before and after
    bucket.requests.clear()
    again = warehouse.load(address, **bucket.settings)
    assert again.read == []
    assert not [key for kind, key, _ in bucket.requests if kind == "get" and "/data/" in key]
    # a copy of the same export in a folder is the same export, and its files have other marks
    assert periods(warehouse.load(export.root).read) == ["2026-10", "2026-11"]
    assert warehouse.costs() == {"2026-10": Decimal("3.25"), "2026-11": Decimal(8)}


def test_an_object_that_is_rewritten_between_its_parts_is_not_imported(warehouse, bucket, monkeypatch):
    monkeypatch.setattr(files_stores, "_PART_BYTES", 1_000)
    export = Export(bucket.folder, "focus")
    export.deliver("2026-11", [("2026-11-01", 1)])
    costs = opened(f"s3://{BUCKET}/focus", **bucket.settings)
    export.deliver("2026-11", [("2026-11-01", 2)])
    warehouse.land(costs)
    assert "was rewritten while it was read, so nothing was imported" in warehouse.outcome.error


@pytest.mark.parametrize(
    ("refusal", "address", "words"),
    [
        (None, "s3://another/focus", "There is no bucket another"),
        ((403, "AccessDenied"), f"s3://{BUCKET}/focus", "Allow s3:ListBucket on the bucket and s3:GetObject"),
        ((403, "InvalidAccessKeyId"), f"s3://{BUCKET}/focus", "S3 does not accept the keys"),
        ((400, "AuthorizationHeaderMalformed"), f"s3://{BUCKET}/focus", "Set AWS_S3_REGION to its region"),
        (None, "s3://", "names no bucket"),
        (None, f"s3://{BUCKET}/empty", "holds no manifest"),
    ],
)
def test_what_s3_refuses_is_one_sentence_with_the_next_step(bucket, refusal, address, words):
    bucket.refusal = refusal
    with pytest.raises(ConfigurationError, match=words):
        opened(address, **bucket.settings)


def test_without_keys_a_bucket_is_not_asked(bucket):
    with pytest.raises(ConfigurationError, match="cannot be read without keys of AWS"):
        opened(f"s3://{BUCKET}/focus")
    assert bucket.requests == []


def test_of_a_parquet_file_in_a_bucket_the_footer_and_the_columns_that_count_are_fetched(warehouse, bucket):
    export = Export(bucket.folder, "focus")
    export.deliver("2026-11", [("2026-11-01", 1), ("2026-11-02", 2)])
    file = next(export.root.rglob("*.parquet"))
    table = pq.read_table(file)
    unneeded = pa.array([os.urandom(200_000), os.urandom(200_000)])
    pq.write_table(table.append_column("x_Unneeded", unneeded), file, compression="none", use_dictionary=False)
    warehouse.load(f"s3://{BUCKET}/focus", **bucket.settings)
    assert warehouse.costs() == {"2026-11": Decimal(3)}
    parts = [part.removeprefix("bytes=").split("-") for kind, key, part in bucket.requests if key.endswith(".parquet") and part]
    fetched = sum(int(end) - int(start) + 1 for start, end in parts)
    assert 0 < fetched < file.stat().st_size / 4  # the footer is looked for in the last 64 kB
