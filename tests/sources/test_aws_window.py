"""Cost Explorer in several readings: the trailing window is replaced, older days stay, and what asking costs has a limit."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from conftest import PROJECT

from pipelines.checks import ShrinkGuard
from pipelines.extract import COMPLETE, STALE, SourceOutcome, land
from pipelines.rules import load_rules
from pipelines.sandbox.faults import fault_from
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import load_settings, prepare_dlt
from pipelines.sources.raw import OPS_TABLES, create_missing_tables
from pipelines.sources.registry import SOURCES, Errand

NOVEMBER, DECEMBER = date(2026, 11, 16), date(2026, 12, 5)
ACCOUNT = "222200100101"
RULES = PROJECT / "dbt/seeds/default"


@pytest.fixture(scope="module")
def server():
    with running(build_state()) as sandbox:
        yield sandbox


class Warehouse:
    """A private copy into which AWS is read again and again, as ``sync`` does it."""

    def __init__(self, sandbox, folder):
        self.sandbox, self.folder, self.count = sandbox, folder, 0
        self.building = folder / "wh.duckdb"
        self.aws = sandbox.world.state.aws
        self.rules = RULES

    def read(self, as_of=NOVEMBER, **settings):
        """Read once; return how it went."""
        self.count += 1
        work = self.folder / f"run-{self.count}"
        prepare_dlt(work)
        errand = Errand(
            load_settings(handoff_home=self.folder, _env_file=None, email_hash_key="the same in every home", **settings),
            load_rules(self.rules),
            as_of,
            self.sandbox.url,
            self.building,
            work / "landing",
        )
        previous = None
        if self.building.exists():
            previous = self.folder / f"published-{self.count}.duckdb"
            previous.write_bytes(self.building.read_bytes())
        outcome = SourceOutcome("aws", True, datetime.now(UTC), last_complete_at=previous and datetime.now(UTC))
        self.sandbox.world.requests.clear()
        land(outcome, lambda: SOURCES["aws"](errand), building_file=self.building, previous_file=previous, work=work)
        return outcome

    def asked(self, *operations):
        """Return how many calls of these operations the last reading made."""
        return sum(request.get("operation") in operations for request in self.sandbox.world.requests)

    def rows(self, sql):
        with duckdb.connect(str(self.building)) as connection:
            return connection.execute(sql).fetchall()

    def days(self):
        """Return what each day cost."""
        sql = "select usage_on, sum(cast(amount as decimal(28, 10))) from raw_aws.costs group by usage_on"
        return dict(self.rows(sql))


@pytest.fixture
def warehouse(server, tmp_path, monkeypatch):
    # the pace is the transport's matter and has tests of its own
    monkeypatch.setattr("pipelines.dialects.AwsDialect.rate", (10_000, 1.0))
    server.world.state = build_state()
    server.world.limits = {}
    return Warehouse(server, tmp_path)


def charge(day, amount, account=ACCOUNT):
    return {
        "day": day,
        "account": account,
        "service": "Amazon Elastic File System",
        "record_type": "Usage",
        "amount": amount,
        "estimated": True,
    }


def test_in_the_next_month_the_days_that_leave_the_window_stay(warehouse):
    assert warehouse.read().status == COMPLETE
    before = warehouse.days()
    warehouse.aws.costs.append(charge("2026-12-01", "7.00"))
    assert warehouse.read(DECEMBER).status == COMPLETE
    assert [str(on) for on in warehouse.rows("select window_start_on, window_end_on from raw_aws.readings")[0]] == [
        "2026-10-01",
        "2026-12-05",
    ]
    assert min(before) == date(2026, 9, 1)  # the window of November
    assert warehouse.days() == before | {date(2026, 12, 1): Decimal("7.00")}


def test_an_amount_that_aws_restates_replaces_the_one_before(warehouse):
    warehouse.read()
    [row] = [
        row
        for row in warehouse.aws.costs
        if (row["day"], row["account"]) == ("2026-10-07", ACCOUNT) and row["service"].endswith("File System")
    ]
    row["amount"] = "123.4500000000"
    warehouse.read()
    found = warehouse.rows(
        f"select amount from raw_aws.costs where usage_on = '2026-10-07' and account_id = '{ACCOUNT}' and service like '%File System'"
    )
    assert found == [("123.4500000000",)]


def test_what_disappears_in_the_window_disappears_and_what_disappears_before_it_stays(warehouse):
    warehouse.read()
    before = warehouse.days()
    warehouse.aws.costs = [row for row in warehouse.aws.costs if row["day"] not in {"2026-09-15", "2026-10-15"}]
    warehouse.read(DECEMBER)
    assert date(2026, 10, 15) in before
    assert date(2026, 10, 15) not in warehouse.days()
    assert warehouse.days()[date(2026, 9, 15)] == before[date(2026, 9, 15)]


def test_a_reading_as_of_an_earlier_day_takes_no_later_days_away(warehouse):
    warehouse.read()
    before = warehouse.days()
    warehouse.read(date(2026, 10, 10))
    assert {day: amount for day, amount in warehouse.days().items() if day >= date(2026, 9, 1)} == before


def test_two_readings_without_a_change_leave_identical_tables(warehouse):
    columns = "* exclude (_dlt_load_id, _dlt_id)"
    tables = (
        "accounts",
        "readings",
        "costs",
        "cost_tags",
        "cost_forecasts",
        "budgets",
        "budget_notifications",
        "budget_subscribers",
    )
    warehouse.read()
    before = {table: sorted(warehouse.rows(f"select {columns} from raw_aws.{table}"), key=repr) for table in tables}
    warehouse.read()
    assert {table: sorted(warehouse.rows(f"select {columns} from raw_aws.{table}"), key=repr) for table in tables} == before


def test_another_payer_gets_no_days_of_the_one_before(warehouse):
    warehouse.read()
    warehouse.aws.payer_account_id = "999900002222"
    warehouse.aws.accounts.append({"Id": "999900002222", "Name": "Somebody else", "Status": "ACTIVE"})
    warehouse.read(DECEMBER)
    assert warehouse.rows("select distinct payer_account_id from raw_aws.costs") == [("999900002222",)]
    assert min(warehouse.days()) == date(2026, 10, 1)


def test_an_account_that_aws_has_forgotten_keeps_its_name_while_its_days_are_kept(warehouse):
    warehouse.aws.accounts.append({"Id": "111", "Name": "long closed", "Status": "SUSPENDED"})
    warehouse.aws.accounts.append({"Id": "112", "Name": "never used", "Status": "SUSPENDED"})
    warehouse.aws.costs.append(charge("2026-09-02", "1.00", "111"))
    warehouse.read()
    del warehouse.aws.accounts[-2:]
    warehouse.read(DECEMBER)
    assert warehouse.rows("select id, name from raw_aws.accounts where id in ('111', '112')") == [("111", "long closed")]


def test_a_new_month_does_not_look_like_a_loss(warehouse):
    first = warehouse.read()
    previous = warehouse.folder / "with-counts.duckdb"
    previous.write_bytes(warehouse.building.read_bytes())
    with duckdb.connect(str(previous)) as connection:
        create_missing_tables(connection)
        for table, rows in first.row_counts.items():
            connection.execute("insert into ops.source_tables values ('aws', ?, ?, null)", [table, rows])
        nulls = ", ".join(["null"] * (len(OPS_TABLES["source_status"]) - 3))
        connection.execute(f"insert into ops.source_status values ('aws', 'complete', true, {nulls})")
    guard = ShrinkGuard(warehouse.folder, load_rules(RULES))
    second = warehouse.read(DECEMBER)
    assert guard.shrunk_tables(previous, [second]) == []
    second.row_counts["costs"] = first.row_counts["costs"] // 2
    assert [item.table for item in guard.shrunk_tables(previous, [second])] == ["costs"]


def test_a_window_that_is_suddenly_empty_is_not_believed(warehouse):
    warehouse.read()
    before = warehouse.days()
    warehouse.aws.costs = []
    outcome = warehouse.read()
    assert outcome.status == STALE
    assert "nothing was spent since 2026-09-01" in outcome.error
    assert warehouse.days() == before


def test_a_payer_that_never_spent_anything_is_read(warehouse):
    warehouse.aws.costs = []
    assert warehouse.read().status == COMPLETE
    assert warehouse.days() == {}


@pytest.mark.parametrize("page_size", [5000, 300])
def test_every_page_of_cost_explorer_is_counted(warehouse, page_size):
    warehouse.sandbox.world.limits = {"aws.page_size": page_size}
    warehouse.read()
    asked = warehouse.asked("GetCostAndUsage", "GetDimensionValues", "GetCostForecast")
    assert warehouse.rows("select paid_call_count, paid_usd from raw_aws.readings") == [(asked, f"{asked / 100:.2f}")]


def test_a_try_whose_answer_was_lost_is_counted_too(warehouse):
    fault = fault_from({"kind": "500", "vendor": "aws", "path": "GetCostForecast"})
    warehouse.sandbox.world.faults.append(fault)
    assert warehouse.read().status == COMPLETE
    warehouse.sandbox.world.faults.clear()
    assert fault.hits == 1
    assert warehouse.asked("GetCostForecast") == 2
    asked = warehouse.asked("GetCostAndUsage", "GetDimensionValues", "GetCostForecast")
    assert warehouse.rows("select paid_call_count from raw_aws.readings") == [(asked,)]


def test_more_paid_calls_than_the_setting_allows_end_the_reading_and_keep_the_old_days(warehouse):
    warehouse.read()
    before = warehouse.days()
    warehouse.sandbox.world.limits = {"aws.page_size": 300}
    outcome = warehouse.read(aws_cost_explorer_max_calls=5)
    assert outcome.status == STALE
    assert outcome.exit_code == 2
    assert outcome.error == (
        "Cost Explorer was asked 5 times in this run, at $0.01 each, and there is more to read, so nothing was loaded from AWS. "
        "Set AWS_COST_EXPLORER_MAX_CALLS above 5, or read fewer months (AWS_COST_EXPLORER_MONTHS)."
    )
    assert warehouse.asked("GetCostAndUsage", "GetDimensionValues", "GetCostForecast") == 5
    assert warehouse.days() == before


def with_tags(warehouse, *keys):
    """Let the rules of this test name a value of each key."""
    warehouse.rules = shutil.copytree(RULES, warehouse.folder / "rules")
    with (warehouse.rules / "map_cost_tags.csv").open("a") as file:
        file.writelines(f"{key},alpha,,1001,{rank},true,,,\n" for rank, key in enumerate(keys))


def test_costs_are_read_once_more_for_each_tag_key_of_the_rules_and_add_up_to_the_same(warehouse):
    for row in warehouse.aws.costs:
        if row["account"] == ACCOUNT and row["service"].endswith("Compute"):
            row["tags"] = {"hub": "alpha", "$odd$": "beta"}
    with_tags(warehouse, "hub", "$odd$")
    assert warehouse.read().status == COMPLETE
    whole = warehouse.rows(
        "select usage_on, account_id, record_type, sum(cast(amount as decimal(28, 10))) from raw_aws.costs group by all order by all"
    )
    for key in ("hub", "$odd$"):
        by_tag = warehouse.rows(
            "select usage_on, account_id, record_type, sum(cast(amount as decimal(28, 10))) "
            f"from raw_aws.cost_tags where tag_key = '{key}' group by all order by all"
        )
        assert by_tag == whole
    of_alpha = sum(Decimal(row["amount"]) for row in warehouse.aws.costs if row.get("tags") and row["day"] >= "2026-09-01")
    named = warehouse.rows(
        "select tag_key, tag_value, sum(cast(amount as decimal(28, 10))) from raw_aws.cost_tags where tag_value <> '' group by all order by all"
    )
    assert named == [("$odd$", "beta", of_alpha), ("hub", "alpha", of_alpha)]
    record_types = len({row["record_type"] for row in warehouse.aws.costs})
    assert warehouse.asked("GetCostAndUsage") == 3 * record_types


def test_without_tag_keys_in_the_rules_nothing_is_asked_about_tags(warehouse):
    warehouse.read()
    assert warehouse.asked("GetCostAndUsage") == len({row["record_type"] for row in warehouse.aws.costs})
    assert warehouse.rows("select count(*) from raw_aws.cost_tags") == [(0,)]


def test_tags_of_days_that_leave_the_window_stay(warehouse):
    with_tags(warehouse, "hub")
    warehouse.read()
    september = warehouse.rows("select count(*) from raw_aws.cost_tags where usage_on < '2026-10-01'")
    assert september > [(0,)]
    warehouse.aws.costs = [row for row in warehouse.aws.costs if row["day"] != "2026-10-15"]
    warehouse.read(DECEMBER)
    assert warehouse.rows("select count(*) from raw_aws.cost_tags where usage_on < '2026-10-01'") == september
    assert warehouse.rows("select count(*) from raw_aws.cost_tags where usage_on = '2026-10-15'") == [(0,)]
