"""Invoices of accounts receivable at Sage Intacct: what was billed, what of it is still due, and the lines by which it was billed.

    POST <INTACCT_BASE_URL>/oauth2/token          -> an access token (intacct_account.py)
    POST <INTACCT_BASE_URL>/services/core/query   -> invoices, then invoice_lines, in pages

Objects and fields are those of map_fields.csv (system ``intacct``), because companies name deals in fields of their own; customers are
not asked for. Read whole at every run, from INTACCT_INVOICES_FROM on: whether a payment changes the time at which an invoice was
modified is not documented. What was paid is what is no longer due; payments are not read as records. Credit memos are adjustments there
and are not read. https://developer.sage.com/intacct/docs/developer-portal/api-essentials/query-service and
https://developer.sage.com/intacct/docs/openapi/ar/accounts-receivable.invoice/tag/Invoices
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pipelines.errors import ConfigurationError, GarbageAnswer, Unavailable
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.files_csv import money_of
from pipelines.sources.intacct_account import AccessToken, application_of
from pipelines.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing
    from pipelines.wire import RateBudgets

Json = dict[str, Any]

QUERY_PATH: Final = "/services/core/query"
# object of map_fields.csv -> canonical fields without which nothing can be said
REQUIRED_FIELDS: Final = {
    "invoices": ("object", "key", "issued_on", "state", "amount", "open_amount", "currency"),
    "invoice_lines": ("object", "key", "invoice_key", "issued_on", "amount"),
}
_COLUMNS: Final = {
    "invoices": ("invoice_number", "issued_on", "due_on", "state", "deal_ref", "amount", "open_amount", "currency"),
    "invoice_lines": (
        *("invoice_key", "line_number", "deal_ref", "item_ref"),
        *("service_from_on", "service_to_on", "amount"),
    ),
}
_AMOUNTS: Final = frozenset({"amount", "open_amount"})
# an invoice of which nobody says what is due is one of which nobody knows what was paid
_MAY_BE_EMPTY: Final = frozenset({"open_amount"})
_PAGE_SIZE: Final = 1_000  # 100 where nothing is asked for
_READINGS: Final = 2


@dataclass(frozen=True)
class IntacctClient:
    """A company and how to ask for its records. ``token`` returns the access token of the moment."""

    transport: Transport
    token: Callable[[], str]
    invoices_from: date | None

    def records(self, fields: Mapping[str, str]) -> dict[str, Json]:
        """Return every record of the object ``fields['object']`` by its key. Raises VendorError.

        Pages are counted from 1. When a record goes while they are read, the next page lacks another one: every page must count as many
        records, and as many must have come; else the list is read once more.
        """
        for _ in range(_READINGS):
            found, totals = self._read(fields)
            if totals == {len(found)}:
                return found
        raise Unavailable(
            f"Sage Intacct counts {' or '.join(map(str, sorted(totals)))} records of {fields['object']} and sent {len(found)}, at the "
            "second try as well: they change while they are read. Whatever was loaded before is kept; run `handoff sync` again later."
        )

    def page(self, fields: Mapping[str, str], start: int = 1, size: int = _PAGE_SIZE) -> tuple[list[Json], Json]:
        """Return the records from the ``start``-th on, and what is said of the page. Raises VendorError."""
        asked: Json = {
            "object": fields["object"],
            "fields": sorted({path for name, path in fields.items() if name != "object"}),
            "orderBy": [{fields["key"]: "asc"}],
            "start": start,
            "size": size,
        }
        if self.invoices_from is not None:
            asked["filters"] = [{"$gte": {fields["issued_on"]: self.invoices_from.isoformat()}}]
        url = f"{self.transport.base_url}{QUERY_PATH}"
        headers = {"Authorization": f"Bearer {self.token()}"}
        body = self.transport.request("POST", url, headers=headers, json=asked, idempotent=True).json()
        rows, said = body["ia::result"], body.get("ia::meta")
        if not isinstance(said, dict) or not all(isinstance(row, dict) for row in rows):
            raise GarbageAnswer(
                f"Sage Intacct answered the query for {fields['object']} without saying which page it is. Whatever was loaded before is "
                "kept; check INTACCT_BASE_URL, then run `handoff sync` again."
            )
        return rows, said

    def _read(self, fields: Mapping[str, str]) -> tuple[dict[str, Json], set[int]]:
        found: dict[str, Json] = {}
        totals: set[int] = set()
        start = 1
        while True:
            rows, said = self.page(fields, start)
            before = len(found)
            for row in rows:
                found[_key(fields, row)] = row
            following, total = said.get("next"), said.get("totalCount")
            if said.get("start", start) != start or (following is not None and len(found) == before):
                raise GarbageAnswer(
                    f"Sage Intacct sends the pages of {fields['object']} in a circle: page {said.get('start')!r} came for {start}. "
                    "Whatever was loaded before is kept; run `handoff sync` again later."
                )
            if _is_whole(total):
                totals.add(total)
            if following is None and _is_whole(total):
                return found, totals
            if not _is_whole(total) or not _is_whole(following) or following <= start:
                raise GarbageAnswer(
                    f"Sage Intacct says of the pages of {fields['object']} that {following!r} comes next and that there are {total!r} "
                    "records. Whatever was loaded before is kept; run `handoff sync` again later."
                )
            start = following


def open_intacct(settings: Settings, *, sandbox_url: str | None, budget: RateBudgets | None = None) -> IntacctClient:
    """Open the configured company for reading, or the sandbox's; nothing is asked yet. Raises ConfigurationError."""
    if sandbox_url is not None:
        transport = Transport("intacct", base_url=f"{sandbox_url}/intacct/ia/api/v1", budget=budget)
        return IntacctClient(transport, lambda: SANDBOX_TOKEN, settings.intacct_invoices_from)
    application = application_of(settings)
    transport = Transport("intacct", base_url=settings.intacct_base_url, budget=budget)
    return IntacctClient(transport, AccessToken(transport, application), settings.intacct_invoices_from)


def fields_of(rules: Rules, word: str) -> dict[str, str]:
    """Return Intacct's name of each canonical field of ``word``, and of the object itself. Raises ConfigurationError."""
    fields = rules.fields.get(("intacct", word), {})
    for name in REQUIRED_FIELDS[word]:
        if not fields.get(name):
            raise ConfigurationError(
                f"{rules.directory / 'map_fields.csv'} has no row intacct,{word},{name}, so it is unknown what to ask Sage Intacct for. "
                "Copy the row from dbt/seeds/default/map_fields.csv and correct its vendor_field."
            )
    return fields


def intacct_rows(client: IntacctClient, rules: Rules, *, as_of: date, landing: Landing) -> None:  # noqa: ARG001 - every source is asked alike
    """Read invoices and their lines. Raises VendorError: a failure is never "no invoices"."""
    fields = {word: fields_of(rules, word) for word in REQUIRED_FIELDS}
    records = {word: client.records(names) for word, names in fields.items()}
    for word, names in fields.items():
        landing.add(word, _sound(landing, word, names, records[word]))
    _name_what_is_odd(landing, rules, records["invoices"].keys())


def _sound(landing: Landing, word: str, fields: Mapping[str, str], records: Mapping[str, Json]) -> Iterator[Json]:
    """Yield the rows that say what they must; the others are set aside with the reason."""
    for key, record in records.items():
        try:
            yield {"id": key} | _typed(word, fields, record)
        except ValueError as error:
            landing.set_aside(word, key, str(error), record)


def _typed(word: str, fields: Mapping[str, str], record: Json) -> Json:
    row: Json = {}
    for name in _COLUMNS[word]:
        path = fields.get(name)
        value = _value(record, path) if path else None
        value = None if value == "" else value
        if value is None and name in REQUIRED_FIELDS[word] and name not in _MAY_BE_EMPTY:
            raise ValueError(f"{path} is empty")
        row[name] = money_of(str(path), str(value)) if name in _AMOUNTS and value is not None else value
    return row


def _name_what_is_odd(landing: Landing, rules: Rules, known_keys: Iterable[str]) -> None:
    """Name what is loaded and does not count, or counts for less than it could."""
    is_billed = {row["state"]: row["is_billed"] == "true" for row in rules.table("rule_invoice_states")}
    items = {row["item"].strip().lower() for row in rules.table("map_invoice_items")}
    keys, unknown_items = set(known_keys), Counter[str]()
    with_lines = set()
    for key, invoice_key, item in landing.values("invoice_lines", "id", "invoice_key", "item_ref"):
        with_lines.add(invoice_key)
        if invoice_key not in keys:
            landing.set_aside(
                "invoice_lines", key, f"its invoice {invoice_key} was not sent; the line does not count", {"key": key}
            )
        if item is not None and item.strip().lower() not in items:
            unknown_items[item] += 1
    for item, count in sorted(unknown_items.items()):
        landing.set_aside(
            "invoice_lines",
            item,
            f"{count} line{'s are' if count > 1 else ' is'} for {item!r}, which has no row in map_invoice_items.csv; loaded without a "
            "component",
            item,
        )
    for key, state in landing.values("invoices", "id", "state"):
        if state not in is_billed:
            reason = f"the state {state!r} has no row in rule_invoice_states.csv; the invoice does not count"
            landing.set_aside("invoices", key, reason, state)
        elif is_billed[state] and key not in with_lines:
            landing.set_aside("invoices", key, "none of its lines could be loaded; the invoice does not count", {"key": key})


def _key(fields: Mapping[str, str], row: Json) -> str:
    key = _value(row, fields["key"])
    if not isinstance(key, str | int) or isinstance(key, bool) or key == "":
        raise GarbageAnswer(
            f"Sage Intacct sent a record of {fields['object']} without {fields['key']}. Whatever was loaded before is kept; check the "
            "rows intacct of map_fields.csv."
        )
    return str(key)


def _value(record: Json, path: str) -> Any:
    """Return what stands at ``a.b``: answers of the query service have it under that name; those of objects have ``b`` below ``a``."""
    if path in record:
        return record[path]
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
