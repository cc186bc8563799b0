"""Makes a vendor's raw tables of imported files, where rule_file_sources.csv says that its records come from there.

    raw_files.deals       -> raw_hubspot.deals, companies, associations, owners, properties, pipelines, pipeline_stages
    raw_files.engagements -> raw_airtable.records, tables, fields

From here on nothing knows the difference: models read the tables as if the API had filled them. Of a record in several files the one
that was imported last counts. A field is a property only if a file has its column, so that what nobody exported is not "missing".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines.extract import COMPLETE, NEVER, SourceOutcome, count_rows
from pipelines.sources.files_columns import PLACES
from pipelines.sources.raw import RAW_TABLES, create_missing_tables

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pipelines.rules import Rules

# vendor -> kind of file
KINDS: Final = {system: kind for kind, (system, _) in PLACES.items()}
_NEWEST: Final = (
    "select * from raw_files.{table} qualify row_number() over (partition by id order by imported_at desc, file_name desc, "
    "line_number desc) = 1"
)
_DEALS: Final = (
    "create or replace temp table newest as " + _NEWEST.format(table="deals"),
    (
        "insert into raw_hubspot.deals by name select id, '0-3' as object_type_id, fields_json as properties_json, "
        "imported_at as updated_at, false as archived, _dlt_load_id, _dlt_id from newest"
    ),
    (
        "insert into raw_hubspot.owners by name select any_value(json_extract_string(fields_json, $owner)) as id, "
        "max(owner_name) as first_name, false as archived, max(_dlt_load_id) as _dlt_load_id, max(_dlt_id) as _dlt_id "
        "from newest where owner_name is not null group by json_extract_string(fields_json, $owner)"
    ),
    (
        "create or replace temp table linked as select id as deal_id, json_extract_string(company, '$.id') as company_id, "
        "json_extract_string(company, '$.name') as company_name, imported_at, _dlt_load_id, _dlt_id "
        "from newest, unnest(cast(companies_json as json[])) as companies (company)"
    ),
    (
        "insert into raw_hubspot.companies by name select company_id as id, '0-2' as object_type_id, "
        "json_object($company, max_by(company_name, imported_at)) as properties_json, max(imported_at) as updated_at, "
        "false as archived, max(_dlt_load_id) as _dlt_load_id, max(_dlt_id) as _dlt_id from linked group by company_id"
    ),
    (
        "insert into raw_hubspot.associations by name select 'deals' as from_object, deal_id as from_id, 'companies' as to_object, "
        "company_id as to_id, 'HUBSPOT_DEFINED' as category, 341 as type_id, _dlt_load_id, _dlt_id from linked"
    ),
)
_ENGAGEMENTS: Final = (
    "create or replace temp table newest as " + _NEWEST.format(table="engagements"),
    (
        "insert into raw_airtable.records by name select $base as base_id, $table as table_id, id, imported_at as created_at, "
        "fields_json, _dlt_load_id, _dlt_id from newest"
    ),
)
_FIELDS: Final = "select distinct unnest(json_keys(fields_json)) from newest"
# what stands for the id of the base in addresses
_BASE: Final = "files"


def stand_in(vendor: str, building: Path, rules: Rules, now: datetime) -> SourceOutcome:
    """Make the raw tables of ``vendor`` anew of the imported files in the private copy, and say how complete they are."""
    kind = KINDS[vendor]
    outcome = SourceOutcome(vendor, False, now)
    with duckdb.connect(str(building)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_missing_tables(connection)
        for table in RAW_TABLES[vendor]:
            connection.execute(f"delete from raw_{vendor}.{table}")
        [(newest,)] = connection.execute(f"select max(imported_at) from raw_files.{kind}").fetchall()
        if newest is None:
            outcome.status = NEVER
            outcome.error = f"No file of {kind} was imported yet. Run `handoff import {kind} FILE`."
        else:
            outcome.status, outcome.last_complete_at = COMPLETE, newest
            _fill(connection, vendor, rules)
    outcome.row_counts = count_rows(vendor, building)
    return outcome


def _fill(connection: duckdb.DuckDBPyConnection, vendor: str, rules: Rules) -> None:
    names = rules.fields.get(PLACES[KINDS[vendor]], {})
    company = rules.fields.get(("hubspot", "companies"), {}).get("company_name", "name")
    values: dict[str, Any] = {
        "owner": f'$."{names.get("owner_id", "hubspot_owner_id")}"',
        "company": company,
        "base": _BASE,
        "table": names.get("table_id", ""),
    }
    for sql in _DEALS if vendor == "hubspot" else _ENGAGEMENTS:
        used = {name: value for name, value in values.items() if f"${name}" in sql}
        connection.execute(sql, used or None)
    there = {name for (name,) in connection.execute(_FIELDS).fetchall()}
    labels = {row["vendor_field"]: row.get("vendor_label", "") for row in rules.table("map_fields")}
    if vendor == "airtable":
        _insert(connection, "raw_airtable.tables", [{"base_id": _BASE, "id": values["table"], "name": "Engagements"}])
        fields = [{"base_id": _BASE, "table_id": values["table"], "id": name, "name": labels.get(name)} for name in sorted(there)]
        _insert(connection, "raw_airtable.fields", fields)
        return
    properties = [{"object_type": "deals", "name": name, "label": labels.get(name), "archived": False} for name in sorted(there)]
    properties.append({"object_type": "companies", "name": company, "label": labels.get(company), "archived": False})
    _insert(connection, "raw_hubspot.properties", properties)
    pipelines = [
        {"object_type": "deals", "id": row["pipeline_id"], "label": row.get("pipeline_name"), "archived": False}
        for row in rules.table("rule_pipelines")
    ]
    _insert(connection, "raw_hubspot.pipelines", pipelines)
    stages = [
        {
            "object_type": "deals",
            "pipeline_id": row["pipeline_id"],
            "id": row["stage_id"],
            "label": row["stage_key"].replace("_", " ").capitalize(),
            "display_order": int(row["stage_rank"]),
            "is_closed": "true" in {row["is_closed_won"], row["is_closed_lost"]},
            "archived": False,
        }
        for row in rules.table("rule_stages")
    ]
    _insert(connection, "raw_hubspot.pipeline_stages", stages)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        connection.execute(
            f"insert into {table} ({names}, _dlt_load_id, _dlt_id) values ({marks}, 'files', uuid())", list(row.values())
        )
