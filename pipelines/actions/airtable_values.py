"""Values as Airtable's fields take and show them: what a base would refuse, how a value is sent, and its one spelling.

https://airtable.com/developers/web/api/field-model. ``typecast`` stays off: with it, a misspelt choice would become a new choice.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from pipelines.actions.records import is_blank, is_created_address, plain_number

_COMPUTED: Final = frozenset(
    {
        "aiText",
        "autoNumber",
        "button",
        "count",
        "createdBy",
        "createdTime",
        "externalSyncSource",
        "formula",
        "lastModifiedBy",
        "lastModifiedTime",
        "lookup",
        "multipleLookupValues",
        "rollup",
    }
)
_NUMBERS: Final = frozenset({"number", "currency", "percent", "rating", "duration"})
_TEXTS: Final = frozenset({"singleLineText", "multilineText", "richText", "url", "email", "phoneNumber"})
_LINKS: Final = "multipleRecordLinks"
_RECORD: Final = re.compile(r"(?:(?P<table>tbl\w{14})/)?(?P<record>rec\w{14})$")


def objection_to(definition: dict[str, Any], value: str) -> str | None:
    """Return why a field would refuse a value: it is computed, an unknown choice, no number, no date, or no record of its table."""
    name, kind = definition.get("name"), definition.get("type")
    if kind in _COMPUTED:
        return f"the field {name} is computed by Airtable and cannot be written"
    if is_blank(value) or is_created_address(value):
        return None
    if kind == "singleSelect":
        choices = [choice.get("name") for choice in (definition.get("options") or {}).get("choices", [])]
        return None if value in choices else f"the field {name} has no choice {value!r} (it has {', '.join(map(str, choices))})"
    if kind == _LINKS:
        return _link_objection(definition, value)
    if kind in _TEXTS:
        return None
    try:
        if kind in _NUMBERS:
            float(value)
        elif kind == "date":
            date.fromisoformat(value)
        elif kind == "dateTime":
            datetime.fromisoformat(value)
        elif kind != "checkbox":
            return f"handoff does not write fields of the type {kind} ({name})"
        elif value not in {"true", "false"}:
            return f"the field {name} takes true or false, and {value!r} is neither"
    except ValueError:
        kind_words = "number" if kind in _NUMBERS else str(kind)
        return f"the field {name} takes a {kind_words}, and {value!r} is none"
    return None


def typed(definition: dict[str, Any], value: str) -> object:
    """Return a value as a request carries it; None clears the field."""
    kind = definition.get("type")
    if is_blank(value):
        return None
    if kind in _NUMBERS:
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind == _LINKS:
        return [linked_record(value) or value]
    return value == "true" if kind == "checkbox" else value


def spelled(value: object) -> str | None:
    """Return what a cell holds in its one spelling: numbers without an empty fraction, lists with semicolons."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return plain_number(f"{Decimal(str(value)):f}")
    if isinstance(value, list):
        return ";".join(filter(None, map(spelled, value)))
    return str(value)


def linked_record(address: object) -> str | None:
    """Return the id of the record at the end of an address, or None."""
    match = _RECORD.search(address) if isinstance(address, str) else None
    return match["record"] if match else None


def _link_objection(definition: dict[str, Any], value: str) -> str | None:
    match, name = _RECORD.search(value), definition.get("name")
    if match is None:
        return f"the field {name} takes the address of a record, and {value!r} is none"
    linked = (definition.get("options") or {}).get("linkedTableId")
    if match["table"] not in {None, linked}:
        return f"the field {name} takes records of another table ({linked}) than {value!r}"
    return None
