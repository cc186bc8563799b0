"""How the invented organisation works: its pipelines, the object that stands for a community, where it keeps its engagements.

The story is the same under each: the same deals, people and gaps. What its stages are called and where a record lies is not.
``DEFAULT`` is the process that the story modules write down; the others are made from it. Stages of 2026:
2i2c-org/team-compass, business-development/guide-to-hubspot.md at commit 7b394fc.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pipelines.sandbox.story import asana, hubspot_schema
from pipelines.sandbox.story.airtable import BASE_ID, ENGAGEMENTS

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.sandbox.state import AirtableState, HubspotRecord, SandboxState


@dataclass(frozen=True)
class Process:
    """One way to work.

    ``in_asana`` are the pipelines whose engagements are in Asana, where the addresses on their deals lead. While only some are,
    Airtable holds copies of those that have moved.
    """

    pipelines: hubspot_schema.Pipelines
    community_object: str
    in_asana: frozenset[str] = frozenset()
    # deal -> property -> value that says in this process what the story says otherwise
    told_otherwise: dict[str, dict[str, str | None]] = field(default_factory=dict)


DEFAULT: Final = Process(hubspot_schema.PIPELINES, hubspot_schema.OBJECT_TYPE_IDS["communities"])
_OF_2026: Final[hubspot_schema.Pipelines] = (
    (
        "default",
        "New Membership",
        (
            ("1001", "Enrichment", "0.0", False),
            ("1002", "Outreach", "0.1", False),
            ("1003", "Discovery", "0.4", False),
            ("1004", "Proposal", "0.6", False),
            ("1005", "Contracting", "0.9", False),
            ("1006", "Closed-Won", "1.0", True),
            ("1007", "Closed-Lost", "0.0", True),
        ),
    ),
    (
        "7001",
        "Renewal Membership",
        (
            ("2001", "Watching", "0.6", False),
            ("2002", "Preparing", "0.6", False),
            ("2003", "Engaging", "0.8", False),
            ("2004", "Contracting", "1.0", False),
            ("2005", "Closed-Won", "1.0", True),
            ("2006", "Closed-Lost", "0.0", True),
        ),
    ),
    (
        "7002",
        "Projects",
        (
            ("3001", "Exploring", "0.0", False),
            ("3002", "Waiting - New Sale", "0.1", False),
            ("3004", "Waiting - Funding Committed", "0.8", False),
            ("3005", "Qualified", "0.05", False),
            ("3006", "Proposal", "0.1", False),
            ("3007", "Awaiting Decision", "0.15", False),
            ("3008", "Contracting", "0.9", False),
            ("3009", "Closed-Won", "1.0", True),
            ("3003", "Closed-Lost", "0.0", True),
        ),
    ),
)
PROCESSES: Final[dict[str, Process]] = {
    "default": DEFAULT,
    # there is no pipeline for gifts: the one that was received is a project which is waited for
    "2i2c_2026": Process(
        _OF_2026,
        "0-410",
        frozenset(pipeline_id for pipeline_id, *_ in _OF_2026),
        {"10125": {"closedate": "2027-03-02T18:00:00.000Z", "capacity_checked_date": "2026-02-10"}},
    ),
}


def process_of(rules_dir: Path) -> Process:
    """Return the process that a profile's rule tables describe; the default one for a profile that the story does not know."""
    return PROCESSES.get(rules_dir.name, DEFAULT)


def worked(state: SandboxState, process: Process) -> SandboxState:
    """Return the state of an organisation that works as ``process`` says, made from the state of the default one."""
    if process == DEFAULT:
        return state
    hubspot = replace(
        state.hubspot,
        pipelines=hubspot_schema.pipelines(process.pipelines),
        property_definitions=hubspot_schema.property_definitions(process.pipelines),
        objects=state.hubspot.objects | {"deals": _told_otherwise(state.hubspot.objects["deals"], process)},
        object_type_ids=state.hubspot.object_type_ids | {"communities": process.community_object},
    )
    if not process.in_asana:
        return replace(state, hubspot=hubspot)
    hubspot = replace(
        hubspot, objects=hubspot.objects | {"deals": _readdressed(hubspot.objects["deals"], state.airtable, process)}
    )
    if {pipeline["id"] for pipeline in hubspot.pipelines["deals"]} <= process.in_asana:
        state = replace(state, airtable=replace(state.airtable, records={table: [] for table in state.airtable.records}))
    return replace(state, hubspot=hubspot)


def _told_otherwise(deals: dict[str, HubspotRecord], process: Process) -> dict[str, HubspotRecord]:
    changed = {
        deal_id: replace(deals[deal_id], properties=deals[deal_id].properties | values)
        for deal_id, values in process.told_otherwise.items()
    }
    return deals | changed


def _readdressed(deals: dict[str, HubspotRecord], base: AirtableState, process: Process) -> dict[str, HubspotRecord]:
    """Return the deals with the address of an engagement that has moved leading to its project, in values and histories."""
    moved = {
        f"https://airtable.com/{BASE_ID}/{ENGAGEMENTS}/{old}": asana.project_url(gid)
        for old, gid in asana.moved_ids(base).items()
    }
    pattern = re.compile("|".join(map(re.escape, sorted(moved, key=len, reverse=True))))

    def as_moved(deal: HubspotRecord) -> HubspotRecord:
        if deal.properties.get("pipeline") not in process.in_asana:
            return deal
        told = pattern.sub(lambda found: moved[found[0]], json.dumps({"properties": deal.properties, "history": deal.history}))
        return replace(deal, **json.loads(told))

    return {deal_id: as_moved(deal) for deal_id, deal in deals.items()}
