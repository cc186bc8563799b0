"""An organisation of any size in files: its costs, read as an export, come to what its truth says."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal

import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT

from pipelines.errors import ConfigurationError
from pipelines.rules import load_rules
from pipelines.sandbox import quantities
from pipelines.settings import load_settings
from pipelines.sources.files_daily_costs import add_up
from pipelines.sources.files_exports import open_cost_exports
from pipelines.sources.raw import RAW_TABLES

ROWS, DEALS = 6_000, 12_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated") / "organisation"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantities, "ROWS_PER_FILE", 300)
        counts = []
        found = quantities.generate(folder, cost_rows=ROWS, deals=DEALS, on_file=counts.append)
    assert counts == sorted(counts)
    assert counts[-1] == ROWS
    return folder, found


def test_the_truth_is_what_the_export_comes_to_by_account_month_and_category(made, tmp_path):
    folder, found = made
    rules, settings = load_rules(PROJECT / "dbt/seeds/default"), load_settings(_env_file=None)
    partitions = open_cost_exports(str(folder / "costs"), settings, rules).partitions
    assert [partition.period for partition in partitions] == [f"2025-{12:02d}", *(f"2026-{month:02d}" for month in range(1, 12))]
    sums = defaultdict(lambda: [0, Decimal(0)])
    for partition in partitions:
        files = {file.path: folder / "costs" / file.path for file in partition.files}
        added = add_up(files, export="costs", period=partition.period, tag_keys=["hub"], memory="500MB", folder=tmp_path)
        assert added.refused_count == 0
        for row in pq.read_table(added.file).to_pylist():
            key = sums[row["billing_month_on"], row["sub_account_id"], row["charge_category"]]
            key[0] += row["line_count"]
            key[1] += Decimal(row["billed_cost"])
            assert f"{row['usage_on']:%Y-%m}" == partition.period
    truth = pq.read_table(folder / "truth.parquet").to_pylist()
    told = {
        (row["month_on"], row["account"], row["category"]): [row["row_count"], Decimal(row["millionths"]) / 1_000_000]
        for row in truth
    }
    assert dict(sums) == told
    assert sum(count for count, _ in told.values()) == found.cost_rows == ROWS
    assert json.loads((folder / quantities.TRUTH).read_text()) == {
        "cost_rows": ROWS,
        "deals": DEALS,
        "accounts": 12,
        "files": 24,
        "billed_millionths": sum(row["millionths"] for row in truth),
    }
    assert {row["category"] for row in truth} == {"Usage", "Tax", "Credit", "Purchase"}


def test_deals_are_rows_of_the_raw_table_and_each_account_has_one(made):
    folder, _ = made
    deals = pq.read_table(folder / "deals.parquet")
    assert (deals.num_rows, deals.schema.names) == (DEALS, list(RAW_TABLES["hubspot"]["deals"]))
    sql = f"""
        select count(*), count(distinct account), count(deals.id)
        from '{folder}/accounts.csv' as accounts left join '{folder}/deals.parquet' as deals on deals.id = accounts.deal::varchar
    """
    assert duckdb.sql(sql).fetchall() == [(12, 12, 12)]


def test_a_folder_that_holds_something_is_left_alone(made):
    folder, _ = made
    with pytest.raises(ConfigurationError, match=r"is not empty. Give a new folder; nothing was written"):
        quantities.generate(folder, cost_rows=1, deals=1)


@pytest.mark.parametrize(("rows", "deals"), [(0, 1), (1, 0)])
def test_nothing_is_generated_of_nothing(tmp_path, rows, deals):
    with pytest.raises(ConfigurationError, match=r"Give --cost-rows and --deals of one or more"):
        quantities.generate(tmp_path / "new", cost_rows=rows, deals=deals)
    assert not (tmp_path / "new").exists()
