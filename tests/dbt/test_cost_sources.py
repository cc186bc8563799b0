"""Cost Explorer, its tags and AWS's own exports meet in the marts over two months: every account and month is counted once."""

from __future__ import annotations

import dataclasses
import json
import shutil
from decimal import Decimal

import pytest
from conftest import PROJECT
from demo import copied
from loop import run

from pipelines import warehouse
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import SANDBOX_TOKEN

TAGGED, EXPORTED = "222200104101", "222200100101"  # of deals 1041 and 1001
HEADER = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodEnd,ChargePeriodStart,"
    "ProviderName,SubAccountId,Tags"
)


def command_over(home, rules, state):
    """Return what runs a command over ``home`` and returns what it printed."""

    def completed(*arguments, **environment):
        done = run(home, *arguments, RULES_DIR=str(rules), **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    completed.state, completed.home = state, home
    return completed


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """A command over a synced home whose sandbox tags half of an account's costs and whose rules know that tag; read only."""
    folder = tmp_path_factory.mktemp("costs")
    state = build_state()
    for row in state.aws.costs:
        if row["account"] == TAGGED and row["service"].endswith("Compute"):
            row["tags"] = {"hub": "exome"}
    kept = folder / "home" / "sandbox" / "state.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(dataclasses.asdict(state)))
    rules = shutil.copytree(PROJECT / "dbt/seeds/default", folder / "rules")
    with (rules / "map_cost_tags.csv").open("a") as file:
        file.write("hub,exome,,1042,1,true,,,A hub that lives in another deal's account\n")
    handoff = command_over(folder / "home", rules, state)
    handoff("sync")
    return handoff


@pytest.fixture
def handoff(synced, tmp_path):
    """Return what runs a command over a copy of that home; the rules stay where they are, so dbt need not parse them again."""
    return command_over(copied(synced.home, tmp_path / "home"), synced.home.parent / "rules", synced.state)


def deliver(folder, period, *rows):
    """Write one billing period of an export."""
    data, metadata = (folder / kind / f"BILLING_PERIOD={period}" for kind in ("data", "metadata"))
    data.mkdir(parents=True, exist_ok=True)
    metadata.mkdir(parents=True, exist_ok=True)
    lines = [
        f'{cost},999,USD,{period}-01 00:00:00,Usage,{day} 23:00:00,{day} 00:00:00,AWS,{EXPORTED},"{{""hub"": ""{hub}""}}"'
        for day, cost, hub in rows
    ]
    (data / "daily-00001.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    manifest = {"dataFiles": [f"s3://bucket/daily/data/BILLING_PERIOD={period}/daily-00001.csv"]}
    (metadata / "daily-Manifest.json").write_text(json.dumps(manifest))


def counted(home, account):
    """Return {(month, source, deal, what named the deal): billed cost} of what counts."""
    rows = warehouse.open_current(home).rows(
        "select strftime(usage_on, '%Y-%m') as month, cost_source, deal_id, attributed_by, sum(billed_cost) as cost "
        f"from marts.fct_daily_costs where is_counted and sub_account_id = '{account}' group by all"
    )
    return {(row["month"], row["cost_source"], row["deal_id"], row["attributed_by"]): row["cost"] for row in rows}


def spent(state, account, month, service=""):
    return sum(
        Decimal(row["amount"])
        for row in state.aws.costs
        if row["account"] == account and row["day"].startswith(month) and row["service"].endswith(service)
    )


@pytest.mark.thorough
@pytest.mark.slow
def test_tags_exports_and_days_that_stay_count_every_account_and_month_once(handoff, tmp_path):
    shares = counted(handoff.home, TAGGED)
    for month in ("2026-09", "2026-10", "2026-11"):
        of_tag = spent(handoff.state, TAGGED, month, "Compute")
        assert shares[month, "aws", "1042", "tag"] == of_tag
        assert shares[month, "aws", "1041", "account"] == spent(handoff.state, TAGGED, month) - of_tag
    assert len(shares) == 6

    export = tmp_path / "daily"
    deliver(export, "2026-10", ("2026-10-05", "7.25", "exome"), ("2026-10-06", "2", "unknown"))
    deliver(export, "2026-11", ("2026-10-31", "0.50", "exome"), ("2026-11-01", "4", "unknown"))
    told = handoff("import", "costs", str(export))
    assert "4 rows of daily are in the cost models." in told
    assert "Billing periods: 2 read, 0 as they were at the last import." in told
    expected = {
        ("2026-09", "aws", "1001", "account"): spent(handoff.state, EXPORTED, "2026-09"),
        ("2026-10", "exports", "1042", "tag"): Decimal("7.75"),
        ("2026-10", "exports", "1001", "account"): Decimal(2),
        ("2026-11", "exports", "1001", "account"): Decimal(4),
    }
    assert counted(handoff.home, EXPORTED) == expected

    # in December September has left the window of Cost Explorer, and its days are still there
    handoff("sync", "--as-of", "2026-12-05")
    assert counted(handoff.home, EXPORTED) == expected
    assert counted(handoff.home, TAGGED) == shares
    [reading] = warehouse.open_current(handoff.home).rows(
        "select paid_call_count, paid_usd from marts.rpt_sources where source = 'aws'"
    )
    assert reading["paid_usd"] == reading["paid_call_count"] * Decimal("0.01") > 0
    assert "0 read, 2 as they were" in handoff("import", "costs", str(export))
    assert counted(handoff.home, EXPORTED) == expected


@pytest.mark.thorough
@pytest.mark.slow
def test_days_that_stay_are_never_the_sandboxs_once_aws_is_real(handoff):
    assert "2026-09" in {month for month, *_ in counted(handoff.home, EXPORTED)}
    real = build_state()
    real.aws.costs = [row for row in real.aws.costs if row["day"] >= "2026-10-01"]
    with running(real) as served:
        services = ("COST_EXPLORER", "BUDGETS", "ORGANIZATIONS", "STS")
        keys = {"AWS_ACCESS_KEY_ID": SANDBOX_TOKEN, "AWS_SECRET_ACCESS_KEY": "s"}
        addresses = {f"AWS_ENDPOINT_URL_{service}": f"{served.url}/aws" for service in services}
        handoff("sync", "--as-of", "2026-12-05", **keys, **addresses)
    assert {month for month, *_ in counted(handoff.home, EXPORTED)} == {"2026-10", "2026-11"}
