"""HubSpot's search over the sandbox's portal: what its index knows, which may lag behind, in at most 10,000 records.

https://developers.hubspot.com/docs/api-reference/search/guide. Archived records are never found. A record without a value meets no
filter but NOT_HAS_PROPERTY.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.exchange import Answer
from pipelines.sandbox.hubspot_errors import invalid
from pipelines.sandbox.hubspot_portal import body_of
from pipelines.sandbox.hubspot_values import moment

if TYPE_CHECKING:
    from pipelines.sandbox.exchange import Call
    from pipelines.sandbox.hubspot_portal import Portal
    from pipelines.sandbox.state import HubspotRecord, Json

SEARCH_CAP: Final = "hubspot.search_cap"
SEARCH_CAP_DEFAULT: Final = 10_000
_PAGE_MOST: Final = 200
_GROUPS_MOST: Final = 5
_FILTERS_MOST: Final = 6
_FILTERS_IN_ALL: Final = 18
_SEARCHABLE: Final = {
    "deals": ("dealname",),
    "companies": ("name", "domain"),
    "contacts": ("firstname", "lastname", "email"),
    "notes": ("hs_note_body",),
    "tasks": ("hs_task_subject", "hs_task_body"),
}
Test = Callable[["HubspotRecord"], bool]


def search(portal: Portal, call: Call) -> Answer:
    """Return one page of the records that meet any group of filters."""
    kind, body = portal.kind(call.parts["type"]), body_of(call)
    limit, start = _whole(body, "limit", 10), _whole(body, "after", 0)
    if not 1 <= limit <= _PAGE_MOST:
        raise invalid(f"limit is from 1 to {_PAGE_MOST}, not {limit}.")
    cap = portal.world.limit(SEARCH_CAP, SEARCH_CAP_DEFAULT)
    if start >= cap:
        raise invalid(f"A search gives {cap} records at most; narrow the filters instead of asking beyond.")
    tests, words = _groups(portal, kind, body), _query(body)
    found = [
        record
        for record in portal.indexed(kind)
        if (not tests or any(test(record) for test in tests)) and (not words or _mentions(record, kind, words))
    ]
    _sort(portal, kind, body, found)
    names = body.get("properties") or []
    if not isinstance(names, list):
        raise invalid("Invalid input JSON: properties is a list.")
    shape = portal.shape_of(kind, [str(name) for name in names], [])
    end = min(start + limit, cap)
    answer: Json = {"total": len(found), "results": [shape.of(record) for record in found[start:end]]}
    if end < len(found):
        answer["paging"] = {"next": {"after": str(end)}}
    return Answer(body=answer)


def _whole(body: Json, name: str, default: int) -> int:
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not str(value).isdecimal():
        raise invalid(f"{name} is a whole number, not {value!r}.")
    return int(value)


def _query(body: Json) -> list[str]:
    query = body.get("query") or ""
    if not isinstance(query, str):
        raise invalid("Invalid input JSON: query is a string.")
    return query.casefold().split()


def _mentions(record: HubspotRecord, kind: str, words: list[str]) -> bool:
    text = " ".join(record.properties.get(name) or "" for name in _SEARCHABLE.get(kind, ())).casefold()
    return all(word in text for word in words)


# Filters


def _groups(portal: Portal, kind: str, body: Json) -> list[Test]:
    groups = body.get("filterGroups") or []
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise invalid("Invalid input JSON: filterGroups is a list of objects.")
    filters = [group.get("filters") or [] for group in groups]
    if not all(isinstance(item, dict) for group in filters for item in group):
        raise invalid("Invalid input JSON: filters is a list of objects.")
    counts = [len(group) for group in filters]
    if len(counts) > _GROUPS_MOST or max(counts, default=0) > _FILTERS_MOST or sum(counts) > _FILTERS_IN_ALL:
        raise invalid(
            f"A search has at most {_GROUPS_MOST} groups of {_FILTERS_MOST} filters, and {_FILTERS_IN_ALL} filters in all."
        )
    definitions = portal.definitions(kind)
    return [_all_of([_test(definitions, item) for item in group]) for group in filters]


def _all_of(tests: list[Test]) -> Test:
    return lambda record: all(test(record) for test in tests)


def _test(definitions: dict[str, Json], item: Json) -> Test:
    """Return one filter as a test of a record."""
    name, operator = str(item.get("propertyName")), item.get("operator")
    definition = definitions.get(name)
    if definition is None:
        raise invalid(f"There is no property {name} to search by.")
    as_value = _comparable(definition["type"])
    if operator == "HAS_PROPERTY":
        return lambda record: bool(record.properties.get(name))
    if operator == "NOT_HAS_PROPERTY":
        return lambda record: not record.properties.get(name)
    if operator in {"IN", "NOT_IN"}:
        values = item.get("values")
        if not isinstance(values, list) or not values:
            raise invalid(f"The filter {operator} on {name} needs values.")
        wanted = {str(value) for value in values}
        # Texts are compared in lower case, and the values given are not lowered: write them so.
        shown = str.lower if definition["type"] == "string" else str
        is_in = operator == "IN"
        return _on(name, lambda value: (shown(value) in wanted) == is_in)
    value = _operand(item, "value", as_value)
    match operator:
        case "EQ":
            return _on(name, lambda found: as_value(found) == value)
        case "NEQ":
            return _on(name, lambda found: as_value(found) != value)
        case "LT":
            return _on(name, lambda found: as_value(found) < value)
        case "LTE":
            return _on(name, lambda found: as_value(found) <= value)
        case "GT":
            return _on(name, lambda found: as_value(found) > value)
        case "GTE":
            return _on(name, lambda found: as_value(found) >= value)
        case "BETWEEN":
            high = _operand(item, "highValue", as_value)
            return _on(name, lambda found: value <= as_value(found) <= high)
        case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
            pattern, is_in = _token_pattern(str(item.get("value"))), operator == "CONTAINS_TOKEN"
            return _on(name, lambda found: (pattern.search(found.casefold()) is not None) == is_in)
    raise invalid(f"No filter is called {operator!r}.")


def _on(name: str, holds: Callable[[str], bool]) -> Test:
    def test(record: HubspotRecord) -> bool:
        value = record.properties.get(name)
        return bool(value) and holds(str(value))

    return test


def _operand(item: Json, key: str, as_value: Callable[[str], Any]) -> Any:
    value = item.get(key)
    if value is None:
        raise invalid(f"The filter {item.get('operator')} on {item.get('propertyName')} needs {key}.")
    try:
        return as_value(str(value))
    except (ValueError, OverflowError, InvalidOperation):
        raise invalid(f"{value!r} does not fit the property {item.get('propertyName')}.") from None


def _comparable(kind: str) -> Callable[[str], Any]:
    """Return what makes values of a property's type comparable: numbers, instants, or texts without case."""
    if kind == "number":
        return _finite
    if kind in {"date", "datetime"}:
        return lambda text: int(text) if re.fullmatch(r"-?\d+", text) else int(moment(text).timestamp() * 1000)
    return str.casefold


def _finite(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


def _token_pattern(words: str) -> re.Pattern[str]:
    """Return the pattern of a token: whole words, ``*`` stands for any letters."""
    inner = re.escape(words.casefold()).replace(r"\*", r"\w*")
    return re.compile(rf"(?<!\w){inner}(?!\w)")


# Order


def _sort(portal: Portal, kind: str, body: Json, found: list[HubspotRecord]) -> None:
    """Sort by the one property asked for; records without it come last. Otherwise the oldest id is first."""
    sorts = body.get("sorts") or []
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise invalid("A search is sorted by one property.")
    if not sorts:
        return
    asked = sorts[0]
    if isinstance(asked, str):
        asked = {"propertyName": asked.removeprefix("-"), "direction": "DESCENDING" if asked.startswith("-") else "ASCENDING"}
    definition = portal.definitions(kind).get(str(asked.get("propertyName"))) if isinstance(asked, dict) else None
    if definition is None:
        raise invalid(f"There is no property to sort by in {asked!r}.")
    as_value, name = _comparable(definition["type"]), definition["name"]
    is_down = asked.get("direction") == "DESCENDING"
    with_value = [record for record in found if record.properties.get(name)]
    without = [record for record in found if not record.properties.get(name)]
    found[:] = sorted(with_value, key=lambda record: as_value(str(record.properties[name])), reverse=is_down) + without
