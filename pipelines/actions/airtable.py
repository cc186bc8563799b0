"""Airtable: a record is found by the deal or line item that it names, created with one POST, and read back by id.

    GET   /v0/meta/bases/{base}/tables        the schema: what the base would refuse
    GET   /v0/{base}/{table}                  what every record stands for: does one name the deal or line item already?
    GET   /v0/{base}/{table}/{record}         the record as it is
    POST  /v0/{base}/{table}                  one record
    PATCH /v0/{base}/{table}/{record}         one field

https://airtable.com/developers/web/api. Fields go by id, so that renaming one breaks nothing. What the base would refuse is known from
its schema (airtable_values.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pipelines.actions.airtable_values import linked_record, objection_to, spelled, typed
from pipelines.actions.records import Change, Place, is_blank, same
from pipelines.actions.target import Answer, Connection, Reading, Write, record_key
from pipelines.errors import ConfigurationError, GarbageAnswer, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.actions.target import DealKey
    from pipelines.rules import Rules

_PAGE: Final = 100
_RECORD_URL: Final = "https://airtable.com"
# The field of each kind of record that names the deal or line item which it stands for
_KEY_FIELDS: Final = {"engagements": "deal_url", "projects": "deal_url", "deliverables": "line_item_url"}


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
            objection = objection_to(definition, value)
            if objection is not None:
                return objection
        if change.is_creation and change.object not in _KEY_FIELDS:
            return f"handoff creates no Airtable {change.object}"
        if change.is_creation and self._key(change) is None:
            return "the change names no deal or line item by which an existing record could be found"
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
            f"{name} holds {spelled(held.get(fields[name]))!r}"
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

    def _key(self, change: Change) -> DealKey | None:
        return record_key(change.natural_key, self._rules)

    def _search(self, change: Change) -> Reading:
        """Return the one record that names the deal or line item, none, or the obstacle that keeps one from being created."""
        key, field_id = self._key(change), self._fields(change)[_KEY_FIELDS[change.object]]
        named, misnamed, unnamed = [], [], []
        for record in self._records(change):
            text = record["fields"].get(field_id)
            if key is not None and key.is_named_in(text):
                named.append(record["id"])
            elif key is not None and key.is_misnamed_in(text):
                misnamed.append((record["id"], text))
            elif self._stands_in_the_way(change, record, is_marked=not is_blank(text)):
                unnamed.append(record["id"])
        records = [
            record
            for record in (self._record(change, record_id) for record_id in named)
            if not self._is_called_off(change, record)
        ]
        what = "this line item" if change.object == "deliverables" else "this deal"
        if len(records) > 1:
            ids = ", ".join(record["id"] for record in records)
            return Reading(obstacle=f"{len(records)} {change.object} name {what} already ({ids}); keep one of them")
        if records:
            return self._reading_of(change, records[0])
        if misnamed:
            address = self.record_url(change, misnamed[0][0])
            return Reading(
                obstacle=f"{address} names {what} in another portal ({misnamed[0][1]}); correct that address instead of adding a record"
            )
        if unnamed:
            address = self.record_url(change, unnamed[0])
            return Reading(obstacle=f"{address} may be what is wanted; write the address of {what} on it, or sync again")
        return Reading()

    def _stands_in_the_way(self, change: Change, record: dict[str, Any], *, is_marked: bool) -> bool:
        """Return whether a person has planned this meanwhile: any project of the engagement, or a deliverable of that name."""
        fields, values = self._fields(change), change.values
        parent = {"projects": "engagement", "deliverables": "project"}.get(change.object)
        if parent is None or linked_record(values.get(parent)) not in (record["fields"].get(fields[parent]) or []):
            return False
        if change.object == "projects":
            return True
        name = str(record["fields"].get(fields["deliverable_name"]) or "")
        return not is_marked and name.split() == values["deliverable_name"].split()

    def _reading_of(self, change: Change, record: dict[str, Any]) -> Reading:
        return Reading(parts={"record": record}, url=self.record_url(change, record["id"]))

    def _is_called_off(self, change: Change, record: dict[str, Any]) -> bool:
        """Return whether an engagement has ended without having begun: it does not stand in the way of a new one."""
        status = record["fields"].get(self._fields(change).get("status", ""))
        return change.object == "engagements" and any(
            row["status"] == status and row["is_started"] == "false" and row["is_active"] == "false"
            for row in self._rules.table("rule_engagement_statuses")
            if row["store"] == "airtable"
        )

    def _records(self, change: Change) -> Iterator[dict[str, Any]]:
        """Yield every record with what it stands for; the whole table is read, because people write addresses in many ways."""
        fields = self._fields(change)
        wanted = {"projects": ("engagement",), "deliverables": ("project", "deliverable_name")}.get(change.object, ())
        asked = [fields[name] for name in (_KEY_FIELDS[change.object], *wanted)]
        params: dict[str, Any] = {"pageSize": _PAGE, "returnFieldsByFieldId": "true", "fields[]": asked}
        seen_offsets: set[str] = set()
        while True:
            page = self._connection.get(f"/v0/{self._base_id}/{self._table_id(change)}", params)
            records = page.get("records") if isinstance(page, dict) else None
            if not isinstance(records, list):
                raise GarbageAnswer(f"Airtable did not list the {change.object}. Nothing was written there; try again later.")
            yield from ({**record, "fields": record.get("fields") or {}} for record in records)
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
            value=spelled(value),
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
        return typed(self._tables()[self._table_id(change)][self._fields(change)[name]], value)

    def _tables(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the schema: field by id, for each table id."""
        if self._schema is None:
            answer = self._connection.get(f"/v0/meta/bases/{quote(self._base_id, safe='')}/tables")
            tables = answer.get("tables") if isinstance(answer, dict) else None
            if not isinstance(tables, list):
                raise GarbageAnswer(f"Airtable did not show the schema of the base {self._base_id}. Try again later.")
            self._schema = {table["id"]: {item["id"]: item for item in table.get("fields", [])} for table in tables}
        return self._schema
