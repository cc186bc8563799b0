"""The sandbox's portal as the handlers see it: object types by any of their names, records in order, one record as JSON."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from pipelines.sandbox.hubspot_errors import invalid, no_record, not_built, refused
from pipelines.sandbox.hubspot_links import Links, id_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.sandbox.exchange import Call
    from pipelines.sandbox.state import HubspotRecord, HubspotState, Json
    from pipelines.sandbox.world import World

INDEX_LAG: Final = "hubspot.index_lag_seconds"
_CUSTOM: Final = re.compile(r"p(?:\d+)?_(\w+)")
# HubSpot takes the singular names of its own object types as well; Airbyte's connector asks by them.
_SINGULARS: Final = {"deal": "deals", "company": "companies", "contact": "contacts", "order": "orders", "line_item": "line_items"}
_TYPE_ID: Final = re.compile(r"(\d+)-\d+")
# What a record shows when nothing is asked for, besides its system properties.
_DEFAULT_PROPERTIES: Final = {
    "deals": ("amount", "closedate", "dealname", "dealstage", "pipeline"),
    "companies": ("domain", "name"),
    "contacts": ("email", "firstname", "lastname"),
}
SINGULAR: Final = {
    "deals": "deal",
    "companies": "company",
    "contacts": "contact",
    "orders": "order",
    "line_items": "line_item",
    "notes": "note",
    "tasks": "task",
}


@dataclass
class Portal:
    """What the handlers share. The state stays in the world; this only finds things in it."""

    world: World
    is_changed: bool = False
    _orders: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _known_state: HubspotState | None = None
    # Records as the search index still knows them: when they changed (monotonic), and how they were; None: not there yet.
    _unindexed: dict[tuple[str, str], tuple[float, HubspotRecord | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the associations of whatever state the world holds."""
        self.links = Links(lambda: self.state)

    @property
    def state(self) -> HubspotState:
        """The portal's part of the world; another object after a reset."""
        return self.world.state.hubspot

    # Object types

    def kind(self, word: str) -> str:
        """Return the state's word for an object type: ``deals`` and ``0-3`` alike, custom ones as ``2-4100`` or ``p_communities``."""
        by_id = {type_id: name for name, type_id in self.state.object_type_ids.items()}
        if word in by_id:
            return by_id[word]
        custom = {name for name, type_id in self.state.object_type_ids.items() if type_id.startswith("2-")}
        if word in self.state.object_type_ids and word not in custom:
            return word
        if word in _SINGULARS and _SINGULARS[word] in self.state.object_type_ids:
            return _SINGULARS[word]
        if (named := _CUSTOM.fullmatch(word)) and named[1] in custom:
            return named[1]
        if (identified := _TYPE_ID.fullmatch(word)) and identified[1] == "0":
            raise not_built("object type", word)
        if identified:
            raise refused(404, f"Unable to find object type {word}", "OBJECT_NOT_FOUND")
        # A custom object's bare name was never its name in paths (changelog of 2025-06-24).
        raise refused(400, f"Unable to infer object type from: {word}")

    def shown_name(self, kind: str) -> str:
        """Return what HubSpot calls an object type in answers."""
        return f"p{self.state.portal_id}_{kind}" if self.is_custom(kind) else kind

    def is_custom(self, kind: str) -> bool:
        """Return whether an object type is the portal's own."""
        return self.state.object_type_ids[kind].startswith("2-")

    def definitions(self, kind: str) -> dict[str, Json]:
        """Return the properties of an object type by name."""
        return {definition["name"]: definition for definition in self.state.property_definitions[kind]}

    def modified_property(self, kind: str) -> str:
        """Return the property that holds when a record was last changed; contacts have their own."""
        return "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"

    # Records

    def page(self, kind: str, after: str | None, limit: int, *, archived: bool) -> tuple[list[HubspotRecord], str | None]:
        """Return the records that follow the id ``after``, and the id to go on from, or None at the end."""
        if after is not None and not after.isdecimal():
            raise invalid(f"The paging cursor {after!r} is not one that this list gave.")
        keys, records = self._order(kind), self.state.objects[kind]
        found: list[HubspotRecord] = []
        begin = bisect_right(keys, int(after), key=lambda key: key[0]) if after else 0
        for position in range(begin, len(keys)):
            record = records[keys[position][1]]
            if record.archived == archived:
                if len(found) == limit:
                    return found, found[-1].id
                found.append(record)
        return found, None

    def find(self, kind: str, key: str, *, archived: bool = False, id_property: str = "") -> HubspotRecord | None:
        """Return the record of an id, or of a unique property's value; a merged id leads to the record that survived."""
        records = self.state.objects[kind]
        if id_property and id_property != "hs_object_id":
            if not self.is_unique(kind, id_property):
                raise invalid(f"{id_property} is not a unique property of {kind}, so no record is named by it.")
            wanted = key.casefold()
            same = (record for record in records.values() if (record.properties.get(id_property) or "").casefold() == wanted)
            return next((record for record in same if record.archived == archived), None)
        record = records.get(key) or self._survivor(kind, key)
        return record if record is not None and record.archived == archived else None

    def record(self, kind: str, key: str, *, archived: bool = False, id_property: str = "") -> HubspotRecord:
        """Return a record, or refuse with HubSpot's 404."""
        found = self.find(kind, key, archived=archived, id_property=id_property)
        if found is None:
            raise no_record(key) if not id_property else refused(404, "resource not found")
        return found

    def is_unique(self, kind: str, name: str) -> bool:
        """Return whether a property names one record at most."""
        definition = self.definitions(kind).get(name) or {}
        return bool(definition.get("hasUniqueValue")) or (kind, name) == ("contacts", "email")

    def next_id(self, kind: str) -> str:
        """Return an id that no record of this type has had."""
        keys = self._order(kind)
        return str(max(keys[-1][0] if keys else 0, 70_000_000) + 1)

    def _survivor(self, kind: str, merged_id: str) -> HubspotRecord | None:
        for record in self.state.objects[kind].values():
            if merged_id in (record.properties.get("hs_merged_object_ids") or "").split(";"):
                return record
        return None

    def _order(self, kind: str) -> list[tuple[int, str]]:
        """Return the sorted ids, sorted anew only when records came or went."""
        self._follow_state()
        records, order = self.state.objects[kind], self._orders.get(kind)
        if order is None or len(order) != len(records):
            order = self._orders[kind] = sorted(map(id_order, records))
        return order

    def _follow_state(self) -> None:
        """Forget what was remembered of another state: the world was reset."""
        if self._known_state is not self.state:
            self._orders, self._unindexed, self._known_state = {}, {}, self.state

    # The search index, which may lag behind

    def note_change(self, kind: str, before: HubspotRecord | None, record_id: str) -> None:
        """Remember how the search index knows a record that is about to change; marks the state as changed."""
        self._follow_state()
        self.is_changed = True
        if self.world.limit(INDEX_LAG, 0) > 0:
            copy = None if before is None else replace(before, properties=dict(before.properties))
            self._unindexed.setdefault((kind, record_id), (time.monotonic(), copy))

    def indexed(self, kind: str) -> Iterable[HubspotRecord]:
        """Yield the live records in the order of their ids, as the search index knows them."""
        order = self._order(kind)
        lag, now = self.world.limit(INDEX_LAG, 0), time.monotonic()
        stale = {key for key, (since, _) in self._unindexed.items() if now - since < lag}
        self._unindexed = {key: self._unindexed[key] for key in stale}
        for _, record_id in order:
            record: HubspotRecord | None = self.state.objects[kind][record_id]
            if (kind, record_id) in stale:
                record = self._unindexed[kind, record_id][1]
            if record is not None and not record.archived:
                yield record

    # One record as JSON

    def shape(self, kind: str, call: Call) -> Shape:
        """Return what a GET asks of its records."""
        to = [self.kind(word) for word in listed(call, "associations")]
        return self.shape_of(kind, listed(call, "properties"), listed(call, "propertiesWithHistory"), to)

    def shape_of(self, kind: str, names: list[str], history: list[str], to: Iterable[str] = ()) -> Shape:
        """Return what to show of records: unset properties as null, unknown ones not at all."""
        known = self.definitions(kind)
        always = ("createdate", "hs_createdate", self.modified_property(kind), "hs_object_id")
        wanted = dict.fromkeys((*(names or _DEFAULT_PROPERTIES.get(kind, ())), *always))
        return Shape(self, kind, [n for n in wanted if n in known], [n for n in history if n in known], list(to))


@dataclass(frozen=True)
class Shape:
    """How the records of one answer are shown."""

    portal: Portal
    kind: str
    names: list[str]
    history: list[str]
    to: list[str]

    def of(self, record: HubspotRecord, **more: Any) -> Json:
        """Return one record as HubSpot's JSON."""
        shown: Json = {
            "id": record.id,
            "properties": {name: record.properties.get(name) for name in self.names},
            "createdAt": record.created_at,
            "updatedAt": record.updated_at,
            "archived": record.archived,
            **more,
        }
        if record.archived_at:
            shown["archivedAt"] = record.archived_at
        if self.history:
            shown["propertiesWithHistory"] = {name: history_of(record, name) for name in self.history}
        links = {self.portal.shown_name(to): self._linked(record, to) for to in self.to if not record.archived}
        if found := {name: entries for name, entries in links.items() if entries}:
            shown["associations"] = {name: {"results": entries} for name, entries in found.items()}
        return shown

    def _linked(self, record: HubspotRecord, to: str) -> list[Json]:
        word = f"{SINGULAR.get(self.kind, self.portal.shown_name(self.kind))}_to_{SINGULAR.get(to, self.portal.shown_name(to))}"
        return [{"id": record_id, "type": word} for record_id, _ in self.portal.links.of((self.kind, record.id), to)]


def history_of(record: HubspotRecord, name: str) -> list[Json]:
    """Return a property's values, newest first. A value whose past nobody told has been there since the record was made."""
    told = record.history.get(name)
    if told is None:
        value = record.properties.get(name)
        told = [] if value is None else [{"value": value, "timestamp": record.created_at, "sourceType": "IMPORT"}]
    return [{key: value for key, value in entry.items() if value is not None} for entry in told]


# What a request says


def listed(call: Call, name: str) -> list[str]:
    """Return a parameter that may be repeated or hold several words, separated by commas."""
    return [word for value in call.values(name) for word in value.split(",") if word]


def flag(call: Call, name: str) -> bool:
    """Return a true/false parameter; absent means false."""
    value = call.value(name, "false")
    if value not in {"true", "false"}:
        raise invalid(f"{name} is true or false, not {value!r}.")
    return value == "true"


def number(call: Call, name: str, default: int, most: int) -> int:
    """Return a whole number between 1 and ``most``."""
    value = call.value(name, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= most:
        raise invalid(f"{name} is a whole number from 1 to {most}, not {value!r}.")
    return int(value)


def body_of(call: Call) -> Json:
    """Return the JSON object of a body."""
    try:
        content = call.json()
    except ValueError as error:
        raise invalid(f"Invalid input JSON: {error}") from None
    if not isinstance(content, dict):
        raise invalid("Invalid input JSON: an object is expected.")
    return content


def inputs_of(call: Call, most: int) -> list[Json]:
    """Return the ``inputs`` of a batch: objects, at most ``most``."""
    inputs = body_of(call).get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
        raise invalid("Invalid input JSON: inputs is a list of objects.")
    if not inputs or len(inputs) > most:
        raise invalid(f"A batch has from 1 to {most} inputs, not {len(inputs)}.")
    return inputs


def following(call: Call, after: str) -> Json:
    """Return the ``paging`` of a page that has a next one. The link is absolute, as HubSpot's is; nobody should follow it."""
    query = [(name, value) for name, value in call.query if name != "after"]
    return {"next": {"after": after, "link": f"{call.url}?{urlencode([*query, ('after', after)])}"}}
