"""The one page of a handoff packet: agreement, intake, people, delivery, costs, risks, who accepted it, and what has changed since."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipelines.acceptances import drift
from pipelines.documents import Document, Linked, Section, Side
from pipelines.packets import intake_value, is_about_a_person
from pipelines.reports import shown_text

if TYPE_CHECKING:
    from pipelines.acceptances import Acceptance
    from pipelines.documents import Cell
    from pipelines.packets import Packet

Row = dict[str, Any]

_UNKNOWN: Final = "not known"
# one page: a long answer is told in full where it was given
_LONGEST: Final = 160
_MONTHS_SHOWN: Final = 6
_HASH_SHOWN: Final = 12


def packet_document(packet: Packet, accepted: list[Acceptance]) -> Document:
    """Return the page of a packet."""
    return Document(
        f"Handoff packet: {packet.deal['deal_name'] or packet.deal_id}",
        [*packet.heading, freshness(packet.sources), f"Content hash (SHA-256 of the facts): {packet.sha256}"],
        [
            _agreement(packet),
            _intake(packet),
            _people(packet),
            engagements_section(packet.engagements, packet.run["currency"], packet.sources, "No engagement serves this deal."),
            _deliverables(packet),
            costs_section(packet.costs, packet.run["currency"], packet.sources),
            findings_section("Risks: open findings", packet.risks, packet.not_evaluated),
            _acceptance(packet, accepted),
            *_drift(packet, accepted),
        ],
    )


def packet_json(packet: Packet, accepted: list[Acceptance]) -> Row:
    """Return the packet as one object; ``sha256`` is over ``deal_id`` and ``facts`` alone."""
    return {
        "deal_id": packet.deal_id,
        "deal_name": packet.deal["deal_name"],
        "record_url": packet.deal["record_url"],
        "as_of_on": packet.run["as_of_on"],
        "snapshot": packet.run["run_id"],
        "is_sandbox": packet.run["is_sandbox"],
        "sources": packet.sources,
        "sha256": packet.sha256,
        "facts": packet.contents,
        "labels": {f"{section}.{key}": label for (section, key), label in packet.labels.items()},
        "people": [{name: row[name] for name in ("contact_id", "role_name", "full_name")} for row in packet.people],
        "costs": packet.costs,
        "risks": [{name: row[name] for name in _RISK_KEYS} for row in packet.risks],
        "not_evaluated": packet.not_evaluated,
        "acceptances": [
            {
                "side": each.side.value,
                "by": each.by,
                "at": each.at,
                "sha256": each.sha256,
                "drift": [{"fact": change.label, "then": change.then, "now": change.now} for change in drift(each, packet)],
            }
            for each in accepted
        ],
    }


_RISK_KEYS: Final = ("finding_id", "severity", "status", "state", "reason", "what_to_do", "owner", "due_on", "record_url")


def freshness(sources: list[Row]) -> str:
    """Return how fresh each source is, in one line."""
    parts = [
        f"{row['source_name']} {row['status']}"
        + (f" at {row['last_complete_at']:%Y-%m-%d %H:%M} UTC" if row["last_complete_at"] is not None else "")
        for row in sources
    ]
    return f"Sources: {'; '.join(parts)}."


# those that rule_sources.csv does not name are no source of a snapshot
ENGAGEMENT_STORES: Final = ("airtable", "asana")


def absent(sentence: str, sources: list[Row], *needed: str) -> str:
    """Return ``sentence``, which says that something is not there; or that nobody knows, because none of ``needed`` was ever loaded."""
    rows = [row for row in sources if row["source"] in needed]
    names = " and ".join(row["source_name"] for row in rows)
    if rows and all(row["status"] == "never" for row in rows):
        return f"NOT EVALUATED: {names} was never loaded, so nobody knows."
    stale = " and ".join(row["source_name"] for row in rows if row["status"] != "complete")
    return f"{sentence} That rests on STALE data of {stale}." if stale else sentence


def money(value: object, currency: str | None) -> str:
    """Return an amount with its currency, or nothing where there is none."""
    return f"{value:,.2f} {currency or '(currency not known)'}" if isinstance(value, Decimal) else ""


def findings_section(title: str, findings: list[Row], not_judged: list[str]) -> Section:
    """Return findings as people read them, with what to do; what was waived is counted, and an empty list says what it rests on."""
    # a snoozed finding is a risk all the same: the other side may not know of it
    listed = [row for row in findings if row["state"] != "waived"]
    rows: list[list[Cell]] = [
        [
            shown_text(row, "severity") + _decided(row),
            Linked(shown_text(row, "reason"), row["record_url"]),
            shown_text(row, "what_to_do"),
            shown_text(row, "owner"),
            shown_text(row, "due_on") + (" (late)" if row["is_overdue"] else ""),
        ]
        for row in listed
    ]
    notes = [] if rows else ["None in what could be evaluated."]
    waived = len(findings) - len(listed)
    if waived:
        notes.append(f"Waived and not listed: {waived}. The report set-aside says by whom and why.")
    return Section(title, ("Severity", "Why", "What to do", "Owner", "Due"), rows, [*notes, *not_judged])


def _decided(row: Row) -> str:
    if row["state"] == "snoozed":
        return f", snoozed until {shown_text(row, 'snoozed_until_on') or 'further notice'}"
    return ", acknowledged" if row["state"] == "acknowledged" else ""


def costs_section(months: list[Row], currency: str, sources: list[Row]) -> Section:
    """Return what was spent against the budget: the last months, and all months that were read together."""
    if not months:
        return Section("Costs so far", notes=[absent("No cloud cost is attributed here.", sources, "aws")])
    rows = [
        [
            f"{row['month_on']:%Y-%m}" if row["month_on"] else "",
            *(shown_text(row, name) for name in ("gross_usd", "budget_usd", "forecast_usd", "uncovered_usd")),
            shown_text(row, "budget_source"),
        ]
        for row in months[-_MONTHS_SHOWN:]
    ]
    spent = sum((row["gross_usd"] for row in months if row["gross_usd"] is not None), Decimal(0))
    budgeted = [row for row in months if row["budget_usd"] is not None]
    against = "no budget is known"
    if budgeted:
        used = sum((row["gross_usd"] or Decimal(0) for row in budgeted), Decimal(0))
        budget = sum((row["budget_usd"] for row in budgeted), Decimal(0))
        against = f"{used:,.2f} of {budget:,.2f} in those with a budget"
    read = "1 month was read" if len(months) == 1 else f"{len(months)} months were read"
    note = f"In {currency}. {read}: {spent:,.2f} spent; {against}."
    return Section("Costs so far", ("Month", "Spent", "Budget", "Expected", "Without agreement", "Budget from"), rows, [note])


def _agreement(packet: Packet) -> Section:
    deal = packet.deal

    def shown(name: str) -> str:
        return shown_text(deal, name) or _UNKNOWN

    end = shown("end_on") + (f" (from the {deal['end_source']})" if deal["end_on"] and deal["end_source"] else "")
    signed = "signed by everybody" if deal["is_agreement_executed"] else "not recorded as signed"
    address = deal["agreement_url"] or ""
    rows: list[list[Cell]] = [
        ["Deal", Linked(f"{shown('deal_name')} ({packet.deal_id})", deal["record_url"])],
        ["Stage", f"{shown('stage_name')}, {shown('pipeline_name')}"],
        ["Community", shown("community_name")],
        ["Company", shown("company_name")],
        ["Sold by", shown("deal_owner")],
        ["Term", f"{shown('start_on')} to {end}"],
        ["Amount", money(deal["amount"], deal["currency"]) or _UNKNOWN],
        ["Agreement", Linked(f"{address or 'not linked'}; {signed}", address or None)],
        ["Cloud provider is paid by", shown("cloud_paid_by")],
    ]
    if deal["next_break_on"]:
        rows.append(["May be ended on", shown("next_break_on")])
    if deal["prepaid_cloud_amount"] is not None:
        rows.append(["Cloud paid in advance", money(deal["prepaid_cloud_amount"], deal["currency"])])
    return Section("Agreement", ("What", "As agreed"), rows)


def _intake(packet: Packet) -> Section:
    if not packet.intake:
        scope = packet.deal["scope"] or "unknown"
        return Section("Intake", notes=[f"Nothing is required of this deal yet, or any more ({scope})."])
    in_order = sum(row["field_status"] == "ok" for row in packet.intake)
    shown = [row for row in packet.intake if row["field_status"] != "ok" or not is_about_a_person(row)]
    shown.sort(key=lambda row: row["field_status"] == "ok")
    rows = [
        [row["field_label"] or "", "filled" if row["field_status"] == "ok" else (row["field_status"] or "unknown"), _short(row)]
        for row in shown
    ]
    note = f"{in_order} of {len(packet.intake)} in order. What is in order about persons is counted, not listed."
    return Section("Intake", ("Field", "Status", "Value"), rows, [note])


def _short(row: Row) -> str:
    value = intake_value(row) if row["field_status"] == "ok" else (row["value_shown"] or "")
    return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"


def _people(packet: Packet) -> Section:
    rows = [
        [row["role_name"] or "No role", row["full_name"] or f"contact {row['contact_id']}, without a name"]
        for row in packet.people
    ]
    return Section("People", ("Role", "Who"), rows, [] if rows else ["Nobody is linked with the deal or its community."])


def engagements_section(engagements: list[Row], currency: str, sources: list[Row], nothing: str) -> Section:
    """Return the engagements with their state, owner, dates and budget, or ``nothing``, or that nobody knows."""
    rows: list[list[Cell]] = [
        [
            Linked(shown_text(row, "engagement_name"), row["record_url"]),
            shown_text(row, "status"),
            shown_text(row, "rag"),
            shown_text(row, "delivery_owner") or "nobody",
            shown_text(row, "start_on"),
            shown_text(row, "end_on"),
            money(row["monthly_budget_usd"], currency),
        ]
        for row in engagements
    ]
    columns = ("Engagement", "Status", "RAG", "Delivers", "From", "To", "Monthly cloud budget")
    return Section("Delivery", columns, rows, [] if rows else [absent(nothing, sources, *ENGAGEMENT_STORES)])


def _deliverables(packet: Packet) -> Section:
    rows: list[list[Cell]] = [
        [
            shown_text(row, "project_name"),
            Linked(shown_text(row, "deliverable_name") or "none yet", row["github_url"]),
            shown_text(row, "deliverable_status") or shown_text(row, "project_status"),
        ]
        for row in packet.deliverables
    ]
    return Section(
        "Deliverables",
        ("Project", "Deliverable", "Status"),
        rows,
        [] if rows else [absent("No project is recorded.", packet.sources, *ENGAGEMENT_STORES)],
    )


def _acceptance(packet: Packet, accepted: list[Acceptance]) -> Section:
    rows = [[each.side.value, each.by, f"{each.at:%Y-%m-%d %H:%M} UTC", each.sha256[:_HASH_SHOWN]] for each in accepted]
    missing = [side.value for side in Side if side not in {each.side for each in accepted}]
    notes = []
    if missing:
        notes.append(
            f"Not accepted yet by {' and '.join(missing)}. "
            f"Record it with: handoff packet {packet.deal_id} --accept --by NAME --side {missing[0]}"
        )
    elif len({each.sha256 for each in accepted}) > 1:
        notes.append("The two sides accepted different packets. Read the differences below, and accept again.")
    else:
        notes.append("Both sides accepted the same packet.")
    return Section("Acceptance", ("Side", "By", "When", "Hash begins with"), rows, notes)


def _drift(packet: Packet, accepted: list[Acceptance]) -> list[Section]:
    """Return what has changed since both sides accepted; one table when they accepted the same, else one for each."""
    if len(accepted) < len(Side):
        return []
    same = len({each.sha256 for each in accepted}) == 1
    sections = []
    for each in [max(accepted, key=lambda one: one.at)] if same else accepted:
        changes = drift(each, packet)
        rows = [[change.label, change.then, change.now] for change in changes]
        who = "both sides" if same else each.side.value
        notes = [] if rows else ["Nothing. The facts are those that were accepted."]
        sections.append(Section(f"Changed since {who} accepted", ("What", "Then", "Now"), rows, notes))
    return sections
