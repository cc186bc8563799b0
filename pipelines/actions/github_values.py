"""Values as GitHub's project fields take and show them: choices by id, text and choices wrapped in objects.

https://docs.github.com/en/rest/projects/items
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from pipelines.actions.records import is_blank

_WRITABLE: Final = frozenset({"text", "number", "date", "single_select"})


def objection_to(definition: dict[str, Any], value: str) -> str | None:
    """Return why a project's field would refuse a value: it is kept elsewhere, an unknown choice, no number or no date."""
    name, kind = definition.get("name"), definition.get("data_type")
    if kind not in _WRITABLE:
        return f"the field {name} is of the type {kind}, which handoff does not write"
    if is_blank(value):
        return None
    if kind == "single_select" and choice_id(definition, value) is None:
        choices = ", ".join(choice_name(choice) for choice in definition.get("options") or [])
        return f"the field {name} has no choice {value!r} (it has {choices})"
    try:
        if kind == "number":
            float(value)
        elif kind == "date":
            date.fromisoformat(value)
    except ValueError:
        return f"the field {name} takes a {kind}, and {value!r} is none"
    return None


def as_input(definition: dict[str, Any], value: str) -> object:
    """Return a value as a request carries it; None clears the field."""
    if is_blank(value):
        return None
    if definition.get("data_type") == "single_select":
        return choice_id(definition, value)
    return float(value) if definition.get("data_type") == "number" else value


def item_value(item: dict[str, Any], definition: dict[str, Any] | None) -> str | None:
    """Return what an item holds in a field, as text."""
    if definition is None:
        return None
    for held in item.get("fields") or []:
        if held.get("id") == definition["id"]:
            return _plain(held.get("value"))
    return None


def choice_name(choice: dict[str, Any]) -> str:
    """Return a choice's name; GitHub sends it as text or as {raw, html}."""
    name = choice.get("name")
    return str(name.get("raw")) if isinstance(name, dict) else str(name)


def choice_id(definition: dict[str, Any], value: str) -> Any:
    """Return the id of the choice that is called so, or None."""
    return next((choice["id"] for choice in definition.get("options") or [] if choice_name(choice) == value), None)


def by_and_on(login: object, moment: object) -> str | None:
    """Return who did something and when, in words; None where GitHub says neither."""
    words = [f"by {login}"] if login else []
    if isinstance(moment, str):
        words.append(f"on {moment[:16].replace('T', ' ')} UTC")
    return " ".join(words) or None


def _plain(value: object) -> str | None:
    if isinstance(value, dict):
        for name in ("raw", "name", "title"):
            if name in value:
                return _plain(value[name])
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)
