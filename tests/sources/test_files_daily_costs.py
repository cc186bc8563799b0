"""Charges are added up where they lie, and come to what reading them one by one comes to: to the last decimal, with the same refusals."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cost_exports import row

from pipelines.errors import ConfigurationError
from pipelines.sources.files import open_focus_file
from pipelines.sources.files_daily_costs import MOST_NAMED, add_up
from pipelines.sources.raw import RAW_TABLES

PLACES = Decimal("1e-10")
# shortest texts that a floating point number is only near to, ties at the tenth place, large and tiny ones, refunds
AMOUNTS = [
    *(
        0.1,
        0.2,
        0.3,
        1.005,
        2.675,
        12.345678,
        99.99999999995,
        100.1,
        1234567.89,
        987654321.123456,
        123456789012.34,
        -0.07,
        -45.5,
        0.0,
    ),
    *(1e-7, 5e-11, 1.5e-10, 2.5e-10, 0.00000000005, 0.12345678905, 0.12345678915, 1.00000000015, 33.33333333335, 1e-12, -2.5e-10),
]


def written(path, rows, **types):
    """Write rows of cells; ``types`` are those of columns whose values do not tell."""
    names = dict.fromkeys(name for one in rows for name in one)
    columns = {name: pa.array([one.get(name) for one in rows], types.get(name)) for name in names}
    pq.write_table(pa.table(columns), path, row_group_size=100)
    return path


def added(tmp_path, *paths, tag_keys=()):
    files = {f"focus/{path.name}": path for path in paths}
    found = add_up(files, export="focus", period="2026-11", tag_keys=tag_keys, memory="500MB", folder=tmp_path / "added")
    rows = duckdb.sql(f"select * from read_parquet('{found.file}')").to_arrow_table().to_pylist()
    return found, rows


def one_by_one(*paths):
    """Return what reading each charge comes to, by payer, account, day and category, and what it sets aside."""
    sums, aside = defaultdict(Decimal), []
    for path in paths:
        file = open_focus_file(path)
        for batch in file.batches():
            for charge in batch:
                key = (
                    *(charge[name] for name in ("billing_account_id", "sub_account_id")),
                    charge["charge_period_start"].date(),
                    charge["charge_category"],
                )
                sums[key] += Decimal(charge["billed_cost"]).quantize(PLACES, ROUND_HALF_UP)
        aside += [(f"focus/{path.name}", item.line_number, item.reason) for item in file.quarantine]
    return dict(sums), aside


def by_account(rows):
    sums = defaultdict(Decimal)
    for one in rows:
        key = (*(one[name] for name in ("billing_account_id", "sub_account_id", "usage_on", "charge_category")),)
        sums[key] += Decimal(one["billed_cost"])
    return dict(sums)


def charges(count, seed):
    drawn = random.Random(seed)
    for _ in range(count):
        day = f"2026-11-{drawn.randint(1, 28):02d}"
        amount = drawn.choice([drawn.choice(AMOUNTS), drawn.uniform(-1, 120), round(drawn.uniform(0, 5e5), drawn.randint(0, 9))])
        yield row("2026-11", day, amount, account=drawn.choice(["111", "222", " 333 ", None, "NULL"])) | {
            "ChargeCategory": drawn.choice(["Usage", "Tax", "Credit", "Purchase"]),
            "Tags": json.dumps({"hub": drawn.choice(["alpha", "beta"])}),
        }


@pytest.mark.parametrize("kind", ["double", "text", "decimal"])
def test_whatever_the_type_of_amounts_the_sums_are_those_of_the_single_charges(tmp_path, kind):
    rows = [*charges(400, seed=1), *(row("2026-11", "2026-11-30", amount) | {"Tags": None} for amount in AMOUNTS)]
    if kind == "text":
        rows = [one | {"BilledCost": repr(one["BilledCost"]), "ChargePeriodStart": str(one["ChargePeriodStart"])} for one in rows]
    if kind == "decimal":
        rows = [one | {"BilledCost": Decimal(repr(one["BilledCost"])).quantize(Decimal("1e-12"))} for one in rows]
    paths = [written(tmp_path / f"{number}.parquet", rows[number::2]) for number in range(2)]
    found, landed = added(tmp_path, *paths)
    sums, aside = one_by_one(*paths)
    assert (found.charge_count, found.quarantine, aside) == (len(rows), [], [])
    assert by_account(landed) == sums
    assert sum(one["line_count"] for one in landed) == len(rows)
    assert all((Decimal(one["billed_cost"]) < 0) == one["is_negative"] for one in landed)


def test_what_is_landed_has_the_columns_of_the_raw_table(tmp_path):
    found, _ = added(tmp_path, written(tmp_path / "one.parquet", list(charges(10, seed=2))))
    assert pq.read_schema(found.file).names == list(RAW_TABLES["files"]["daily_costs"])


UNSOUND = [
    {"BilledCost": "a lot"},
    {"BilledCost": None},
    {"BilledCost": "NaN"},
    {"BilledCost": "-Infinity"},
    {"BilledCost": "1e18"},
    {"BilledCost": "1000000000000000"},
    {"ChargePeriodStart": "2026-13-01 00:00:00"},
    {"ChargePeriodEnd": "2026-11-01T00:00:00Z"},
    {"BillingPeriodStart": " "},
    {"ChargeCategory": "Gift"},
    {"BillingCurrency": "usd"},
    {"BillingAccountId": "NULL"},
    {"ProviderName": None},
]


def test_an_unsound_charge_is_set_aside_with_the_words_of_reading_one_by_one_and_the_others_count(tmp_path):
    sound = {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in row("2026-11", "2026-11-01", 1.5).items()
    } | {"Tags": None}
    rows = [sound, *(sound | change for change in UNSOUND), sound]
    path = written(tmp_path / "mixed.parquet", rows, Tags=pa.string())
    found, landed = added(tmp_path, path)
    _, aside = one_by_one(path)
    assert [(item.file_name, item.line_number, item.reason) for item in found.quarantine] == aside
    assert (found.charge_count, found.refused_count) == (2, len(UNSOUND))
    assert by_account(landed) == {("999", "111", datetime(2026, 11, 1, tzinfo=UTC).date(), "Usage"): Decimal(3)}
    assert json.loads(found.quarantine[0].payload)["BilledCost"] == "a lot"


def test_of_very_many_unsound_charges_the_first_are_named_and_the_rest_counted(tmp_path):
    sound = row("2026-11", "2026-11-01", 1.5) | {"Tags": None}
    rows = [sound, *(sound | {"BillingCurrency": "?"} for _ in range(MOST_NAMED + 5))]
    found, _ = added(tmp_path, written(tmp_path / "bad.parquet", rows, Tags=pa.string()))
    assert (found.refused_count, len(found.quarantine)) == (MOST_NAMED + 5, MOST_NAMED + 1)
    assert found.quarantine[-1].reason == "5 more charges of this period are unsound; the reasons of the first stand here"


@pytest.mark.parametrize("kind", ["map", "text", "struct"])
def test_tags_that_the_rules_know_are_kept_and_tell_charges_apart(tmp_path, kind):
    plain = row("2026-11", "2026-11-01", 1)
    tags = [{"hub": "alpha", "team.of": "it's"}, {"hub": "beta", "team.of": "it's"}, {"hub": "alpha", "team.of": "it's"}]
    shape = pa.map_(pa.string(), pa.string()) if kind == "map" else None
    rows = [
        plain | {"Tags": list(each.items()) if kind == "map" else json.dumps(each) if kind == "text" else each} for each in tags
    ]
    path = written(tmp_path / "tagged.parquet", rows, Tags=shape)
    _, landed = added(tmp_path, path, tag_keys=["team.of", "hub", "it's none"])
    counted = {json.loads(one["tags_json"])["hub"]: (one["line_count"], json.loads(one["tags_json"])) for one in landed}
    assert counted == {
        "alpha": (2, {"hub": "alpha", "team.of": "it's", "it's none": None}),
        "beta": (1, {"hub": "beta", "team.of": "it's", "it's none": None}),
    }


def test_files_that_are_no_parquet_or_lack_a_column_are_refused_by_name(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(
        ConfigurationError, match=r"A file of focus/BILLING_PERIOD=2026-11 is not a readable Parquet file .* Export it again"
    ):
        added(tmp_path, tmp_path / "broken.parquet")
    rows = [{name: value for name, value in one.items() if name != "BillingCurrency"} for one in charges(3, seed=3)]
    with pytest.raises(
        ConfigurationError, match=r"focus/lacking.parquet is not a FOCUS 1.x cost file: it lacks the column BillingCurrency"
    ):
        added(tmp_path, written(tmp_path / "lacking.parquet", rows))
