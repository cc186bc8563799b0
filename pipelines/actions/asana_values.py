"""What Asana's fields take, and how a value is spelled in a request and in a comparison.

A project's name and days are its own; the rest are custom fields, known by their gid. What is read has another shape than what is
written: an option is read by its name and written by its gid. https://developers.asana.com/docs/custom-fields-guide
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pipelines.actions.records import is_blank, is_created_address, plain_number

Json = dict[str, Any]

# What is a project's own, by the canonical field of an engagement
OWN: Final = {"engagement_name": "name", "start_on": "start_on", "end_on": "due_on"}
DAYS: Final = frozenset({"start_on", "end_on"})
CELLS: Final = ",".join(
    f"custom_fields.{part}"
    for part in (
        *("name", "resource_subtype", "text_value", "number_value", "date_value", "enum_value.name"),
        *("multi_enum_values.name", "display_value"),
    )
)
_PROJECT: Final = re.compile(r"^https://app\.asana\.com/(?:0|1/\d+/project)/(\d+)")


def project_of(address: object) -> str | None:
    """Return the gid of the project at which an address leads, in the old or the new form, or None."""
    match = _PROJECT.match(address) if isinstance(address, str) else None
    return match[1] if match else None


def cell_of(record: Json, gid: str | None) -> Json | None:
    """Return the cell of a custom field, None where the record has no such field."""
    return next((cell for cell in record.get("custom_fields") or [] if cell.get("gid") == gid), None)


def day_objection(name: str, value: str) -> str | None:
    """Return why a day of a project would be refused."""
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"{name} takes a date, and {value!r} is none"
    return None


def objection_to(definition: Json, value: str) -> str | None:
    """Return why a custom field would refuse a value: an unknown choice, no number, no date, or a type that is not written."""
    name, kind = definition.get("name"), definition.get("resource_subtype")
    if is_blank(value) or is_created_address(value):
        return None
    if kind == "text":
        return None
    if kind == "number":
        try:
            fits = Decimal(value).is_finite()
        except InvalidOperation:
            fits = False
        return None if fits else f"the field {name} takes a number, and {value!r} is none"
    if kind == "date":
        return day_objection(f"the field {name}", value)
    if kind == "enum":
        choices = [option["name"] for option in _options(definition)]
        return None if value in choices else f"the field {name} has no choice {value!r} (it has {', '.join(choices)})"
    return f"handoff does not write fields of the type {kind} ({name})"


def typed(definition: Json, value: str) -> object:
    """Return a value as a request carries it; None clears the field."""
    if is_blank(value):
        return None
    match definition.get("resource_subtype"):
        case "number":
            number = float(value)
            return int(number) if number.is_integer() else number
        case "enum":
            return next(option["gid"] for option in _options(definition) if option["name"] == value)
    return value


def spelled(cell: Json) -> str | None:
    """Return what a cell holds in its one spelling: numbers without an empty fraction, options by name."""
    match cell.get("resource_subtype"):
        case "text":
            value = cell.get("text_value")
        case "number":
            number = cell.get("number_value")
            value = None if number is None else plain_number(f"{Decimal(str(number)):f}")
        case "date":
            value = (cell.get("date_value") or {}).get("date")
        case "enum":
            value = (cell.get("enum_value") or {}).get("name")
        case "multi_enum":
            value = ";".join(option["name"] for option in cell.get("multi_enum_values") or [])
        case _:
            value = cell.get("display_value")
    return value if isinstance(value, str) else None


def days_objection(start_on: str | None, due_on: str | None) -> str | None:
    """Return why Asana would refuse two days of one project; either may be blank."""
    if is_blank(start_on):
        return None
    if is_blank(due_on):
        return f"Asana takes no start ({start_on}) without an end; give the project its end first"
    if str(start_on) >= str(due_on):
        return f"Asana takes no project that begins on {start_on} and ends on {due_on}; correct the other day first"
    return None


def _options(definition: Json) -> list[Json]:
    return [option for option in definition.get("enum_options") or [] if option.get("enabled") is not False]
