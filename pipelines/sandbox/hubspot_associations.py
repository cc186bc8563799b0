"""Associations of the sandbox's portal: read in batches or by record, written with labels, and the labels themselves."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.exchange import Answer
from pipelines.sandbox.hubspot_errors import batch_error, invalid
from pipelines.sandbox.hubspot_links import id_order
from pipelines.sandbox.hubspot_portal import SINGULAR, following, inputs_of, number
from pipelines.sandbox.hubspot_records import batch_answer, not_found
from pipelines.sandbox.hubspot_writes import kinds_of, link

if TYPE_CHECKING:
    from pipelines.sandbox.exchange import Call
    from pipelines.sandbox.hubspot_links import End, Kind
    from pipelines.sandbox.hubspot_portal import Portal
    from pipelines.sandbox.state import Json

LINKS_PAGE: Final = "hubspot.associations_page"
_LINKS_MOST: Final = 500
_READ_MOST: Final = 1_000
_WRITE_MOST: Final = 2_000


def labels(portal: Portal, call: Call) -> Answer:
    """Return the kinds of association between two object types, in this direction."""
    start, to = _pair(portal, call)
    return Answer(body={"results": portal.links.labels(start, to)})


def batch_read(portal: Portal, call: Call) -> Answer:
    """Return the links of many records; a record without any is an error, and one with many has a page of its own."""
    start, to = _pair(portal, call)
    results: list[Json] = []
    errors: list[Json] = []
    for item in inputs_of(call, _READ_MOST):
        record_id = str(item.get("id"))
        linked, after = _page(portal, (start, record_id), to, item.get("after"), _LINKS_MOST)
        if not linked:
            errors.append(_nothing_linked(portal, start, record_id, to))
            continue
        result: Json = {"from": {"id": record_id}, "to": linked}
        if after is not None:
            result["paging"] = {"next": {"after": after, "link": f"{call.url}?after={after}"}}
        results.append(result)
    return batch_answer(portal, results, errors)


def of_record(portal: Portal, call: Call) -> Answer:
    """Return one page of the links of one record."""
    start, to = portal.kind(call.parts["type"]), portal.kind(call.parts["to"])
    record = portal.record(start, call.parts["id"])
    limit = number(call, "limit", _LINKS_MOST, _LINKS_MOST)
    linked, after = _page(portal, (start, record.id), to, call.value("after") or None, limit)
    body: Json = {"results": linked}
    if after is not None:
        body["paging"] = following(call, after)
    return Answer(body=body)


def _pair(portal: Portal, call: Call) -> tuple[str, str]:
    return portal.kind(call.parts["from"]), portal.kind(call.parts["to"])


def _page(portal: Portal, start: End, to: str, after: Any, most: int) -> tuple[list[Json], str | None]:
    """Return links that follow a cursor, and the cursor to go on from. Links of an archived record are not shown."""
    record = portal.state.objects[start[0]].get(start[1])
    if record is None or record.archived:
        return [], None
    limit = min(most, portal.world.limit(LINKS_PAGE, most))
    passed = id_order("0") if after is None else id_order(_opened(str(after)))
    names = {(row["category"], row["typeId"]): row["label"] for row in portal.links.labels(start[0], to)}
    found = [(record_id, kinds) for record_id, kinds in portal.links.of(start, to) if id_order(record_id) > passed]
    shown = [
        {
            "toObjectId": record_id,
            "associationTypes": [{"category": kind[0], "typeId": kind[1], "label": names.get(kind)} for kind in kinds],
        }
        for record_id, kinds in found[:limit]
    ]
    return shown, _sealed(found[limit - 1][0]) if len(found) > limit else None


def _sealed(record_id: str) -> str:
    """Return a cursor that, like HubSpot's, is not an id."""
    return base64.urlsafe_b64encode(f"0-{record_id}".encode()).decode()


def _opened(after: str) -> str:
    try:
        record_id = base64.urlsafe_b64decode(after).decode().removeprefix("0-")
    except ValueError:
        record_id = ""
    if not record_id.isdecimal():
        raise invalid(f"The paging cursor {after!r} is not one that this list gave.")
    return record_id


def _nothing_linked(portal: Portal, start: str, record_id: str, to: str) -> Json:
    type_ids = portal.state.object_type_ids
    return batch_error(
        "OBJECT_NOT_FOUND",
        f"No {SINGULAR.get(to, to)} is associated with {SINGULAR.get(start, start)} {record_id}.",
        {"fromObjectId": [record_id], "fromObjectType": [type_ids[start]], "toObjectType": [type_ids[to]]},
        subCategory="crm.associations.NO_ASSOCIATIONS_FOUND",
    )


# Writing


def put(portal: Portal, call: Call) -> Answer:
    """Link two records by the types in the body."""
    start, end = _ends(portal, call)
    try:
        kinds = kinds_of(call.json())
    except ValueError:
        raise invalid("Invalid input JSON: a list of association types is expected.") from None
    return Answer(201, _linked(portal, start, end, kinds))


def put_default(portal: Portal, call: Call) -> Answer:
    """Link two records by the type without a label."""
    start, end = _ends(portal, call)
    return batch_answer(portal, _linked_by_default(portal, start, end), [])


def delete(portal: Portal, call: Call) -> Answer:
    """Unlink two records, in both directions and from every label."""
    portal.is_changed |= portal.links.remove(*_ends(portal, call))
    return Answer(204)


def batch_create(portal: Portal, call: Call) -> Answer:
    """Link many pairs by the types that each names."""
    pairs, errors = _batch(portal, call)
    results = [_linked(portal, start, end, kinds_of(item.get("types"))) for start, end, item in pairs]
    return batch_answer(portal, results, errors, status=201)


def batch_default(portal: Portal, call: Call) -> Answer:
    """Link many pairs by the type without a label."""
    pairs, errors = _batch(portal, call)
    results = [entry for start, end, _ in pairs for entry in _linked_by_default(portal, start, end)]
    return batch_answer(portal, results, errors)


def batch_archive(portal: Portal, call: Call) -> Answer:
    """Unlink records from each of the records that an input names."""
    start, to = _pair(portal, call)
    for item in inputs_of(call, _WRITE_MOST):
        targets = item.get("to")
        for target in targets if isinstance(targets, list) else [targets]:
            ends = (start, _id(item.get("from"))), (to, _id(target))
            portal.is_changed |= portal.links.remove(*ends)
    return Answer(204)


def batch_remove_labels(portal: Portal, call: Call) -> Answer:
    """Take labels from links and leave the rest of them."""
    start, to = _pair(portal, call)
    for item in inputs_of(call, _WRITE_MOST):
        kinds = _known(portal, start, to, kinds_of(item.get("types")))
        portal.is_changed |= portal.links.remove((start, _id(item.get("from"))), (to, _id(item.get("to"))), kinds)
    return Answer(204)


def _ends(portal: Portal, call: Call) -> tuple[End, End]:
    start, to = portal.kind(call.parts["type"]), portal.kind(call.parts["to"])
    return (start, portal.record(start, call.parts["id"]).id), (to, portal.record(to, call.parts["to_id"]).id)


def _id(item: Any) -> str:
    if not isinstance(item, dict) or "id" not in item:
        raise invalid("Invalid input JSON: from and to have an id.")
    return str(item["id"])


def _batch(portal: Portal, call: Call) -> tuple[list[tuple[End, End, Json]], list[Json]]:
    """Return the pairs whose records are both there, and the errors of the others. Types are checked before anything is written."""
    start, to = _pair(portal, call)
    pairs: list[tuple[End, End, Json]] = []
    errors: list[Json] = []
    for item in inputs_of(call, _WRITE_MOST):
        ends = (start, _id(item.get("from"))), (to, _id(item.get("to")))
        if "types" in item:
            _known(portal, start, to, kinds_of(item["types"]))
        lost = [end for end in ends if portal.find(*end) is None]
        if lost:
            errors += not_found(lost[0][0], [end[1] for end in lost])
        else:
            pairs.append((*ends, item))
    return pairs, errors


def _known(portal: Portal, start: str, to: str, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    for kind in kinds:
        if portal.links.target_of(start, kind, to) is None:
            raise invalid(f"{kind[0]} {kind[1]} is no association type from {start} to {to}.")
    return kinds


def _linked(portal: Portal, start: End, end: End, kinds: tuple[Kind, ...]) -> Json:
    link(portal, start, end, _known(portal, start[0], end[0], kinds))
    names = {(row["category"], row["typeId"]): row["label"] for row in portal.links.labels(start[0], end[0])}
    type_ids = portal.state.object_type_ids
    return {
        "fromObjectTypeId": type_ids[start[0]],
        "fromObjectId": start[1],
        "toObjectTypeId": type_ids[end[0]],
        "toObjectId": end[1],
        "labels": [names[kind] for kind in kinds if names[kind]],
    }


def _linked_by_default(portal: Portal, start: End, end: End) -> list[Json]:
    there = portal.links.default_kind(start[0], end[0])
    back = portal.links.default_kind(end[0], start[0])
    if there is None or back is None:
        raise invalid(f"There is no association type from {start[0]} to {end[0]}.")
    link(portal, start, end, (there,))
    return [
        {
            "from": {"id": first},
            "to": {"id": second},
            "associationSpec": {"associationCategory": kind[0], "associationTypeId": kind[1]},
        }
        for first, second, kind in ((start[1], end[1], there), (end[1], start[1], back))
    ]
