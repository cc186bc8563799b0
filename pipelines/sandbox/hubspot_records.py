"""Records of the sandbox's portal: list, read, create, change and archive them, one at a time or in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.exchange import Answer, Refusal, instant
from pipelines.sandbox.hubspot_errors import batch_error, invalid
from pipelines.sandbox.hubspot_portal import body_of, flag, following, inputs_of, number
from pipelines.sandbox.hubspot_writes import archive as put_away
from pipelines.sandbox.hubspot_writes import author_of, fulfil, wish

if TYPE_CHECKING:
    from pipelines.sandbox.exchange import Call
    from pipelines.sandbox.hubspot_portal import Portal, Shape
    from pipelines.sandbox.hubspot_writes import Wish
    from pipelines.sandbox.state import HubspotRecord, Json

PAGE_SIZE: Final = "hubspot.page_size"
PARTIAL_STATUS: Final = "hubspot.partial_status"
PAGE_MOST: Final = 100
_HISTORY_MOST: Final = 50
_BATCH_MOST: Final = 100
# One input of a batch: as it came, the record it names, and what its result also says
_Item = tuple[dict[str, Any], "HubspotRecord | None", dict[str, Any]]


def list_page(portal: Portal, call: Call) -> Answer:
    """Return one page of the records of a type, by id."""
    kind = portal.kind(call.parts["type"])
    shape, archived = portal.shape(kind, call), flag(call, "archived")
    most = _HISTORY_MOST if shape.history else PAGE_MOST
    limit = min(number(call, "limit", 10, most), portal.world.limit(PAGE_SIZE, most))
    records, after = portal.page(kind, call.value("after") or None, limit, archived=archived)
    body: Json = {"results": [shape.of(record) for record in records]}
    if after is not None:
        body["paging"] = following(call, after)
    return Answer(body=body)


def one(portal: Portal, call: Call) -> Answer:
    """Return one record by id or by a unique property."""
    kind = portal.kind(call.parts["type"])
    record = portal.record(kind, call.parts["id"], archived=flag(call, "archived"), id_property=call.value("idProperty"))
    return Answer(body=portal.shape(kind, call).of(record))


def batch_read(portal: Portal, call: Call) -> Answer:
    """Return many records by id; those that are not there are errors beside the results."""
    kind, body, archived = portal.kind(call.parts["type"]), body_of(call), flag(call, "archived")
    shape = _shape_of_body(portal, kind, body)
    inputs = inputs_of(call, _HISTORY_MOST if shape.history else _BATCH_MOST)
    found: dict[str, HubspotRecord] = {}
    missing: list[str] = []
    for item in inputs:
        key = _key(item)
        record = portal.find(kind, key, archived=archived, id_property=str(body.get("idProperty") or ""))
        if record is None:
            missing.append(key)
        else:
            found[record.id] = record
    return batch_answer(portal, [shape.of(record) for record in found.values()], not_found(kind, missing))


def _shape_of_body(portal: Portal, kind: str, body: Json) -> Shape:
    names, history = body.get("properties") or [], body.get("propertiesWithHistory") or []
    if not isinstance(names, list) or not isinstance(history, list):
        raise invalid("Invalid input JSON: properties and propertiesWithHistory are lists.")
    return portal.shape_of(kind, [str(name) for name in names], [str(name) for name in history])


def _key(item: Json) -> str:
    key = item.get("id")
    if isinstance(key, bool) or not isinstance(key, int | str) or key == "":
        raise invalid("Invalid input JSON: each input has an id.")
    return str(key)


def not_found(kind: str, keys: list[str]) -> list[Json]:
    """Return the error entry of a batch for records that are not there."""
    if not keys:
        return []
    words = f"Could not get some {kind.upper()} objects, they may be deleted or not exist. Check that ids are valid."
    return [batch_error("OBJECT_NOT_FOUND", words, {"ids": keys})]


def batch_answer(portal: Portal, results: list[Any], errors: list[Json], *, status: int = 200) -> Answer:
    """Return the answer of a batch: 207 with ``errors`` when a part of it failed."""
    now = instant(portal.world)
    body: Json = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        status = portal.world.limit(PARTIAL_STATUS, 207)
        body |= {"numErrors": len(errors), "errors": errors}
    return Answer(status, body)


# Writing


def create(portal: Portal, call: Call) -> Answer:
    """Make one record, with its associations."""
    kind = portal.kind(call.parts["type"])
    wanted = wish(portal, kind, body_of(call))
    record = fulfil(portal, wanted, author_of(call))
    return Answer(201, portal.shape_of(kind, list(wanted.values), []).of(record))


def change(portal: Portal, call: Call) -> Answer:
    """Write properties of one record; an empty text clears one."""
    kind = portal.kind(call.parts["type"])
    record = portal.record(kind, call.parts["id"], id_property=call.value("idProperty"))
    wanted = wish(portal, kind, body_of(call), record)
    fulfil(portal, wanted, author_of(call))
    return Answer(body=portal.shape_of(kind, list(wanted.values), []).of(record))


def archive(portal: Portal, call: Call) -> Answer:
    """Archive one record; one that is archived stays so."""
    kind, key = portal.kind(call.parts["type"]), call.parts["id"]
    if portal.find(kind, key, archived=True) is None:
        put_away(portal, kind, portal.record(kind, key))
    return Answer(204)


def batch_archive(portal: Portal, call: Call) -> Answer:
    """Archive many records; ids that nobody has are passed over."""
    kind = portal.kind(call.parts["type"])
    for item in inputs_of(call, _BATCH_MOST):
        record = portal.find(kind, _key(item))
        if record is not None:
            put_away(portal, kind, record)
    return Answer(204)


def batch_create(portal: Portal, call: Call) -> Answer:
    """Make many records."""
    kind = portal.kind(call.parts["type"])
    return _batch_write(portal, call, kind, [(item, None, {}) for item in inputs_of(call, _BATCH_MOST)], [], status=201)


def batch_update(portal: Portal, call: Call) -> Answer:
    """Write properties of many records; those that are not there are errors beside the results."""
    kind = portal.kind(call.parts["type"])
    found: list[_Item] = []
    missing: list[str] = []
    for item in inputs_of(call, _BATCH_MOST):
        record = portal.find(kind, _key(item), id_property=str(item.get("idProperty") or ""))
        if record is None:
            missing.append(_key(item))
        else:
            found.append((item, record, {}))
    return _batch_write(portal, call, kind, found, not_found(kind, missing))


def batch_upsert(portal: Portal, call: Call) -> Answer:
    """Write many records, each named by a unique property: changed when it is there, else made."""
    kind = portal.kind(call.parts["type"])
    items: list[_Item] = []
    for item in inputs_of(call, _BATCH_MOST):
        name = str(item.get("idProperty") or "")
        if name in {"", "hs_object_id"}:
            raise invalid("An upsert names its records by the idProperty of a unique property.")
        record = portal.find(kind, _key(item), id_property=name)
        properties = item.get("properties", {})
        if isinstance(properties, dict):
            properties = {name: _key(item), **properties}
        items.append((item | {"properties": properties}, record, {"new": record is None}))
    return _batch_write(portal, call, kind, items, [])


def _batch_write(portal: Portal, call: Call, kind: str, items: list[_Item], errors: list[Json], *, status: int = 200) -> Answer:
    """Check every input, then write. One that does not fit refuses the whole batch, unless each input has an objectWriteTraceId.

    https://developers.hubspot.com/docs/api-reference/error-handling, "Multi-status errors".
    """
    is_each_told = all(item.get("objectWriteTraceId") for item, _, _ in items)
    sound: list[tuple[Wish, dict[str, Any]]] = []
    names: set[tuple[str, str]] = set()
    for item, record, more in items:
        trace = {"objectWriteTraceId": str(item["objectWriteTraceId"])} if item.get("objectWriteTraceId") else {}
        try:
            wanted = wish(portal, kind, item, record)
            _refuse_same_names(portal, wanted, names)
            sound.append((wanted, more | trace))
        except Refusal as refusal:
            if not is_each_told:
                raise
            said = refusal.answer.body
            context = {name: [value] for name, value in trace.items()}
            errors.append(
                batch_error(said.get("category", "VALIDATION_ERROR"), said["message"], context, errors=said.get("errors", []))
            )
    author = author_of(call)
    results = [
        portal.shape_of(kind, list(wanted.values), []).of(fulfil(portal, wanted, author), **more) for wanted, more in sound
    ]
    return batch_answer(portal, results, errors, status=status)


def _refuse_same_names(portal: Portal, wanted: Wish, names: set[tuple[str, str]]) -> None:
    for name, value in wanted.values.items():
        if value and portal.is_unique(wanted.kind, name):
            if (name, value.casefold()) in names:
                raise invalid(f"Duplicate {name} in one batch: {value}.")
            names.add((name, value.casefold()))
