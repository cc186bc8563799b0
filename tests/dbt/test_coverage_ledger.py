"""The coverage ledger of the demo holds every cent of the payer's bill, each in one class."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from pipelines import warehouse
from pipelines.sandbox.story import build_state
from pipelines.sandbox.story.aws import PAYER

# Cost Explorer is asked for this month and the two before it
FIRST_MONTH = "2026-09"
BILL = [row for row in build_state().aws.costs if row["day"] >= FIRST_MONTH]
CLASSES = {"covered", "before contract", "lapsed", "never contracted", "internal", "unattributed"}


def ledger(home, sql):
    return warehouse.open_current(home).rows(sql)


def test_the_classes_of_each_account_and_month_add_up_to_what_the_provider_billed_to_the_cent(demo_home):
    billed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in BILL:
        billed[row["account"], row["day"][:7]] += Decimal(row["amount"])
    rows = ledger(
        demo_home,
        "select sub_account_id, strftime(month_on, '%Y-%m') as month, sum(billed_cost) as billed, sum(net_cost) as net "
        "from marts.rpt_coverage_months group by all",
    )
    assert {(row["sub_account_id"], row["month"]): row["billed"] for row in rows} == to_the_cent(billed)
    assert all(row["billed"] == row["net"] for row in rows), "the bill is in the organisation's currency"


def to_the_cent(amounts):
    return {key: amount.quantize(Decimal("0.01")) for key, amount in amounts.items()}


def test_the_payers_bill_is_the_sum_of_its_ledger(demo_home):
    [row] = ledger(
        demo_home, f"select sum(billed_cost) as total from marts.fct_coverage_days where billing_account_id = '{PAYER}'"
    )
    assert row["total"] == sum(Decimal(cost["amount"]) for cost in BILL)


def test_the_demo_has_every_class_and_each_has_its_days(demo_home):
    days = {
        row["coverage"]: (row["accounts"], row["days"])
        for row in ledger(
            demo_home,
            "select coverage, count(distinct sub_account_id) as accounts, count(*) as days from marts.fct_coverage_days "
            "where usage_on between '2026-11-01' and '2026-11-15' group by all",
        )
    }
    assert set(days) == CLASSES
    assert days["internal"] == (1, 1), "the tax on the payer's own account"
    assert days["unattributed"] == (1, 15), "the account in no map"
    assert days["before contract"] == (1, 8), "2 to 9 November, before the moth hub began"
    assert days["never contracted"] == (1, 11), "the beetle hub, since 5 November"
    assert days["lapsed"] == (4, 4 + 15 + 15 + 15), "comet from the 12th, ice grain, methane and its snapshots"


def test_the_agreement_that_covers_a_day_is_named_though_the_account_is_mapped_to_its_predecessor(demo_home):
    [row] = ledger(
        demo_home,
        "select distinct deal_id, covering_deal_id, covering_deal_name from marts.fct_coverage_days "
        "where sub_account_id = '222201002101' and usage_on >= '2026-08-01'",
    )
    assert (row["deal_id"], row["covering_deal_id"]) == ("10021", "10022")
    assert row["covering_deal_name"] == "Brackwater Soundings hub 2026"
