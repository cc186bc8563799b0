"""The tables of the sandbox's Airtable base: how cells are shown, checked and written, and how links are kept on both sides.

Evidence: https://airtable.com/developers/web/api/field-model for the values that each field type takes. Without ``typecast`` nothing is
converted and no choice is made; with it text becomes numbers, unknown choices are added and unknown names become linked records.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.exchange import Answer, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.sandbox.state import AirtableState

Json = dict[str, Any]

COMPUTED: Final = frozenset(
    {
        "aiText", "autoNumber", "button", "count", "createdBy", "createdTime", "externalSyncSource", "formula", "lastModifiedBy",
        "lastModifiedTime", "multipleLookupValues", "rollup",
    }
)  # fmt: skip
LINKS: Final = "multipleRecordLinks"
_TEXTS: Final = frozenset({"singleLineText", "multilineText", "richText", "url", "email", "phoneNumber"})
NUMBERS: Final = frozenset({"number", "currency", "percent", "rating", "duration"})
_RECORD_ID: Final = re.compile(r"rec[A-Za-z0-9]{14}")
_MOST: Final = 1e300  # NaN, the infinities and whole numbers without end stay out of JSON
_ID_CHARACTERS: Final = 14


def refuse(status: int, kind: str, message: str) -> Refusal:
    """Return an error in Airtable's shape."""
    return Refusal(Answer(status, {"error": {"type": kind, "message": message}}))


def _unfit(definition: Json) -> Refusal:
    return refuse(422, "INVALID_VALUE_FOR_COLUMN", f'Field "{definition["name"]}" cannot accept the provided value')


@dataclass(frozen=True)
class Table:
    """One table: its definition and its records, fields by field id."""

    base: Base
    definition: Json
    records: list[Json]

    @property
    def id(self) -> str:
        """The table's id."""
        return str(self.definition["id"])

    def by_id(self) -> dict[str, Json]:
        """Return the records by id."""
        return {record["id"]: record for record in self.records}

    def field(self, name: str) -> Json | None:
        """Return the definition of a field that is named by its id or its name."""
        return next((known for known in self.definition["fields"] if name in {known["id"], known["name"]}), None)

    def fields_named(self, names: Iterable[str]) -> set[str] | None:
        """Return the ids of fields; None when nobody asked for any. Raises the 422 for an unknown one."""
        found = {str(self.needed_field(name)["id"]) for name in names}
        return found or None

    def needed_field(self, name: str) -> Json:
        """Return the definition of a field. Raises the 422 for an unknown one."""
        known = self.field(name)
        if known is None:
            raise refuse(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')
        return known

    def shown(self, record: Json, by_field_id: bool, chosen: set[str] | None = None) -> Json:
        """Return a record as the API sends it: empty fields left out, fields by name unless asked for by id."""
        fields = {
            known["id"] if by_field_id else known["name"]: record["fields"][known["id"]]
            for known in self.definition["fields"]
            if known["id"] in record["fields"] and (chosen is None or known["id"] in chosen)
        }
        return {"id": record["id"], "createdTime": record["createdTime"], "fields": fields}

    def title(self, record: Json) -> str:
        """Return what the record is called: its primary field."""
        return str(record["fields"].get(self.definition["primaryFieldId"], ""))

    def plain(self, record: Json, definition: Json) -> Any:
        """Return a cell as formulas and sorting see it: links and choices as text, None when empty."""
        value = record["fields"].get(definition["id"])
        if value is None or definition["type"] != LINKS:
            return ", ".join(map(str, value)) if isinstance(value, list) else value
        linked = self.base.table(definition["options"]["linkedTableId"])
        by_id = linked.by_id() if linked else {}
        return ", ".join(linked.title(by_id[link]) if linked and link in by_id else link for link in value)

    def sort_key(self, record: Json, definition: Json) -> tuple[int, float, str]:
        """Return what a record is sorted by: empty first, then by number, place among the choices, or text."""
        value = self.plain(record, definition)
        if value is None:
            return (0, 0.0, "")
        if definition["type"] == "singleSelect":
            names = [choice["name"] for choice in definition["options"]["choices"]]
            return (1, float(names.index(value)) if value in names else len(names), "")
        return (1, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value).lower())


class Base:
    """The base as the state holds it at this moment."""

    def __init__(self, state: AirtableState) -> None:
        """Look at ``state``; nothing is copied."""
        self._state = state

    @property
    def id(self) -> str:
        """The base's id."""
        return self._state.base_id

    @property
    def definitions(self) -> list[Json]:
        """The tables as the meta API shows them."""
        return self._state.tables

    def table(self, name: str) -> Table | None:
        """Return a table that is named by its id or its name."""
        for definition in self._state.tables:
            if name in {definition["id"], definition["name"]}:
                return Table(self, definition, self._state.records.setdefault(definition["id"], []))
        return None

    def new_record_id(self, taken: Iterable[str] = ()) -> str:
        """Return an id that no record has and that nobody else was given in ``taken``."""
        used = {record["id"] for records in self._state.records.values() for record in records} | set(taken)
        for number in itertools.count(len(used) + 1):
            record_id = f"rec{f'New{number:08d}'.ljust(_ID_CHARACTERS, '0')}"
            if record_id not in used:
                return record_id
        raise AssertionError("unreachable: numbers do not end")

    def put(self, record: Json, definition: Json, value: Any) -> None:
        """Set one cell (None empties it); a link is entered or taken back on the other side as well."""
        field_id = definition["id"]
        before = record["fields"].get(field_id) or []
        if value is None:
            record["fields"].pop(field_id, None)
        else:
            record["fields"][field_id] = value
        inverse = (definition.get("options") or {}).get("inverseLinkFieldId")
        if definition["type"] != LINKS or inverse is None:
            return
        linked = self.table(definition["options"]["linkedTableId"])
        others = linked.by_id() if linked else {}
        for record_id in set(before) - set(value or []):
            _unlink(others.get(record_id), inverse, record["id"])
        for record_id in value or []:
            held = others[record_id]["fields"].setdefault(inverse, [])
            if record["id"] not in held:
                held.append(record["id"])

    def remove(self, table: Table, record: Json) -> None:
        """Delete a record, and the links to it."""
        for definition in table.definition["fields"]:
            if definition["type"] == LINKS:
                self.put(record, definition, None)
        for definition in self._state.tables:
            for known in definition["fields"]:
                if known["type"] == LINKS and known["options"]["linkedTableId"] == table.id:
                    for other in self._state.records.get(definition["id"], []):
                        _unlink(other, known["id"], record["id"])
        table.records.remove(record)


def _unlink(other: Json | None, field_id: str, record_id: str) -> None:
    if other is None or record_id not in other["fields"].get(field_id, []):
        return
    other["fields"][field_id].remove(record_id)
    if not other["fields"][field_id]:
        del other["fields"][field_id]


@dataclass
class Writing:
    """What one request writes: everything is checked first, then all of it is done. A refusal leaves the base as it was."""

    base: Base
    created_at: str
    typecast: bool
    _cells: list[tuple[Json, Json, Any]] = field(default_factory=list)
    _new: list[tuple[Table, Json]] = field(default_factory=list)
    _choices: list[tuple[Json, str]] = field(default_factory=list)

    def create(self, table: Table, fields: Json) -> Json:
        """Plan a record and return it."""
        record = self._planned(table)
        self._plan(table, record, fields)
        return record

    def update(self, table: Table, record: Json, fields: Json, *, clears_unlisted: bool) -> None:
        """Plan new cells of a record; ``clears_unlisted`` empties all others that can be written."""
        listed = self._plan(table, record, fields)
        if clears_unlisted:
            for definition in table.definition["fields"]:
                if definition["id"] not in listed and definition["type"] not in COMPUTED:
                    self._cells.append((record, definition, None))

    def match(self, table: Table, fields: Json, merge_on: list[str]) -> Json | None:
        """Return the one record that an upsert would update, None when it would create. Raises the 422 for several."""
        if not 1 <= len(merge_on) <= 3:
            raise refuse(422, "INVALID_REQUEST_UNKNOWN", "performUpsert.fieldsToMergeOn must name one to three fields.")
        by_id = {str(table.needed_field(name)["id"]): value for name, value in fields.items()}
        wanted = {}
        for name in merge_on:
            definition = table.needed_field(name)
            if definition["type"] in COMPUTED or definition["type"] == LINKS:
                raise refuse(422, "INVALID_REQUEST_UNKNOWN", f'Field "{definition["name"]}" cannot be merged on.')
            wanted[definition["id"]] = self._checked(definition, by_id.get(definition["id"]))
        found = [record for record in table.records if all(record["fields"].get(key) == value for key, value in wanted.items())]
        if len(found) > 1:
            ids = ", ".join(record["id"] for record in found)
            raise refuse(
                422, "INVALID_REQUEST_UNKNOWN", f"Cannot upsert: {len(found)} records match the fields to merge on ({ids})."
            )
        return found[0] if found else None

    def commit(self) -> None:
        """Do everything that was planned."""
        for definition, name in self._choices:
            choices = definition["options"]["choices"]
            if name not in {choice["name"] for choice in choices}:
                letters = re.sub(r"[^A-Za-z0-9]", "", name)[:9]
                number = len(choices)
                choice_id = f"selNew{letters}{number}".ljust(17, "0")
                choices.append({"id": choice_id, "name": name, "color": "grayLight2"})
        for table, record in self._new:
            table.records.append(record)
        for record, definition, value in self._cells:
            self.base.put(record, definition, value)

    def _planned(self, table: Table) -> Json:
        record_id = self.base.new_record_id(record["id"] for _, record in self._new)
        record: Json = {"id": record_id, "createdTime": self.created_at, "fields": {}}
        self._new.append((table, record))
        return record

    def _plan(self, table: Table, record: Json, fields: Json) -> set[str]:
        listed = set()
        for name, value in fields.items():
            definition = table.needed_field(name)
            if definition["type"] in COMPUTED:
                words = f'Field "{definition["name"]}" cannot accept a value because the field is computed'
                raise refuse(422, "INVALID_VALUE_FOR_COLUMN", words)
            listed.add(definition["id"])
            self._cells.append((record, definition, self._checked(definition, value)))
        return listed

    def _checked(self, definition: Json, value: Any) -> Any:
        """Return a value as the base keeps it; None is empty. Raises the 422 when the field does not take it."""
        kind = definition["type"]
        if value is None or value in ("", []) or (kind == "checkbox" and value is False):
            return None
        if kind in _TEXTS:
            return self._text(definition, value)
        if kind in NUMBERS:
            return self._number(definition, value)
        if kind == "checkbox" and value is True:
            return True
        if kind in {"date", "dateTime"} and isinstance(value, str):
            return _moment(definition, value)
        if kind == "singleSelect":
            return self._choice(definition, value)
        if kind == "multipleSelects" and isinstance(value, list):
            return list(dict.fromkeys(self._choice(definition, name) for name in value))
        if kind == LINKS:
            return self._links(definition, value)
        if kind in {"checkbox", "date", "dateTime", "multipleSelects"}:
            raise _unfit(definition)
        raise refuse(501, "NOT_IN_THE_SANDBOX", f"The handoff sandbox does not write fields of the type {kind}.")

    def _text(self, definition: Json, value: Any) -> str:
        if isinstance(value, str):
            return value
        if self.typecast and isinstance(value, int | float):
            return str(value)
        raise _unfit(definition)

    def _number(self, definition: Json, value: Any) -> int | float:
        if self.typecast and isinstance(value, str):
            try:
                value = float(value.strip().lstrip("$"))
            except ValueError:
                raise _unfit(definition) from None
            value = int(value) if value.is_integer() else value
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST:
            return value
        raise _unfit(definition)

    def _choice(self, definition: Json, value: Any) -> str:
        if not isinstance(value, str):
            raise _unfit(definition)
        if value not in {choice["name"] for choice in definition["options"]["choices"]}:
            if not self.typecast:
                words = f'Insufficient permissions to create new select option ""{value}""'
                raise refuse(422, "INVALID_MULTIPLE_CHOICE_OPTIONS", words)
            self._choices.append((definition, value))
        return value

    def _links(self, definition: Json, value: Any) -> list[str]:
        names = [value] if isinstance(value, str) and self.typecast else value
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise _unfit(definition)
        linked = self.base.table(definition["options"]["linkedTableId"])
        if linked is None:
            raise _unfit(definition)
        return list(dict.fromkeys(self._link(linked, name) for name in names))

    def _link(self, linked: Table, name: str) -> str:
        planned = [record for table, record in self._new if table.id == linked.id]
        if name in {record["id"] for record in [*linked.records, *planned]}:
            return name
        if not self.typecast or _RECORD_ID.fullmatch(name):
            raise refuse(422, "ROW_DOES_NOT_EXIST", f"Record ID {name} does not exist")
        for record in linked.records:
            if linked.title(record) == name:
                return str(record["id"])
        return str(self.create(linked, {linked.definition["primaryFieldId"]: name})["id"])


def _moment(definition: Json, value: str) -> str:
    """Return a day as YYYY-MM-DD, or an instant in UTC with milliseconds."""
    try:
        if definition["type"] == "date":
            return date.fromisoformat(value[:10]).isoformat()
        moment = datetime.fromisoformat(value)
    except ValueError:
        words = f'Cannot parse date value "{value}" for field {definition["name"]}'
        raise refuse(422, "INVALID_VALUE_FOR_COLUMN", words) from None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
