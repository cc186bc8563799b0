"""What a property takes: values are strings, and what does not fit is refused property by property, as HubSpot does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.hubspot_errors import invalid, invalid_values, not_built, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sandbox.hubspot_portal import Portal
    from pipelines.sandbox.state import HubspotRecord, Json

Problem = tuple[str, str, str]  # property, code, words

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MILLISECONDS: Final = re.compile(r"-?\d{9,15}")
_DAY_IN_MILLISECONDS: Final = 86_400_000
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_REQUIRED: Final = {"notes": ("hs_timestamp",), "tasks": ("hs_timestamp",)}


def fitting_values(portal: Portal, kind: str, given: Any, record: HubspotRecord | None) -> dict[str, str]:
    """Return the values to write, as HubSpot keeps them. ``record`` is None for a new one. Refuses with every problem at once."""
    if not isinstance(given, dict):
        raise invalid("Invalid input JSON: properties is an object.")
    definitions = portal.definitions(kind)
    values: dict[str, str] = {}
    problems: list[Problem] = []
    rules = portal.state.property_validations.get(kind, {})
    for name, raw in given.items():
        try:
            values[name] = _fitting(name, definitions.get(name), raw)
            _keep_rules(rules.get(name, []), values[name])
        except _Unfit as unfit:
            problems.append((name, unfit.code, str(unfit)))
    if record is None:
        problems += [
            (name, "MISSING_REQUIRED_PROPERTY", f"{name} is required to create {kind}")
            for name in _REQUIRED.get(kind, ())
            if not values.get(name)
        ]
    problems += _stage_problems(portal, kind, values, record)
    if problems:
        raise invalid_values(portal.state.portal_id, problems)
    _refuse_duplicates(portal, kind, values, record)
    return values


class _Unfit(Exception):
    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def _fitting(name: str, definition: Json | None, raw: Any) -> str:
    if definition is None:
        raise _Unfit("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if definition["modificationMetadata"]["readOnlyValue"] or definition.get("calculated"):
        raise _Unfit("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    if isinstance(raw, dict | list):
        raise invalid(f"Invalid input JSON: the value of {name} is a string.")
    value = "" if raw is None else str(raw).lower() if isinstance(raw, bool) else str(raw)
    if value == "":  # clears the property, whatever its type
        return value
    match definition["type"]:
        case "number":
            return _number(value)
        case "date":
            return _date(value)
        case "datetime":
            return _datetime(value)
        case "enumeration" | "bool":
            return _choice(definition, value)
    if name == "email" and not _EMAIL.fullmatch(value):
        raise _Unfit("INVALID_EMAIL", f"Email address {value} is invalid")
    return value


def _keep_rules(rules: list[Json], value: str) -> None:
    """Refuse a value that breaks a rule of the portal's administrators. An empty value clears the property and breaks none."""
    for rule in rules if value else []:
        kind, argument = rule["ruleType"], rule["ruleArguments"][0]
        match kind:
            case "MAX_LENGTH":
                is_kept = len(value) <= int(argument)
            case "MIN_LENGTH":
                is_kept = len(value) >= int(argument)
            case "MAX_NUMBER":
                is_kept = Decimal(value) <= Decimal(argument)
            case "MIN_NUMBER":
                is_kept = Decimal(value) >= Decimal(argument)
            case _:
                raise not_built("PATCH", f"a property with a rule {kind}")
        if not is_kept:
            raise _Unfit(kind, f"{value} does not meet the validation rule {kind} ({argument}).")


def _number(value: str) -> str:
    try:
        is_number = Decimal(value).is_finite()
    except InvalidOperation:
        is_number = False
    if not is_number:
        raise _Unfit("INVALID_LONG", f"{value} was not a valid number.")
    return value


def _date(value: str) -> str:
    """Return a date as HubSpot keeps it; midnight in UTC as milliseconds is the older way to say it."""
    unfit = _Unfit("INVALID_DATE", f"{value} was not a valid date.")
    try:
        if _MILLISECONDS.fullmatch(value) and int(value) % _DAY_IN_MILLISECONDS == 0:
            return datetime.fromtimestamp(int(value) / 1000, UTC).date().isoformat()
        if _DATE.fullmatch(value):
            return datetime.fromisoformat(value).date().isoformat()
    except (ValueError, OverflowError):
        raise unfit from None
    raise unfit


def _datetime(value: str) -> str:
    try:
        if _MILLISECONDS.fullmatch(value):
            return iso(datetime.fromtimestamp(int(value) / 1000, UTC))
        return iso(moment(value))
    except (ValueError, OverflowError):
        raise _Unfit("INVALID_DATE", f"{value} was not a valid date and time.") from None


def _choice(definition: Json, value: str) -> str:
    options = [option["value"] for option in definition["options"]]
    chosen = value.split(";") if definition["fieldType"] == "checkbox" else [value]
    wrong = [item for item in chosen if options and item not in options]
    if wrong:
        raise _Unfit("INVALID_OPTION", f"{wrong[0]} was not one of the allowed options: [{', '.join(options)}]")
    return value


def _stage_problems(portal: Portal, kind: str, values: dict[str, str], record: HubspotRecord | None) -> list[Problem]:
    """Return what is wrong with a stage: it belongs to one pipeline, and a new deal without a pipeline is in the first."""
    known = portal.state.pipelines.get(kind, [])
    if not known or not values.get("dealstage"):
        return []
    if record is None:
        values.setdefault("pipeline", known[0]["id"])
    chosen = values.get("pipeline") or (record.properties.get("pipeline") if record else None)
    stages = [stage["id"] for pipeline in known if pipeline["id"] == chosen for stage in pipeline["stages"]]
    if values["dealstage"] in stages:
        return []
    return [("dealstage", "INVALID_OPTION", f"{values['dealstage']} is not a stage of the pipeline {chosen}")]


def _refuse_duplicates(portal: Portal, kind: str, values: Mapping[str, str], record: HubspotRecord | None) -> None:
    for name, value in values.items():
        if value and portal.is_unique(kind, name):
            other = portal.find(kind, value, id_property=name)
            if other is not None and other is not record:
                noun = "Contact" if kind == "contacts" else "Record"
                raise refused(409, f"{noun} already exists. Existing ID: {other.id}", "CONFLICT")


def moment(text: str) -> datetime:
    """Return the instant that a text names; without a time zone it is UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def iso(instant: datetime) -> str:
    """Return an instant as HubSpot writes it: 2026-11-16T18:00:00.000Z."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"
