"""Airtable: a record is found by the deal that it names, created with one POST, and read back by id.

    GET   /v0/meta/bases/{base}/tables        the schema: what the base would refuse
    GET   /v0/{base}/{table}                  every record's deal address: does one name the deal already?
    GET   /v0/{base}/{table}/{record}         the record as it is
    POST  /v0/{base}/{table}                  one record
    PATCH /v0/{base}/{table}/{record}         one field

https://airtable.com/developers/web/api. Fields go by id, so that renaming one breaks nothing. ``typecast`` stays off: with it, a
misspelt choice would become a new choice; choices are checked against the schema instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pipelines.actions.records import Change, Place, is_blank, same
from pipelines.actions.target import Answer, Connection, Reading, Write, deal_key
from pipelines.errors import ConfigurationError, GarbageAnswer, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.rules import Rules

_PAGE: Final = 100
_RECORD_URL: Final = "https://airtable.com"
_COMPUTED: Final = frozenset(
    {
        "aiText",
        "autoNumber",
        "button",
        "count",
        "createdBy",
        "createdTime",
        "formula",
        "lastModifiedBy",
        "lastModifiedTime",
        "lookup",
        "multipleLookupValues",
        "rollup",
    }
)
_NUMBERS: Final = frozenset({"number", "currency", "percent", "rating", "duration"})


class AirtableTarget:
    """An Airtable base, as far as changes go."""

    def __init__(self, connection: Connection, rules: Rules, base_id: str, *, is_sandbox: bool) -> None:
        """Use ``connection`` for the base ``base_id``; table and field ids come from the rule tables."""
        self._connection = connection
        self._rules = rules
        self._base_id = base_id
        self._is_sandbox = is_sandbox
        self._schema: dict[str, dict[str, dict[str, Any]]] | None = None

    @property
    def place(self) -> Place:
        """The base, once it has shown its schema to the token."""
        self._tables()
        return Place("airtable", "Airtable base", self._base_id, self._is_sandbox)

    def objection(self, change: Change) -> str | None:
        """Return why the base would refuse this change, from its schema."""
        for name, value in change.values.items():
            field_id = self._fields(change).get(name)
            if field_id is None:
                return f"map_fields.csv names no Airtable field for {change.object}.{name}"
            definition = self._tables().get(self._table_id(change), {}).get(field_id)
            if definition is None:
                return f"the base has no field {field_id} ({change.object}.{name})"
            objection = _value_objection(definition, value)
            if objection is not None:
                return objection
        if change.is_creation and deal_key(change.natural_key, self._rules) is None:
            return "the change names no deal by which an existing record could be found"
        return None

    def read(self, change: Change, made_id: str | None = None) -> Reading:
        """Return the field's live value, or the record that names the deal."""
        if not change.is_creation:
            return self._read_field(change)
        if made_id is not None:
            return self._reading_of(change, self._record(change, made_id))
        return self._search(change)

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the POST of the record or the PATCH of the field, or None when it is there."""
        table = f"/v0/{self._base_id}/{self._table_id(change)}"
        content = {self._fields(change)[name]: self._typed(change, name, value) for name, value in change.values.items()}
        if not change.is_creation:
            if same(reading.value, change.after):
                return None
            path = f"{table}/{quote(str(change.record_id), safe='')}"
            return Write(1, f"set {change.field}", "PATCH", path, {"fields": content, "typecast": False})
        if reading.parts.get("record") is not None:
            return None
        return Write(1, f"create {change.object}", "POST", table, {"fields": content, "typecast": False})

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return the fields that hold something else than was asked for."""
        if not change.is_creation:
            return None if same(reading.value, change.after) else f"{change.field} holds {reading.value!r}"
        held = (reading.parts.get("record") or {}).get("fields") or {}
        fields = self._fields(change)
        other = [
            f"{name} holds {held.get(fields[name])!r}"
            for name, value in change.values.items()
            if held.get(fields[name]) != self._typed(change, name, value)
        ]
        return "; ".join(other) or None

    def send(self, write: Write) -> Answer:
        """Send one write, once. Raises VendorError."""
        answer = self._connection.write(write)
        record_id = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(record_id, str):
            raise GarbageAnswer("Airtable answered a write with something that is not a record.")
        return Answer(record_id, record_id)

    def record_url(self, change: Change, record_id: str) -> str:
        """Return the address at which people open a record."""
        return f"{_RECORD_URL}/{self._base_id}/{self._table_id(change)}/{record_id}"

    def _search(self, change: Change) -> Reading:
        """Return the one record that names the deal, none, or the obstacle that keeps one from being created."""
        key = deal_key(change.natural_key, self._rules)
        named, misnamed = [], []
        for record_id, url in self._deal_urls(change):
            if key is not None and key.is_named_in(url):
                named.append(record_id)
            elif key is not None and key.is_misnamed_in(url):
                misnamed.append((record_id, url))
        records = [
            record
            for record in (self._record(change, record_id) for record_id in named)
            if not self._is_called_off(change, record)
        ]
        if len(records) > 1:
            ids = ", ".join(record["id"] for record in records)
            return Reading(obstacle=f"{len(records)} {change.object} name this deal already ({ids}); keep one of them")
        if records:
            return self._reading_of(change, records[0])
        if misnamed:
            address, url = self.record_url(change, misnamed[0][0]), misnamed[0][1]
            return Reading(
                obstacle=f"{address} names this deal in another portal ({url}); correct that address instead of adding a record"
            )
        return Reading()

    def _reading_of(self, change: Change, record: dict[str, Any]) -> Reading:
        return Reading(parts={"record": record}, url=self.record_url(change, record["id"]))

    def _is_called_off(self, change: Change, record: dict[str, Any]) -> bool:
        """Return whether a record has ended without having begun: it does not stand in the way of a new one."""
        status = record["fields"].get(self._fields(change).get("status", ""))
        return any(
            row["status"] == status and row["is_started"] == "false" and row["is_active"] == "false"
            for row in self._rules.table("rule_engagement_statuses")
            if row["store"] == "airtable"
        )

    def _deal_urls(self, change: Change) -> Iterator[tuple[str, str]]:
        """Yield the deal address of every record; the whole table is read, because people write addresses in many ways."""
        field_id = self._fields(change)["deal_url"]
        params: dict[str, Any] = {"pageSize": _PAGE, "returnFieldsByFieldId": "true", "fields[]": field_id}
        seen_offsets: set[str] = set()
        while True:
            page = self._connection.get(f"/v0/{self._base_id}/{self._table_id(change)}", params)
            records = page.get("records") if isinstance(page, dict) else None
            if not isinstance(records, list):
                raise GarbageAnswer(f"Airtable did not list the {change.object}. Nothing was written there; try again later.")
            for record in records:
                if not is_blank(url := record.get("fields", {}).get(field_id)):
                    yield record["id"], str(url)
            offset = page.get("offset")
            if not offset:
                return
            if offset in seen_offsets:
                raise GarbageAnswer(
                    f"Airtable sent the same page of {change.object} twice. Nothing was written there; try again later."
                )
            seen_offsets.add(offset)
            params = {**params, "offset": offset}

    def _record(self, change: Change, record_id: str) -> dict[str, Any]:
        path = f"/v0/{self._base_id}/{self._table_id(change)}/{quote(record_id, safe='')}"
        record = self._connection.get(path, {"returnFieldsByFieldId": "true"})
        if not isinstance(record, dict) or not isinstance(record.get("fields"), dict):
            raise GarbageAnswer(f"Airtable answered for {record_id} without its fields. Try again later.")
        return record

    def _read_field(self, change: Change) -> Reading:
        try:
            record = self._record(change, str(change.record_id))
        except NotFound:
            return Reading(obstacle=f"Airtable no longer has this record ({change.record_id})")
        field_id = self._fields(change)[change.field or ""]
        value = record["fields"].get(field_id)
        return Reading(
            value=None if value is None else str(value),
            url=change.record_url,
            changed_by=self._who_and_when(change, record["fields"], field_id),
        )

    def _who_and_when(self, change: Change, held: dict[str, Any], field_id: str) -> str | None:
        """Return who changed a field and when, where the base has fields that say so: of this field alone, or of the whole record."""
        found: dict[tuple[str, bool], Any] = {}
        for name, definition in self._tables().get(self._table_id(change), {}).items():
            watched = (definition.get("options") or {}).get("referencedFieldIds") or []
            if held.get(name) is not None and (not watched or field_id in watched):
                found.setdefault((str(definition.get("type")), len(watched) == 1), held[name])
        for is_exact in (True, False):
            who, when = found.get(("lastModifiedBy", is_exact)), found.get(("lastModifiedTime", is_exact))
            if who is None and when is None:
                continue
            person = who.get("name") or who.get("id") if isinstance(who, dict) else who
            words = f"by {person}" if person else ""
            if isinstance(when, str):
                words = f"{words} on {when[:16].replace('T', ' ')} UTC".strip()
            return words if is_exact else f"{words} (the last change of that record)"
        return None

    def _fields(self, change: Change) -> dict[str, str]:
        fields = self._rules.fields.get(("airtable", change.object))
        if not fields or "table_id" not in fields:
            raise ConfigurationError(f"map_fields.csv names no Airtable table for {change.object}. Add its table_id row there.")
        return fields

    def _table_id(self, change: Change) -> str:
        return self._fields(change)["table_id"]

    def _typed(self, change: Change, name: str, value: str) -> object:
        if is_blank(value):
            return None  # clears the field
        definition = self._tables()[self._table_id(change)][self._fields(change)[name]]
        if definition.get("type") in _NUMBERS:
            number = float(value)
            return int(number) if number.is_integer() else number
        return value == "true" if definition.get("type") == "checkbox" else value

    def _tables(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the schema: field by id, for each table id."""
        if self._schema is None:
            answer = self._connection.get(f"/v0/meta/bases/{quote(self._base_id, safe='')}/tables")
            tables = answer.get("tables") if isinstance(answer, dict) else None
            if not isinstance(tables, list):
                raise GarbageAnswer(f"Airtable did not show the schema of the base {self._base_id}. Try again later.")
            self._schema = {table["id"]: {item["id"]: item for item in table.get("fields", [])} for table in tables}
        return self._schema


def _value_objection(definition: dict[str, Any], value: str) -> str | None:
    name, kind = definition.get("name"), definition.get("type")
    if kind in _COMPUTED:
        return f"the field {name} is computed by Airtable and cannot be written"
    if is_blank(value):
        return None
    if kind == "singleSelect":
        choices = [choice.get("name") for choice in (definition.get("options") or {}).get("choices", [])]
        if value not in choices:
            return f"the field {name} has no choice {value!r} (it has {', '.join(map(str, choices))})"
    if kind in _NUMBERS:
        try:
            float(value)
        except ValueError:
            return f"the field {name} takes a number, and {value!r} is none"
    return None
