"""Airtable: one base, whole, at every run.

    GET /v0/meta/bases/{base}/tables    -> tables, fields
    GET /v0/{base}/{table}              -> records (fields by field id, so that renaming a field breaks nothing)

In full, because Airtable has no feed of deletions and formula cells change without their record; a base is a few pages. Pages are a
moving picture: a record that is deleted meanwhile may shift another past them. A table is therefore read once more when it lacks a record
of the last load, or one that others link to. How cells are kept: airtable_cells.py.
https://airtable.com/developers/web/api/list-records
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError, Forbidden, GarbageAnswer, NotFound, Refused
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.airtable_cells import TableCells, tell_missing
from pipelines.sources.people import EmailHash, email_hash
from pipelines.transport import Transport
from pipelines.transport_adapters import airtable_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import pyairtable

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing

Json = dict[str, Any]

_PAGE: Final = 100
# An iterator of Airtable dies when it idles for minutes, which a lock-out can cause; then the table is read anew.
_RESTARTS: Final = 3
_EXPIRED: Final = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"


@dataclass(frozen=True)
class AirtableClient:
    """An opened base: how to ask it, and how e-mail addresses are kept."""

    api: pyairtable.Api
    base_id: str
    transport: Transport
    hashed: EmailHash


def open_airtable(settings: Settings, *, sandbox_url: str | None, sandbox_base_id: str = "") -> AirtableClient:
    """Open the configured base for reading, or the sandbox's; nothing is asked yet. Raises ConfigurationError without a base id."""
    if sandbox_url is not None:
        base_url, token, base_id = f"{sandbox_url}/airtable", SANDBOX_TOKEN, sandbox_base_id
    else:
        secret = settings.airtable_token
        base_url, token = settings.airtable_base_url, secret.get_secret_value().strip() if secret else ""
        base_id = (settings.airtable_base_id or "").strip()
        if not base_id:
            raise ConfigurationError(
                "AIRTABLE_TOKEN is set and AIRTABLE_BASE_ID is not, so it is unknown which Airtable base holds the engagements. "
                "Set AIRTABLE_BASE_ID to the app... part of the base's address."
            )
    transport = Transport("airtable", base_url=base_url)
    return AirtableClient(airtable_api(transport, token), base_id, transport, email_hash(settings))


def airtable_rows(client: AirtableClient, rules: Rules, *, as_of: date, landing: Landing) -> None:  # noqa: ARG001 - every source is asked alike
    """Read the base. Raises VendorError: a failure is never "no rows"."""
    readings = {reading.table_id: reading for reading in (_TableReading(client, landing, table) for table in base_tables(client))}
    known: dict[str, set[str]] = {}
    for table_id, record_id in landing.earlier.tuples("records", "table_id", "id"):
        known.setdefault(table_id, set()).add(record_id)
    for reading in readings.values():
        reading.read()
        if not known.get(reading.table_id, set()) <= reading.seen:
            reading.read()
    linked: dict[str, set[str]] = {}
    for reading in readings.values():
        for table_id, records in reading.cells.links.items():
            linked.setdefault(table_id, set()).update(records)
    for table_id, records in linked.items():
        _look_for_linked(landing, readings.get(table_id), table_id, records)
    for reading in readings.values():
        reading.cells.tell_oddities(landing)


class _TableReading:
    """One table: its schema, and the ids of the records that were read."""

    def __init__(self, client: AirtableClient, landing: Landing, table: Json) -> None:
        self._client, self._landing = client, landing
        self.table_id = _text(table, "id", "a table")
        fields = table.get("fields") or []
        self.cells = TableCells(self.table_id, fields, client.hashed)
        self.seen: set[str] = set()
        row = {"base_id": client.base_id, "id": self.table_id, "name": table.get("name")}
        landing.add("tables", [row | {"primary_field_id": table.get("primaryFieldId")}])
        landing.add("fields", (_field_row(client.base_id, self.table_id, field) for field in fields), key=("table_id", "id"))

    def read(self) -> None:
        """Land every record of the table; of a record that comes again the later sight counts."""
        self._landing.add(
            "records", (self._row(record) for record in _records(self._client, self.table_id)), key=("table_id", "id")
        )

    def _row(self, record: Json) -> Json:
        record_id = _text(record, "id", "a record")
        self.seen.add(record_id)
        return {
            "base_id": self._client.base_id,
            "table_id": self.table_id,
            "id": record_id,
            "created_at": record.get("createdTime"),
            "fields_json": self.cells.kept(record_id, _fields(record)),
        }


def _look_for_linked(landing: Landing, reading: _TableReading | None, table_id: str, linked: set[str]) -> None:
    """Read a table once more when others link to records that it did not show, and name those that are still missing."""
    seen: set[str] = reading.seen if reading else set()
    if reading is not None and not linked <= seen:
        reading.read()
    if missing := linked - seen:
        tell_missing(landing, table_id, missing)


def base_tables(client: AirtableClient) -> list[Json]:
    """Return the tables of the base with their fields. Raises ConfigurationError when the token does not open the base."""
    try:
        answer = client.api.get(client.api.build_url("meta", "bases", client.base_id, "tables"))
    except (Forbidden, NotFound) as error:
        raise ConfigurationError(
            f"Airtable does not show the base {client.base_id} to this token. Check AIRTABLE_BASE_ID, and that the token of "
            "AIRTABLE_TOKEN has that base and the scopes data.records:read and schema.bases:read (https://airtable.com/create/tokens)."
        ) from error
    return list_in(answer, "tables")


def _records(client: AirtableClient, table_id: str) -> Iterator[Json]:
    """Yield every record of a table, in full: when its iterator dies on the way, the reading starts again, and records come again."""
    for restart in range(_RESTARTS + 1):
        try:
            yield from _records_once(client, table_id)
        except Refused as error:
            if _EXPIRED not in repr(error.answer) or restart == _RESTARTS:
                raise
        else:
            return


def _records_once(client: AirtableClient, table_id: str) -> Iterator[Json]:
    offsets: set[str] = set()
    options = {"page_size": _PAGE, "use_field_ids": True}
    for page in client.api.iterate_requests("GET", client.api.build_url(client.base_id, table_id), options=options):
        yield from list_in(page, "records")
        offset = page.get("offset")
        if offset in offsets:
            raise GarbageAnswer(
                f"Airtable leads in a circle through the table {table_id}: an offset came back, so the end is never reached. "
                "Nothing was loaded from Airtable; run `handoff sync` again later."
            )
        offsets.add(offset)


def _field_row(base_id: str, table_id: str, field: Json) -> Json:
    return {
        "base_id": base_id,
        "table_id": table_id,
        "id": _text(field, "id", "a field"),
        "name": field.get("name"),
        "type": field.get("type"),
        "options_json": field.get("options"),
    }


def _fields(record: Json) -> Json:
    fields = record.get("fields")
    if not isinstance(fields, dict):
        raise GarbageAnswer(
            f"Airtable sent the record {record.get('id')} without fields, so nothing was loaded from Airtable. Run `handoff sync` again later."
        )
    return fields


def list_in(answer: Any, key: str) -> list[Json]:
    """Return the list that an answer holds under ``key``. Raises GarbageAnswer when it holds none."""
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise GarbageAnswer(
            f"Airtable answered without a list of {key}, so nothing was loaded from Airtable. "
            "Check AIRTABLE_BASE_URL, and run `handoff sync` again later."
        )
    return found


def _text(item: Json, key: str, what: str) -> str:
    found = item.get(key)
    if not isinstance(found, str) or not found:
        raise GarbageAnswer(
            f"Airtable sent {what} without its {key}, so nothing was loaded from Airtable. Run `handoff sync` again later."
        )
    return found
