"""The rules that a portal's administrators set on the values of a property: would HubSpot take this one?

    GET /crm/property-validations/<version>/{type}     the rules of every property that has some

https://developers.hubspot.com/docs/api-reference/crm-property-validations-v3/guide. Rules whose judgement is HubSpot's own (what is an
e-mail address, a domain, a special character; durations from today) are left to it: what it refuses then fails in the apply, in its words.
So does a property that becomes required by the value of another: no route tells of those.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from pipelines.errors import Forbidden, GarbageAnswer, NotFound
from pipelines.transport_adapters import HUBSPOT_API_VERSION as API_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.actions.target import Connection

# The route takes the number of an object type
_TYPE_IDS: Final = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
_CHARACTERS: Final = {
    "ALPHANUMERIC": (str.isalnum, "letters and digits"),
    "ALPHA_ONLY": (str.isalpha, "letters"),
    "NUMERIC_ONLY": (str.isdecimal, "digits"),
}


class HubspotValidations:
    """The rules of a portal, read once for each object type."""

    def __init__(self, connection: Connection) -> None:
        """Read through ``connection`` when a rule is first asked for."""
        self._connection = connection
        self._rules: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def objection(self, object_type: str, name: str, value: str) -> str | None:
        """Return which rule of the portal the value breaks. Raises VendorError when the rules cannot be read."""
        for rule in self._of(object_type).get(name, []):
            kind, arguments = str(rule.get("ruleType")), [str(argument) for argument in rule.get("ruleArguments") or []]
            judge = _JUDGES.get(kind)
            if judge is None or not arguments:
                continue
            wanted = judge(value, arguments)
            if wanted is not None:
                return f"a rule of the portal wants {wanted} in the property {name}, and {value!r} is not that"
        return None

    def _of(self, object_type: str) -> dict[str, list[dict[str, Any]]]:
        if object_type not in self._rules:
            type_id = quote(_TYPE_IDS.get(object_type, object_type), safe="")
            try:
                answer = self._connection.get(f"/crm/property-validations/{API_VERSION}/{type_id}")
            except (Forbidden, NotFound):
                answer = {"results": []}  # the key may not see the rules; HubSpot keeps them all the same
            results = answer.get("results") if isinstance(answer, dict) else None
            if not isinstance(results, list):
                raise GarbageAnswer(f"HubSpot did not list the validation rules of {object_type}. Try again later.")
            self._rules[object_type] = {
                str(row.get("propertyName")): row.get("propertyValidationRules") or [] for row in results if isinstance(row, dict)
            }
        return self._rules[object_type]


def _characters(value: str, arguments: list[str]) -> str | None:
    known = _CHARACTERS.get(arguments[0])
    if known is None:
        return None
    is_one, words = known
    return None if all(map(is_one, value)) else f"nothing but {words}"


def _longest(value: str, arguments: list[str]) -> str | None:
    return f"at most {arguments[0]} characters" if len(value) > int(arguments[0]) else None


def _shortest(value: str, arguments: list[str]) -> str | None:
    return f"at least {arguments[0]} characters" if len(value) < int(arguments[0]) else None


def _most(value: str, arguments: list[str]) -> str | None:
    return f"at most {arguments[0]}" if Decimal(value) > Decimal(arguments[0]) else None


def _least(value: str, arguments: list[str]) -> str | None:
    return f"at least {arguments[0]}" if Decimal(value) < Decimal(arguments[0]) else None


def _decimals(value: str, arguments: list[str]) -> str | None:
    places = len(value.partition(".")[2].rstrip("0"))
    return f"at most {arguments[0]} decimal places" if places > int(arguments[0]) else None


def _day(text: str) -> date:
    return datetime.fromisoformat(text).date()


def _earliest(value: str, arguments: list[str]) -> str | None:
    return f"a date from {arguments[0]} on" if _day(value) < _day(arguments[0]) else None


def _latest(value: str, arguments: list[str]) -> str | None:
    return f"a date up to {arguments[0]}" if _day(value) > _day(arguments[0]) else None


def _expression(value: str, arguments: list[str]) -> str | None:
    return None if re.fullmatch(arguments[0], value) else f"text like {arguments[0]}"


def _host_within(value: str, domains: list[str]) -> bool:
    host = (urlsplit(value).hostname or "").lower()
    return any(host == domain.lower() or host.endswith(f".{domain.lower()}") for domain in domains)


def _allowed_hosts(value: str, arguments: list[str]) -> str | None:
    return None if _host_within(value, arguments) else f"an address at {' or '.join(arguments)}"


def _blocked_hosts(value: str, arguments: list[str]) -> str | None:
    return f"no address at {' or '.join(arguments)}" if _host_within(value, arguments) else None


def _where_understood(judge: Callable[[str, list[str]], str | None]) -> Callable[[str, list[str]], str | None]:
    """Leave to HubSpot what this side cannot read: an expression of another dialect, an argument that is no number."""

    def judged(value: str, arguments: list[str]) -> str | None:
        try:
            return judge(value, arguments)
        except (ValueError, InvalidOperation, re.error):
            return None

    return judged


_JUDGES: Final = {
    kind: _where_understood(judge)
    for kind, judge in {
        "ALPHANUMERIC": _characters,
        "MAX_LENGTH": _longest,
        "MIN_LENGTH": _shortest,
        "MAX_NUMBER": _most,
        "MIN_NUMBER": _least,
        "DECIMAL": _decimals,
        "START_DATE": _earliest,
        "START_DATETIME": _earliest,
        "END_DATE": _latest,
        "END_DATETIME": _latest,
        "REGEX": _expression,
        "URL_ALLOWED_DOMAINS": _allowed_hosts,
        "URL_BLOCKED_DOMAINS": _blocked_hosts,
    }.items()
}
