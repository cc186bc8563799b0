"""The cells of GitHub's projects, typed: what each kind of field holds, and what to say of a cell that holds something else.

    fields[].value of an item          -> item_values, one row for each cell that is not empty
    configuration.iterations of a field -> project_iterations, completed ones included

GitHub's description names the types of fields and leaves the form of their values open, so several forms are understood. Whatever
is not understood stays in ``value_json`` and is named in the quarantine, once for each field. https://docs.github.com/rest/projects/fields
"""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.sources.landing import Landing

Json = dict[str, Any]
# text, number, date and id of a cell, as far as its type has them
Reading = dict[str, Any]

_NAMES_SHOWN: Final = 10


class Unreadable(Exception):
    """A cell does not hold what its field's type says."""


class ProjectCells:
    """The cells of one project on their way to the landing, and the fields whose cells could not be read."""

    def __init__(self, project_number: int, fields: list[Json], landing: Landing) -> None:
        """Know the project's fields by id."""
        self._number, self._landing = project_number, landing
        self._kinds = {str(field.get("id")): str(field.get("data_type")) for field in fields}
        self._names = {str(field.get("id")): str(field.get("name")) for field in fields}
        self._odd: dict[str, set[str]] = {}
        self._filled: dict[str, tuple[str, ...]] = {}  # item -> fields, as it was last seen

    def iterations(self, fields: list[Json]) -> None:
        """Land every iteration of the project, the completed ones too."""
        for field in fields:
            configuration = field.get("configuration")
            held = configuration.get("iterations") if isinstance(configuration, dict) else None
            rows = [iteration for iteration in held if isinstance(iteration, dict)] if isinstance(held, list) else []
            self._landing.add(
                "project_iterations",
                (_iteration_row(self._number, str(field.get("id")), iteration) for iteration in rows),
                key=("project_number", "field_id", "id"),
            )

    def land(self, item_id: str, cells: Any) -> None:
        """Land the cells of one item that are not empty. An item may come again; then the later sight counts."""
        held = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
        filled = {str(cell.get("id")): cell for cell in held if cell.get("value") not in (None, "", [])}
        emptied = [field_id for field_id in self._filled.get(item_id, ()) if field_id not in filled]
        self._filled[item_id] = tuple(filled)
        rows = [self._row(item_id, field_id, cell) for field_id, cell in filled.items()]
        rows += [{"project_number": self._number, "item_id": item_id, "field_id": field_id} for field_id in emptied]
        self._landing.add("item_values", rows, key=("project_number", "item_id", "field_id"))

    def _row(self, item_id: str, field_id: str, cell: Json) -> Json:
        kind, value = self._kinds.get(field_id) or str(cell.get("data_type")), cell["value"]
        try:
            reading = read(kind, value)
        except Unreadable:
            self._odd.setdefault(field_id, set()).add(item_id)
            reading = {"value_text": value} if isinstance(value, str) else {}
        identity = {"project_number": self._number, "item_id": item_id, "field_id": field_id, "data_type": kind}
        return {**identity, **reading, "value_json": value}

    def tell_oddities(self) -> None:
        """Name in the quarantine each field of an unknown type, and each whose cells do not fit its type."""
        for field_id, kind in self._kinds.items():
            if kind not in _READERS:
                self._landing.set_aside(
                    "project_fields",
                    f"{self._number}/{field_id}",
                    f"the field {self._names[field_id]} has the type {kind}, which handoff does not know: "
                    "its cells are kept as sent, in value_json of item_values",
                    {"items": sorted(self._odd.pop(field_id, ()))[:_NAMES_SHOWN]},
                )
        for field_id, items in self._odd.items():
            kind = self._kinds.get(field_id, "unknown")
            self._landing.set_aside(
                "item_values",
                f"{self._number}/{field_id}",
                f"{len(items)} cells of the field {self._names.get(field_id, field_id)} do not look like {kind}: "
                "they are kept as sent, in value_json",
                {"items": sorted(items)[:_NAMES_SHOWN]},
            )


def read(kind: str, value: Any) -> Reading:
    """Return what a cell says, by the type of its field. Raises Unreadable for an unknown type and for a value that does not fit."""
    reader = _READERS.get(kind)
    if reader is None:
        raise Unreadable
    return reader(value)


def _iteration_row(number: int, field_id: str, iteration: Json) -> Json:
    return {
        "project_number": number,
        "field_id": field_id,
        "id": iteration.get("id"),
        "title": _words(iteration.get("title")),
        "start_on": iteration.get("start_date"),
        "duration_days": iteration.get("duration"),
        "is_completed": iteration.get("completed"),
    }


def _words(value: Any) -> str | None:
    """Return a text that comes plain or as raw and html."""
    found = value.get("raw") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _named(value: Any, *keys: str) -> str:
    """Return what an object is called by the first of ``keys`` that it has. Raises Unreadable when it has none."""
    if isinstance(value, dict):
        for key in keys:
            found = _words(value.get(key))
            if found:
                return found
    raise Unreadable


def _id(value: Any, *keys: str) -> str | None:
    return next((str(value[key]) for key in keys if value.get(key) is not None), None)


def _text(value: Any) -> Reading:
    words = _words(value)
    if words is None:
        raise Unreadable
    return {"value_text": words}


def _number(value: Any) -> Reading:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable
    try:
        number = float(value)
    except OverflowError as error:
        raise Unreadable from error
    if not math.isfinite(number):
        raise Unreadable
    return {"value_text": str(value), "value_number": number}


def _day(text: Any) -> str:
    try:
        # some forms carry a time that means nothing: 2026-11-16T00:00:00+00:00
        return date.fromisoformat(text[:10]).isoformat()
    except (TypeError, ValueError) as error:
        raise Unreadable from error


def _date(value: Any) -> Reading:
    day = _day(value)
    return {"value_text": day, "value_on": day}


def _option(value: Any) -> Reading:
    if isinstance(value, str):
        return {"value_text": value}
    return {"value_text": _named(value, "name"), "value_id": _id(value, "id")}


def _iteration(value: Any) -> Reading:
    named = {"value_text": _named(value, "title"), "value_id": _id(value, "id")}
    return named | ({"value_on": _day(value["start_date"])} if value.get("start_date") else {})


def _milestone(value: Any) -> Reading:
    named = {"value_text": _named(value, "title"), "value_id": _id(value, "number", "id")}
    return named | ({"value_on": _day(value["due_on"])} if value.get("due_on") else {})


def _repository(value: Any) -> Reading:
    return {"value_text": _named(value, "full_name", "name"), "value_id": _id(value, "node_id", "id")}


def _issue(value: Any) -> Reading:
    return {"value_text": _named(value, "html_url", "url", "title"), "value_id": _id(value, "node_id", "id")}


def _progress(value: Any) -> Reading:
    total, completed = (value.get("total"), value.get("completed")) if isinstance(value, dict) else (None, None)
    if not isinstance(total, int) or not isinstance(completed, int):
        raise Unreadable
    return {"value_text": f"{completed} of {total}", "value_number": completed / total if total else 0.0}


def _each(*keys: str) -> Callable[[Any], Reading]:
    """Return a reader of lists whose members are called by one of ``keys``."""

    def reader(value: Any) -> Reading:
        if isinstance(value, dict):  # GraphQL's form of a list
            value = value.get("nodes")
        if not isinstance(value, list):
            raise Unreadable
        return {"value_text": ", ".join(member if isinstance(member, str) else _named(member, *keys) for member in value)}

    return reader


_READERS: Final[dict[str, Callable[[Any], Reading]]] = {
    "title": _text,
    "text": _text,
    "number": _number,
    "date": _date,
    "single_select": _option,
    "iteration": _iteration,
    "assignees": _each("login"),
    "labels": _each("name"),
    "milestone": _milestone,
    "repository": _repository,
    "reviewers": _each("login", "slug", "name"),
    "linked_pull_requests": _each("html_url", "url"),
    "issue_type": _option,
    "parent_issue": _issue,
    "sub_issues_progress": _progress,
}
KNOWN_TYPES: Final = frozenset(_READERS)
