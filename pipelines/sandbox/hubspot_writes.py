"""Changes to the records of the sandbox's portal: who, when, what it was before; nothing is written before all of it fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.exchange import instant
from pipelines.sandbox.hubspot_errors import invalid
from pipelines.sandbox.hubspot_portal import history_of
from pipelines.sandbox.hubspot_values import fitting_values, iso, moment
from pipelines.sandbox.state import HubspotRecord

if TYPE_CHECKING:
    from pipelines.sandbox.exchange import Call
    from pipelines.sandbox.hubspot_links import Kind
    from pipelines.sandbox.hubspot_portal import Portal
    from pipelines.sandbox.state import Json

# A person at the screen, for rehearsing edits that handoff has not made: the header holds the user's id.
PERSON_HEADER: Final = "x-sandbox-person"
_KEY_ID: Final = "30000001"  # the integration behind the sandbox's write token
_HISTORY: Final = {"contacts": 45}
_HISTORY_ELSEWHERE: Final = 20


@dataclass(frozen=True)
class Author:
    """Who changes something: an integration by its token, or a person."""

    user_id: int | None = None

    def entry(self, value: str, at: str) -> Json:
        """Return the line that a property's history gets."""
        if self.user_id is None:
            return {"value": value, "timestamp": at, "sourceType": "INTEGRATION", "sourceId": _KEY_ID}
        return {
            "value": value,
            "timestamp": at,
            "sourceType": "CRM_UI",
            "sourceId": f"userId:{self.user_id}",
            "updatedByUserId": self.user_id,
        }


@dataclass(frozen=True)
class Wish:
    """A record to be made or changed, found sound: what it is to hold, and what it is to be linked with."""

    kind: str
    values: dict[str, str]
    record: HubspotRecord | None
    links: tuple[tuple[str, str, tuple[Kind, ...]], ...] = ()


def author_of(call: Call) -> Author:
    """Return who sends a request."""
    user = call.headers.get(PERSON_HEADER, "")
    if user and not user.isdecimal():
        raise invalid(f"The header {PERSON_HEADER} holds a user id, not {user!r}.")
    return Author(int(user)) if user else Author()


def wish(portal: Portal, kind: str, content: Json, record: HubspotRecord | None = None) -> Wish:
    """Return what a body asks for, once every value and link of it fits."""
    values = fitting_values(portal, kind, content.get("properties", {}), record)
    if record is not None and not values:
        raise invalid("No properties found to update, please provide at least one.")
    asked = content.get("associations") or []
    if not isinstance(asked, list):
        raise invalid("Invalid input JSON: associations is a list.")
    return Wish(kind, values, record, tuple(_wished_link(portal, kind, item) for item in asked))


def _wished_link(portal: Portal, kind: str, item: Any) -> tuple[str, str, tuple[Kind, ...]]:
    target = item.get("to") if isinstance(item, dict) else None
    kinds = kinds_of(item.get("types")) if isinstance(item, dict) else ()
    if not isinstance(target, dict) or not kinds:
        raise invalid("Invalid input JSON: an association names its record (to.id) and its types.")
    to = portal.links.target_of(kind, kinds[0])
    for wanted in kinds:
        if to is None or portal.links.target_of(kind, wanted) != to:
            raise invalid(f"{wanted[0]} {wanted[1]} is no association type from {kind} to one object type.")
    to = str(to)
    return to, portal.record(to, str(target.get("id"))).id, kinds


def kinds_of(types: Any) -> tuple[Kind, ...]:
    """Return the association types that a body names."""
    if not isinstance(types, list) or not all(isinstance(item, dict) for item in types):
        raise invalid("Invalid input JSON: association types are a list of objects.")
    kinds: list[Kind] = []
    for item in types:
        category, type_id = item.get("associationCategory"), item.get("associationTypeId")
        if not isinstance(category, str) or not isinstance(type_id, int):
            raise invalid("Invalid input JSON: an association type has associationCategory and associationTypeId.")
        kinds.append((category, type_id))
    return tuple(kinds)


def fulfil(portal: Portal, wanted: Wish, author: Author) -> HubspotRecord:
    """Make or change the record of a wish and return it."""
    if wanted.record is None:
        return _create(portal, wanted, author)
    _change(portal, wanted.kind, wanted.record, wanted.values, author)
    return wanted.record


def _create(portal: Portal, wanted: Wish, author: Author) -> HubspotRecord:
    kind, record_id, now = wanted.kind, portal.next_id(wanted.kind), instant(portal.world)
    known = portal.definitions(kind)
    system: dict[str, str | None] = {
        "hs_object_id": record_id,
        "createdate": now,
        "hs_createdate": now,
        portal.modified_property(kind): now,
    }
    values = {name: value for name, value in wanted.values.items() if value}
    record = HubspotRecord(
        id=record_id,
        properties={**{name: value for name, value in system.items() if name in known}, **values},
        created_at=now,
        updated_at=now,
        history={name: [author.entry(value, now)] for name, value in values.items()},
    )
    portal.note_change(kind, None, record_id)
    portal.state.objects[kind][record_id] = record
    for to, to_id, kinds in wanted.links:
        link(portal, (kind, record_id), (to, to_id), kinds)
    return record


def _change(portal: Portal, kind: str, record: HubspotRecord, values: dict[str, str], author: Author) -> None:
    """Write values into a record. What holds its value already is left as it is, and then nothing was changed."""
    changed = {name: value for name, value in values.items() if value != (record.properties.get(name) or "")}
    if not changed:
        return
    portal.note_change(kind, record, record.id)
    now = _later(instant(portal.world), record.updated_at)
    most = _HISTORY.get(kind, _HISTORY_ELSEWHERE)
    for name, value in changed.items():
        record.history[name] = [author.entry(value, now), *history_of(record, name)][:most]
        record.properties[name] = value
    record.properties[portal.modified_property(kind)] = now
    record.updated_at = now


def archive(portal: Portal, kind: str, record: HubspotRecord) -> None:
    """Put a record into the recycling bin."""
    if record.archived:
        return
    portal.note_change(kind, record, record.id)
    record.archived = True
    record.archived_at = record.updated_at = _later(instant(portal.world), record.updated_at)


def link(portal: Portal, start: tuple[str, str], end: tuple[str, str], kinds: tuple[Kind, ...]) -> None:
    """Link two records; the kind without a label stands beside each labelled one."""
    unlabelled = portal.links.default_kind(start[0], end[0])
    wanted = dict.fromkeys((*([unlabelled] if unlabelled else []), *kinds))
    portal.is_changed |= portal.links.add(start, end, wanted)


def _later(now: str, earlier: str) -> str:
    """Return ``now``, or a moment after ``earlier``: the story's day has one clock, and its records may be ahead of it."""
    return max(now, iso(moment(earlier) + timedelta(milliseconds=1)))
