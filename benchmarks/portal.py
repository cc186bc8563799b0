"""An invented HubSpot portal of any size, what happens to it between two syncs, and what a copy of it must hold afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from benchmarks.copies import Copy
from pipelines.sandbox.state import HubspotRecord
from pipelines.sandbox.story import build_state

if TYPE_CHECKING:
    from pipelines.sandbox.state import SandboxState

VENDOR: Final = "hubspot"
PROPERTIES: Final = tuple(f"custom_{number:02d}" for number in range(1, 61))
PAIRS: Final = (("deals", "contacts"), ("deals", "companies"), ("companies", "contacts"))
# pair -> its labels as (label, type id, type id of the other direction)
_LABELS: Final = {
    ("deals", "contacts"): (("Lead contact", 9011, 9012), ("Second contact", 9013, 9014)),
    ("deals", "companies"): (("Lead company", 9021, 9022), ("Second company", 9023, 9024)),
    ("companies", "contacts"): (("Lead person", 9031, 9032), ("Second person", 9033, 9034)),
}
_FIRST_ID: Final = {"deals": 10_000_000, "companies": 20_000_000, "contacts": 30_000_000}
# Object types that every portal has and some loaders ask for; they are empty here
_EMPTY_TYPES: Final = {"tickets": "0-5", "products": "0-7", "quotes": "0-14"}
_MANY: Final = 10_000
_SPREAD_DAYS: Final = 700


def build(size: int) -> SandboxState:
    """Return a sandbox whose portal has ``size`` deals and what goes with them: 60 properties each, three labelled pairs of objects."""
    state = build_state()
    portal = state.hubspot
    portal.object_type_ids |= _EMPTY_TYPES
    for word in portal.object_type_ids:
        portal.objects[word] = {}
        portal.property_definitions.setdefault(word, [])
    for word, count in _counts(size).items():
        pattern = portal.property_definitions[word][0]
        portal.property_definitions[word] += [
            {**pattern, "name": name, "label": name, "type": "string", "fieldType": "text", "options": []} for name in PROPERTIES
        ]
        for number in range(count):
            _add_record(state, word, number, datetime(2024, 11, 1, tzinfo=UTC) + timedelta(days=_SPREAD_DAYS * number / count))
    portal.associations = []
    for (one, other), labels in _LABELS.items():
        ends = ((one, other), (other, one))
        portal.association_labels = [known for known in portal.association_labels if (known["from"], known["to"]) not in ends]
        for label, there, back in labels:
            for (start, end), type_id in zip(ends, (there, back), strict=True):
                portal.association_labels.append(
                    {"from": start, "to": end, "category": "USER_DEFINED", "typeId": type_id, "label": label}
                )
    people, firms = list(portal.objects["contacts"]), list(portal.objects["companies"])
    for number, deal in enumerate(portal.objects["deals"]):
        _link(state, ("deals", "contacts"), deal, people[number * 2 % len(people)])
        _link(state, ("deals", "companies"), deal, firms[number % len(firms)])
    for number, firm in enumerate(firms):
        _link(state, ("companies", "contacts"), firm, people[number * 3 % len(people)])
    return state


def describe(size: int) -> str:
    """Say what there is to read."""
    counts = ", ".join(f"{count:,} {word}" for word, count in _counts(size).items())
    return f"{counts}, with {len(PROPERTIES)} properties of their own each and three labelled pairs"


def change(state: SandboxState, now: datetime) -> None:
    """Let an ordinary day happen: 50 deals changed, 5 archived, 5 relabelled, 5 newly linked (which touches no record), 5 added."""
    portal = state.hubspot
    deals = list(portal.objects["deals"])
    instant = _text(now)
    for deal in deals[:50]:
        record = portal.objects["deals"][deal]
        record.properties |= {PROPERTIES[0]: f"changed {deal}", "hs_lastmodifieddate": instant}
        record.updated_at = instant
    for deal in deals[50:55]:
        portal.objects["deals"][deal].archived = True
        portal.objects["deals"][deal].archived_at = instant
    first, second = _LABELS["deals", "contacts"]
    renumbered = {first[1]: second[1], first[2]: second[2]}
    relabelled = set(deals[60:65])
    for link in portal.associations:
        if link["typeId"] in renumbered and (link["fromId"] in relabelled or link["toId"] in relabelled):
            link["typeId"] = renumbered[link["typeId"]]
    people = list(portal.objects["contacts"])
    for number, deal in enumerate(deals[70:75], start=70):
        _link(state, ("deals", "contacts"), deal, people[(number * 2 + 1) % len(people)])
    for number in range(len(deals), len(deals) + 5):
        _add_record(state, "deals", number, now)


def truth(state: SandboxState) -> Copy:
    """Return what the portal holds: live records, and the links and labels between live records in the direction of the pairs."""
    portal = state.hubspot
    live = {word: {i: r for i, r in portal.objects[word].items() if not r.archived} for word in _FIRST_ID}
    names = {(kind["from"], kind["to"], kind["typeId"]): kind["label"] for kind in portal.association_labels}
    held = Copy({word: {i: digest(record.properties) for i, record in records.items()} for word, records in live.items()})
    for link in portal.associations:
        ends = (link["from"], link["fromId"], link["to"], link["toId"])
        if (link["from"], link["to"]) in PAIRS and link["fromId"] in live[link["from"]] and link["toId"] in live[link["to"]]:
            held.links.add(ends)
            if held.labels is not None:
                held.labels.add((*ends, str(names[link["from"], link["to"], link["typeId"]])))
    return held


def digest(properties: Any) -> str:
    """Return the 60 values of a record as one text that can be compared."""
    return "\x1f".join(str(properties.get(name) or "") for name in PROPERTIES)


def _counts(size: int) -> dict[str, int]:
    return {"deals": size, "contacts": size * 2, "companies": size // (2 if size < _MANY else 4)}


def _add_record(state: SandboxState, word: str, number: int, modified: datetime) -> None:
    record_id, instant = str(_FIRST_ID[word] + number), _text(modified)
    properties: dict[str, str | None] = {name: f"{name} of {number}" for name in PROPERTIES}
    properties |= {"hs_object_id": record_id, "createdate": instant}
    history: dict[str, list[dict[str, Any]]] = {}
    if word == "deals":
        pipeline = state.hubspot.pipelines["deals"][0]
        stage = pipeline["stages"][0]["id"]
        properties |= {"dealname": f"Deal {number}", "pipeline": pipeline["id"], "dealstage": stage}
        history = {"dealstage": [{"value": stage, "timestamp": instant, "sourceType": "CRM_UI"}]}
    properties["lastmodifieddate" if word == "contacts" else "hs_lastmodifieddate"] = instant
    state.hubspot.objects[word][record_id] = HubspotRecord(record_id, properties, instant, instant, history=history)


def _link(state: SandboxState, pair: tuple[str, str], from_id: str, to_id: str) -> None:
    _, there, back = _LABELS[pair][0]
    for word, start, other, end, type_id in ((pair[0], from_id, pair[1], to_id, there), (pair[1], to_id, pair[0], from_id, back)):
        state.hubspot.associations.append(
            {"from": word, "fromId": start, "to": other, "toId": end, "category": "USER_DEFINED", "typeId": type_id}
        )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
