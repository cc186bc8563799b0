"""What changed in the vendors' fields: the definitions of the published snapshot against those that a complete load brought.

A field that was added, renamed or removed, a type or an option that changed is a row of ``ops.drift``; where a rule table uses the
field, the row says what to do next. Rows stay for 90 days. Sources: HubSpot's properties, Airtable's tables and fields, the fields of
GitHub's projects. AWS describes none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines.extract import COMPLETE
from pipelines.sources.raw import OPS_TABLES, create_missing_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from pipelines.extract import SourceOutcome
    from pipelines.rules import Rules

KEPT_DAYS: Final = 90

# source -> (raw tables that are needed, their definitions: object id, object name, field id, field name, type, options as JSON)
_DEFINITIONS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "hubspot": (
        frozenset({"properties"}),
        (
            "select object_type, object_type, name, label, concat_ws('/', type, field_type), options_json"
            " from {schema}.properties where not coalesce(archived, false)"
        ),
    ),
    "airtable": (
        frozenset({"tables", "fields"}),
        (
            "select f.table_id, coalesce(t.name, f.table_id), f.id, f.name, f.type, f.options_json"
            " from {schema}.fields f left join {schema}.tables t on t.id = f.table_id"
            " union all select id, name, id, name, 'table', null from {schema}.tables"
        ),
    ),
    "github": (
        frozenset({"project_fields"}),
        "select project_number::varchar, 'project ' || project_number, id, name, data_type, options_json from {schema}.project_fields",
    ),
}
# GitHub's cells are found by the field's name, the others by its id
_BY_NAME: Final = frozenset({"github"})


@dataclass(frozen=True)
class _Field:
    """One field as its vendor defines it."""

    table_name: str
    field_id: str
    name: str | None
    kind: str | None
    options: dict[str, str]


Definitions = dict[tuple[str, str], _Field]
# kind, before, after
_Change = tuple[str, str | None, str | None]


def record_drift(
    building_file: Path, previous_file: Path | None, outcomes: list[SourceOutcome], rules: Rules, seen_at: datetime
) -> None:
    """Write to ``ops.drift`` of the private copy how the fields of each completely read source differ from the published snapshot's."""
    with duckdb.connect(str(building_file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_missing_tables(connection)
        connection.execute("delete from ops.drift where seen_at < ?", [seen_at - timedelta(days=KEPT_DAYS)])
        if previous_file is None:
            return
        connection.execute(f"attach '{str(previous_file).replace(chr(39), chr(39) * 2)}' as published (read_only)")
        known = dict(
            connection.execute(
                "select source, is_sandbox from published.ops.source_status where last_complete_at is not null"
            ).fetchall()
        )
        names, marks = ", ".join(OPS_TABLES["drift"]), ", ".join("?" * len(OPS_TABLES["drift"]))
        for outcome in outcomes:
            if outcome.source in known and known[outcome.source] != outcome.is_sandbox:
                # what was said of the invented organisation is not said of the real one
                connection.execute("delete from ops.drift where source = ?", [outcome.source])
            elif outcome.source in known and outcome.source in _DEFINITIONS and outcome.status == COMPLETE:
                for row in _rows(connection, outcome.source, rules):
                    connection.execute(f"insert into ops.drift ({names}) values ({marks})", [*row, seen_at, outcome.load_id])
        connection.execute("detach published")


def _rows(connection: duckdb.DuckDBPyConnection, source: str, rules: Rules) -> Iterator[list[Any]]:
    """Yield the rows of one source up to what_to_do: the rest says when they were seen."""
    before = _definitions(connection, "published", source)
    after = _definitions(connection, None, source)
    if not before or not after:  # nothing to compare with: a source that described nothing lost nothing
        return
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        shown = new or old
        if shown is None:
            raise AssertionError("unreachable: the key is of one of them")
        canonical = _canonical(rules, source, key, old or shown)
        for kind, was, now in _changes(old, new):
            advice = _advice(source, kind, canonical) if canonical else None
            yield [source, shown.table_name, shown.field_id, shown.name, kind, was, now, canonical is not None, advice]


def _definitions(connection: duckdb.DuckDBPyConnection, database: str | None, source: str) -> Definitions:
    needed, query = _DEFINITIONS[source]
    row = connection.execute("select current_database()").fetchone()
    catalog = database or (row[0] if row else "")
    present = {
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = ? and schema_name = ?", [catalog, f"raw_{source}"]
        ).fetchall()
    }
    if not needed <= present:
        return {}
    schema = f"published.raw_{source}" if database else f"raw_{source}"
    return {
        (str(object_id), str(field_id)): _Field(str(table_name), str(field_id), name, kind, _options(options))
        for object_id, table_name, field_id, name, kind, options in connection.execute(query.format(schema=schema)).fetchall()
    }


def _options(text: str | None) -> dict[str, str]:
    """Return the choices of a field, their shown words by what identifies them; iterations come and go and are no choices."""
    held = json.loads(text) if text else None
    choices = held.get("choices") if isinstance(held, dict) else held
    found: dict[str, str] = {}
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            identity = choice.get("id", choice.get("value"))
            label = choice.get("name", choice.get("label"))
            found[str(identity)] = str(label.get("raw") if isinstance(label, dict) else label)
    return found


def _changes(old: _Field | None, new: _Field | None) -> Iterator[_Change]:
    if old is None or new is None:
        yield ("added", None, _named(new)) if new else ("removed", _named(old), None)
        return
    if old.name != new.name:
        yield "renamed", old.name, new.name
    if old.kind != new.kind:
        yield "type_changed", old.kind, new.kind
    if gone := sorted(label for key, label in old.options.items() if key not in new.options):
        yield "options_removed", ", ".join(gone), None
    if come := sorted(label for key, label in new.options.items() if key not in old.options):
        yield "options_added", None, ", ".join(come)
    for key in sorted(old.options.keys() & new.options.keys()):
        if old.options[key] != new.options[key]:
            yield "option_renamed", old.options[key], new.options[key]


def _named(field: _Field | None) -> str | None:
    return f"{field.name} ({field.kind})" if field else None


def _canonical(rules: Rules, source: str, key: tuple[str, str], field: _Field) -> str | None:
    """Return what map_fields.csv takes from a field, as object.canonical_field; None when it takes nothing."""
    wanted = field.name if source in _BY_NAME else field.field_id
    for (system, kind), fields in rules.fields.items():
        # HubSpot's names repeat in every object; Airtable's ids do not
        if system == source and (source != "hubspot" or kind == key[0]):
            for canonical, vendor_field in fields.items():
                if vendor_field == wanted:
                    return f"{kind}.{canonical}"
    return None


def _advice(source: str, kind: str, canonical: str) -> str | None:
    takes = f"map_fields.csv takes {canonical} from this field"
    if kind == "removed" or (kind == "renamed" and source in _BY_NAME):
        return f"{takes}, so it reads as empty now: name the field that replaces it there, or bring it back at the vendor, and sync again."
    if kind == "renamed":
        return f"{takes} by its id, so nothing breaks; write the new name to its vendor_label if reports should show it."
    if kind == "type_changed":
        return f"{takes}: look under Records set aside for values that no longer read, and map another field if there are any."
    if kind in {"options_removed", "option_renamed"}:
        return f"{takes}: if a rule table names the old option, write there what replaces it."
    return None
