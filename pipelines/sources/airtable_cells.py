"""The cells of Airtable as they are kept: everything that was sent, except addresses that expire and e-mail addresses in clear.

What is odd about them is told once for each field: a type that Airtable's description does not name, a formula that ends in an error,
a link to a record that was not read. https://airtable.com/developers/web/api/field-model
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pipelines.sources.landing import Landing
    from pipelines.sources.people import EmailHash

Json = dict[str, Any]

_SHOWN: Final = 10
_LINKS: Final = "multipleRecordLinks"
_ATTACHMENTS: Final = "multipleAttachments"
# An attachment's address expires within hours, so it would be another one in every load.
_ATTACHMENT_PARTS: Final = ("id", "filename", "size", "type")
# What a cell holds that could not be reckoned: {"error": "#ERROR!"} or {"specialValue": "NaN"}
_ERRORS: Final = frozenset({"error", "specialValue"})
_COMPUTED: Final = frozenset({"formula", "rollup", "multipleLookupValues", "lookup", "count", "aiText", "button"})
# Fields whose values name people, and those that repeat what stands in such fields
_PEOPLE: Final = _COMPUTED | {"email", "singleCollaborator", "multipleCollaborators", "createdBy", "lastModifiedBy"}
KNOWN_TYPES: Final = _PEOPLE | {
    _ATTACHMENTS,
    _LINKS,
    "autoNumber",
    "barcode",
    "checkbox",
    "createdTime",
    "currency",
    "date",
    "dateTime",
    "duration",
    "externalSyncSource",
    "lastModifiedTime",
    "multilineText",
    "multipleSelects",
    "number",
    "percent",
    "phoneNumber",
    "rating",
    "richText",
    "singleLineText",
    "singleSelect",
    "url",
}


class TableCells:
    """The cells of one table on their way: kept, with the links that they hold and the errors in them noted."""

    def __init__(self, table_id: str, fields: list[Json], hashed: EmailHash) -> None:
        """Know the table's fields by id."""
        self.table_id = table_id
        self.links: dict[str, set[str]] = {}  # linked table -> ids of linked records
        self._fields = {str(field.get("id")): field for field in fields}
        self._hashed = hashed
        self._errors: dict[str, dict[str, str]] = {}  # field -> record -> what it says

    def kept(self, record_id: str, cells: Json) -> Json:
        """Return the cells of a record as they are stored."""
        return {field_id: self._kept(record_id, field_id, value) for field_id, value in cells.items()}

    def _kept(self, record_id: str, field_id: str, value: Any) -> Any:
        field = self._fields.get(field_id, {})
        kind = str(field.get("type"))
        if kind == _LINKS:
            self._note_links(field, value)
            return value
        if kind == _ATTACHMENTS or kind in _COMPUTED:
            value = _without_addresses(value)
        if kind in _COMPUTED:
            said = next((member for member in (value if isinstance(value, list) else [value]) if _is_error(member)), None)
            of_field = self._errors.setdefault(field_id, {})
            if said is None:
                of_field.pop(record_id, None)
            else:
                of_field[record_id] = str(next(iter(said.values())))
        return self._hashed(value) if kind in _PEOPLE else value

    def _note_links(self, field: Json, value: Any) -> None:
        options = field.get("options")
        linked_table = str(options.get("linkedTableId")) if isinstance(options, dict) else "unknown"
        linked = [member for member in value if isinstance(member, str)] if isinstance(value, list) else []
        self.links.setdefault(linked_table, set()).update(linked)

    def tell_oddities(self, landing: Landing) -> None:
        """Name in the quarantine each field of an unknown type, and each in which cells could not be reckoned."""
        for field_id, field in self._fields.items():
            if str(field.get("type")) not in KNOWN_TYPES:
                landing.set_aside(
                    "fields",
                    f"{self.table_id}/{field_id}",
                    f"the field {field.get('name')} has the type {field.get('type')}, which handoff does not know: "
                    "its cells are kept as sent",
                    {},
                )
        for field_id, records in self._errors.items():
            if records:
                landing.set_aside(
                    "records",
                    f"{self.table_id}/{field_id}",
                    f"{len(records)} cells of the field {self._fields[field_id].get('name')} could not be reckoned by Airtable "
                    f"({', '.join(sorted(set(records.values())))}): they are kept as sent, and count as unknown. Correct the field's "
                    "formula, or what it reckons with",
                    {"records": sorted(records)[:_SHOWN]},
                )


def tell_missing(landing: Landing, table_id: str, missing: set[str]) -> None:
    """Name in the quarantine records that others link to and that the list of their table does not hold."""
    landing.set_aside(
        "records",
        table_id,
        f"{len(missing)} records that others link to were not in the list of the table {table_id}: what was read of it may lack them, "
        "or this token may not see that table",
        {"records": sorted(missing)[:_SHOWN]},
    )


def _without_addresses(value: Any) -> Any:
    """Return a value with its attachments, at whatever depth, by id, name, size and type alone."""
    if isinstance(value, list):
        return [_without_addresses(member) for member in value]
    if isinstance(value, dict) and "filename" in value and "url" in value:
        return {part: value.get(part) for part in _ATTACHMENT_PARTS}
    if isinstance(value, dict):
        return {name: _without_addresses(member) for name, member in value.items()}
    return value


def _is_error(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and _ERRORS.issuperset(value)
