"""The KPI months of the demo, reckoned once more by hand from what the story's HubSpot holds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from pipelines import warehouse
from pipelines.sandbox.story import build_state

CENT = Decimal("0.01")
SIGNED = {"1006", "2005"}  # stages of the pipelines that deliver


def kpis(home):
    rows = warehouse.open_current(home).rows("select * from marts.rpt_kpis")
    return {(row["kpi_key"], row["month_on"].isoformat()): row for row in rows}


def agreements():
    """Return first day, last day and amount of each agreement that is signed, executed, dated and in dollars."""
    for deal in build_state().hubspot.objects["deals"].values():
        said = deal.properties
        start, end = said.get("contract_start_date"), said.get("amended_end_date") or said.get("contract_end_date")
        is_signed = said["dealstage"] in SIGNED and said.get("agreement_executed") == "true" and not deal.archived_at
        is_ours = not said["dealname"].startswith("[TEST]") and said.get("amount") and said["deal_currency_code"] == "USD"
        if is_signed and is_ours and start and end:
            yield date.fromisoformat(start), date.fromisoformat(end), Decimal(said["amount"])


def test_what_is_committed_in_a_month_is_each_amount_by_its_days(demo_home):
    found = kpis(demo_home)
    for month in (date(2026, 2, 1), date(2026, 11, 1), date(2027, 6, 1)):
        last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        expected, count = Decimal(0), 0
        for start, end, amount in agreements():
            days = (min(end, last) - max(start, month)).days + 1
            if days > 0:
                expected += amount * days / ((end - start).days + 1)
                count += 1
        row = found["cmrr", month.isoformat()]
        assert abs(row["value"] - expected) <= CENT * count, month
        assert row["sample_count"] == count


def test_what_is_left_out_of_the_committed_months_is_said(demo_home):
    basis = kpis(demo_home)["cmrr", "2026-11-01"]["basis"]
    for reason in ("no amount", "no contract dates", "no rate for EUR", "not executed"):
        assert reason in basis


def test_a_share_that_few_deals_decide_is_the_guess_and_says_so(demo_home):
    found = kpis(demo_home)
    assert found["rho", "2026-11-01"]["value"] == Decimal("0.8")
    assert "too few" in found["rho", "2026-11-01"]["basis"]
    assert found["eta", "2026-11-01"]["sample_count"] >= 10
    assert "too few" not in found["eta", "2026-11-01"]["basis"]


def test_what_is_not_known_is_empty_with_a_reason(demo_home):
    for row in kpis(demo_home).values():
        assert (row["value"] is None) == bool(row["unknown_reason"]), row
    assert kpis(demo_home)["committed_runway", "2026-11-01"]["value"] is None
