"""Invented rows of what a handoff packet and a check-in brief are made of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from invented_rows import AS_OF, RUN_ID, SEEN, deal_url, filled

# what a paper reads beside the marts
TABLES = {
    "ops.run": "run_id text, as_of_on date, is_sandbox boolean",
    "ops.source_status": "source text, status text, is_sandbox boolean, last_complete_at timestamptz, error text",
    "rules.rule_sources": "source text, source_name text",
}
_DEALS = (
    ("1021", "Hollowcrag Speleology hub", "Hollowcrag Speleology"),
    ("1028", "Blankslate Fisheries hub", "Blankslate Fisheries"),
    ("1029", "Quiet Quarry hub", "Quiet Quarry"),
)


def rows():
    """Return the rows of each mart and table."""
    deals = [
        filled(
            "rpt_deals", deal_id=deal_id, deal_name=name, record_url=deal_url(deal_id), community_name=community,
            stage_name="Closed Won", pipeline_name="New business", deal_owner="Rosa Lindqvist", start_on=date(2026, 11, 2),
            end_on=date(2027, 10, 31), amount=Decimal("24000.00"), currency="USD", agreement_url="https://agreements.example/1",
        )
        for deal_id, name, community in _DEALS
    ]  # fmt: skip
    return {
        "marts.rpt_deals": deals,
        "marts.rpt_deal_contacts": [
            filled("rpt_deal_contacts", deal_id="1021", contact_id="31", role_key="buyer", role_name="Buyer", full_name="Ada Park")
        ],
        "marts.rpt_deal_engagements": [
            filled(
                "rpt_deal_engagements", deal_id="1028", engagement_id="recBlank", engagement_name="Blankslate Fisheries hub",
                record_url="https://airtable.com/app1/tbl1/recBlank", delivery_owner="Tomas Okafor",
            )
        ],
        "ops.run": [{"run_id": RUN_ID, "as_of_on": AS_OF, "is_sandbox": True}],
        "ops.source_status": [
            {"source": source, "status": "complete", "is_sandbox": True, "last_complete_at": SEEN}
            for source in ("hubspot", "airtable", "github", "aws")
        ],
    }  # fmt: skip
