"""The handoff packet of a deal: what was agreed, what delivery needs to know, and what is at risk, as the snapshot knows it.

Its facts have a hash, so that two sides can say that they accepted the same thing. Costs and risks move on by themselves from day to
day: the packet shows them, but nobody accepts them, so they are no part of the hash. Persons stand in the facts by the id of their
contact; their names are only shown, and an e-mail address is never part of a packet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipelines.actions.seal import sha256_of
from pipelines.errors import ConfigurationError
from pipelines.reports import not_evaluated, printable
from pipelines.summary import snapshot_heading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.warehouse import Snapshot

Row = dict[str, Any]
# section -> key -> value; what the hash is made of
Contents = dict[str, dict[str, str | None]]

_CANDIDATES_SHOWN: Final = 8
_ADDRESS: Final = re.compile(r"[^\s@<>()\[\]\"',;:|]+@[^\s@<>()\[\]\"',;:|]+\.[^\s@<>()\[\]\"',;:|]+")
_ADDRESS_WORDS: Final = "(e-mail address left out)"
_PERSON_FIELDS: Final = ("contact-", "role-")

_AGREEMENT: Final = (
    ("start_on", "Starts"),
    ("end_on", "Ends"),
    ("end_source", "End taken from"),
    ("next_break_on", "May be ended on"),
    ("amount", "Amount"),
    ("currency", "Currency"),
    ("prepaid_cloud_amount", "Cloud paid in advance"),
    ("cloud_paid_by", "Cloud provider is paid by"),
    ("agreement_url", "Agreement"),
    ("is_agreement_executed", "Signed by everybody"),
)
_DEAL: Final = (
    ("deal_name", "Deal"),
    ("community_name", "Community"),
    ("company_name", "Company"),
    ("pipeline_name", "Pipeline"),
    ("stage_name", "Stage"),
    ("deal_owner", "Owner"),
)
_ENGAGEMENT: Final = (
    ("engagement_name", "Engagement"),
    ("status", "Status"),
    ("rag", "Red, amber or green"),
    ("delivery_owner", "Delivers"),
    ("start_on", "From"),
    ("end_on", "To"),
    ("monthly_budget_usd", "Monthly cloud budget"),
)


@dataclass(frozen=True)
class Fact:
    """One thing that both sides accept. ``value`` is None where nobody knows it."""

    section: str
    key: str
    label: str
    value: str | None


@dataclass(frozen=True)
class Packet:
    """Everything that the page of one deal shows."""

    deal: Row
    run: Row
    heading: list[str]
    sources: list[Row]
    facts: list[Fact]
    people: list[Row]
    engagements: list[Row]
    deliverables: list[Row]
    intake: list[Row]
    costs: list[Row]
    risks: list[Row]
    not_evaluated: list[str]

    @property
    def deal_id(self) -> str:
        """The HubSpot id of the deal."""
        return str(self.deal["deal_id"])

    @property
    def contents(self) -> Contents:
        """The facts by section and key, without any wording of ours."""
        contents: Contents = {}
        for fact in self.facts:
            contents.setdefault(fact.section, {})[fact.key] = fact.value
        return contents

    @property
    def labels(self) -> dict[tuple[str, str], str]:
        """What people call each fact."""
        return {(fact.section, fact.key): fact.label for fact in self.facts}

    @property
    def sha256(self) -> str:
        """The hash of the facts; the layout is no part of it."""
        return hash_of(self.deal_id, self.contents)


def hash_of(deal_id: str, contents: Contents) -> str:
    """Return the SHA-256 over the canonical JSON of a deal's facts: keys sorted, no spaces, UTF-8."""
    return sha256_of({"deal_id": deal_id, "facts": contents})


def without_addresses(text: str) -> str:
    """Return ``text`` with words in place of every e-mail address that somebody wrote into a field."""
    return _ADDRESS.sub(_ADDRESS_WORDS, text)


def masked(rows: Iterable[Row]) -> list[Row]:
    """Return rows without e-mail addresses."""
    return [{name: without_addresses(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]


def find_deal(snapshot: Snapshot, wanted: str) -> str:
    """Return the id of the deal that ``wanted`` names by id, name or a part of the name. Raises ConfigurationError."""
    deals = snapshot.rows("select deal_id, deal_name as name from marts.rpt_deals order by deal_name, deal_id")
    return one_of(deals, wanted, "deal", "deal_id", "`handoff report handoff-deals` lists those at handoff")


def one_of(rows: list[Row], wanted: str, what: str, key: str, where: str) -> str:
    """Return the ``key`` of the one row that ``wanted`` means: its key, its whole name, or a part of its name that no other has."""
    sought = wanted.strip().casefold()
    for found in (
        [row for row in rows if sought and str(row[key]).casefold() == sought],
        [row for row in rows if sought and str(row["name"]).strip().casefold() == sought],
        [row for row in rows if sought and sought in str(row["name"]).casefold()],
    ):
        if len(found) == 1:
            return str(found[0][key])
        if found:
            shown = [str(row["name"]) + (f" ({row[key]})" if row[key] != row["name"] else "") for row in found]
            more = f" and {len(shown) - _CANDIDATES_SHOWN} more" if len(shown) > _CANDIDATES_SHOWN else ""
            raise ConfigurationError(
                f"{wanted!r} can be any of {len(shown)}: {printable(', '.join(shown[:_CANDIDATES_SHOWN]))}{more}. "
                f"Name the {what} by its id or by more of its name."
            )
    raise ConfigurationError(f"There is no {what} {wanted!r} in this snapshot; {where}.")


def read_packet(snapshot: Snapshot, deal_id: str) -> Packet:
    """Return the packet of one deal."""

    def rows(sql: str) -> list[Row]:
        return masked(snapshot.rows(sql, [deal_id]))

    [deal] = rows("select * from marts.rpt_deals where deal_id = ?")
    people = rows("select * from marts.rpt_deal_contacts where deal_id = ? order by role_name nulls last, full_name, contact_id")
    engagements = rows("select * from marts.rpt_deal_engagements where deal_id = ? order by position")
    deliverables = rows(
        "select * from marts.rpt_deal_deliverables where deal_id = ? order by project_name, project_id, deliverable_name, deliverable_id"
    )
    intake = rows(
        "select field_key, field_label, field_status, value_shown from marts.fct_missing_intake where deal_id = ? order by field_label, field_key"
    )
    return Packet(
        deal=deal,
        run=snapshot.rows("select * from marts.rpt_run")[0],
        heading=snapshot_heading(snapshot),
        sources=snapshot.rows("select source, source_name, status, last_complete_at from marts.rpt_sources order by source_name"),
        facts=[*_deal_facts(deal), *_intake_facts(intake), *_people_facts(people), *_delivery_facts(engagements, deliverables)],
        people=people,
        engagements=engagements,
        deliverables=deliverables,
        intake=intake,
        costs=rows("select * from marts.fct_budget_months where deal_id = ? order by month_on"),
        risks=rows(
            """
            select * from marts.fct_findings
            where deal_id = ?
            order by
                case severity when 'blocker' then 0 when 'high' then 1 when 'medium' then 2 else 3 end, due_on nulls last, finding_id
            """
        ),
        not_evaluated=not_evaluated(snapshot),
    )


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _deal_facts(deal: Row) -> list[Fact]:
    return [
        *(Fact("deal", name, label, _text(deal[name])) for name, label in _DEAL),
        *(Fact("agreement", name, label, _text(deal[name])) for name, label in _AGREEMENT),
    ]


def _intake_facts(intake: list[Row]) -> list[Fact]:
    return [
        Fact("intake", row["field_key"], row["field_label"] or row["field_key"], intake_value(row))
        for row in intake
        if row["field_key"]
    ]


def intake_value(row: Row) -> str:
    """Return what is known of an intake field: its value, or the word for what is wrong with it. Personal values are not told."""
    if row["field_status"] != "ok":
        return str(row["field_status"] or "unknown")
    value = row["value_shown"]
    return "filled" if not value or row["field_key"].startswith(_PERSON_FIELDS[0]) else str(value)


def is_about_a_person(row: Row) -> bool:
    """Return whether an intake field is about one person, or about how many hold a role."""
    return str(row["field_key"]).startswith(_PERSON_FIELDS)


def _people_facts(people: list[Row]) -> list[Fact]:
    roles: dict[tuple[str, str], list[str]] = {}
    for row in people:
        roles.setdefault((row["role_key"] or "none", row["role_name"] or "No role"), []).append(str(row["contact_id"]))
    return [Fact("people", key, label, ", ".join(sorted(set(ids)))) for (key, label), ids in roles.items()]


def _delivery_facts(engagements: list[Row], deliverables: list[Row]) -> list[Fact]:
    facts = [
        Fact(
            "delivery",
            f"{row['engagement_id']}:{name}",
            f"{row['engagement_name'] or row['engagement_id']}: {label}",
            _text(row[name]),
        )
        for row in engagements
        for name, label in _ENGAGEMENT
    ]
    for row in deliverables:
        if row["deliverable_id"] is None:
            facts.append(
                Fact(
                    "deliverables",
                    row["project_id"],
                    f"{row['project_name'] or row['project_id']} (no deliverable yet)",
                    row["project_status"],
                )
            )
        else:
            label = f"{row['project_name'] or row['project_id']}: {row['deliverable_name'] or row['deliverable_id']}"
            facts.append(Fact("deliverables", row["deliverable_id"], label, row["deliverable_status"]))
    return facts
