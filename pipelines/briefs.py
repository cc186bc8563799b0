"""The check-in pack of a community: its agreements, who delivers, costs, deliverables, renewals, and what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipelines.documents import Document, Linked, Section
from pipelines.packet_pages import (
    ENGAGEMENT_STORES,
    absent,
    costs_section,
    engagements_section,
    findings_section,
    freshness,
    money,
)
from pipelines.packets import masked, one_of
from pipelines.reports import not_evaluated, shown_text
from pipelines.summary import snapshot_heading

if TYPE_CHECKING:
    from pipelines.documents import Cell
    from pipelines.warehouse import Snapshot

Row = dict[str, Any]

# what the check-in asks for and no source tells yet
NOT_READ: Final = "Not in this pack: invoices, monthly active users and usage, support tickets. Look them up where they are kept."

_PARTS: Final = {
    "agreements": "select * from marts.rpt_deals where community_name = ? order by start_on desc nulls last, deal_name, deal_id",
    "engagements": """
        select distinct engagements.* exclude (deal_id, position)
        from marts.rpt_deal_engagements as engagements
        inner join marts.rpt_deals as deals on engagements.deal_id = deals.deal_id
        where deals.community_name = ?
        order by is_active desc, start_on desc nulls last, engagement_name, engagement_id
    """,
    "people": """
        select distinct contacts.role_name, contacts.full_name, contacts.contact_id
        from marts.rpt_deal_contacts as contacts
        inner join marts.rpt_deals as deals on contacts.deal_id = deals.deal_id
        where deals.community_name = ?
        order by role_name nulls last, full_name, contact_id
    """,
    "deliverables": """
        select distinct work.* exclude (deal_id)
        from marts.rpt_deal_deliverables as work
        inner join marts.rpt_deals as deals on work.deal_id = deals.deal_id
        where deals.community_name = ?
        order by project_name, project_id, deliverable_name, deliverable_id
    """,
    "costs": """
        select
            month_on,
            sum(gross_usd) as gross_usd,
            sum(budget_usd) as budget_usd,
            sum(forecast_usd) as forecast_usd,
            sum(uncovered_usd) as uncovered_usd,
            string_agg(distinct budget_source, ', ' order by budget_source) as budget_source
        from marts.fct_budget_months
        where community_name = ?
        group by month_on
        order by month_on
    """,
    "renewals": "select * from marts.fct_renewals_due where community_name = ? order by effective_end_on nulls last, deal_id",
    "findings": """
        select * from marts.fct_findings
        where community_name = ?
        order by
            case severity when 'blocker' then 0 when 'high' then 1 when 'medium' then 2 else 3 end, due_on nulls last, finding_id
    """,
}


def find_community(snapshot: Snapshot, wanted: str) -> str:
    """Return the name of the community that ``wanted`` names in whole or in part. Raises ConfigurationError."""
    rows = snapshot.rows(
        "select distinct community_name as name from marts.rpt_deals where community_name is not null order by community_name"
    )
    return one_of(rows, wanted, "community", "name", "`handoff report agreements` names them")


def read_brief(snapshot: Snapshot, community: str) -> Row:
    """Return everything that the pack of a community shows, as one object."""
    run = snapshot.rows("select * from marts.rpt_run")[0]
    return {
        "community_name": community,
        "as_of_on": run["as_of_on"],
        "snapshot": run["run_id"],
        "is_sandbox": run["is_sandbox"],
        "currency": run["currency"],
        "sources": snapshot.rows(
            "select source, source_name, status, last_complete_at from marts.rpt_sources order by source_name"
        ),
        **{name: masked(snapshot.rows(sql, [community])) for name, sql in _PARTS.items()},
        "not_evaluated": not_evaluated(snapshot),
        "not_read": NOT_READ,
    }


def brief_document(snapshot: Snapshot, brief: Row) -> Document:
    """Return the page of a community."""
    return Document(
        f"Check-in: {brief['community_name']}",
        [*snapshot_heading(snapshot), freshness(brief["sources"]), NOT_READ],
        [
            _agreements(brief["agreements"]),
            _renewals(brief["renewals"]),
            engagements_section(
                brief["engagements"], brief["currency"], brief["sources"], "No engagement serves this community."
            ),
            _deliverables(brief),
            _people(brief["people"]),
            costs_section(brief["costs"], brief["currency"], brief["sources"]),
            findings_section("Open findings", brief["findings"], brief["not_evaluated"]),
        ],
    )


def _agreements(deals: list[Row]) -> Section:
    rows: list[list[Cell]] = [
        [
            Linked(shown_text(row, "deal_name"), row["record_url"]),
            f"{shown_text(row, 'stage_name')}, {shown_text(row, 'pipeline_name')}",
            shown_text(row, "start_on"),
            shown_text(row, "end_on"),
            money(row["amount"], row["currency"]),
            shown_text(row, "deal_owner"),
        ]
        for row in deals
    ]
    return Section("Agreements and open deals", ("Deal", "Stage", "From", "To", "Amount", "Owner"), rows)


def _renewals(chains: list[Row]) -> Section:
    rows: list[list[Cell]] = [
        [
            Linked(shown_text(row, "deal_name"), row["record_url"]),
            shown_text(row, "effective_end_on") or "not known",
            shown_text(row, "window_name"),
            shown_text(row, "renewal_deal_name") or "none",
            shown_text(row, "renewal_stage_name"),
            shown_text(row, "last_contacted_on"),
        ]
        for row in chains
    ]
    columns = ("Agreement", "Ends", "Window", "Renewal", "Its stage", "Last contact")
    return Section("Renewals", columns, rows, [] if rows else ["No signed agreement that could be renewed."])


def _deliverables(brief: Row) -> Section:
    rows: list[list[Cell]] = [
        [
            shown_text(row, "project_name"),
            Linked(shown_text(row, "deliverable_name") or "none yet", row["github_url"]),
            shown_text(row, "deliverable_status") or shown_text(row, "project_status"),
        ]
        for row in brief["deliverables"]
    ]
    return Section(
        "Deliverables",
        ("Project", "Deliverable", "Status"),
        rows,
        [] if rows else [absent("No project is recorded.", brief["sources"], *ENGAGEMENT_STORES)],
    )


def _people(people: list[Row]) -> Section:
    rows = [[row["role_name"] or "No role", row["full_name"] or f"contact {row['contact_id']}, without a name"] for row in people]
    return Section("People", ("Role", "Who"), rows, [] if rows else ["Nobody is linked with its open deals."])
