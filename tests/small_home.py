"""A home with small snapshots, made in milliseconds, whose raw tables are the real ones; for tests of what happens to snapshots."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import duckdb

from pipelines import warehouse
from pipelines.ledger import Ledger
from pipelines.sources.raw import create_missing_tables

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


def publish(home, run_id, fill=lambda connection: None, *, as_of="2026-11-16"):
    """Publish a snapshot with the raw tables, a view on them, and what ``fill`` adds."""
    with warehouse.run_lock(home, what="test", started_at=AT):
        building = warehouse.begin_private_copy(home)
        with duckdb.connect(str(building)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            create_missing_tables(connection)
            connection.execute("create schema if not exists marts")
            connection.execute("create or replace table marts.run as select ? as run_id", [run_id])
            connection.execute("create schema if not exists staging")
            connection.execute(
                "create or replace view staging.contacts as select id, properties_json from wh.raw_hubspot.contacts"
            )
            connection.execute("create or replace view staging.a_reader as from wh.staging.contacts")
            fill(connection)
        return warehouse.publish(home, run_id, {"published_at": AT.isoformat(), "as_of": as_of})


def contact(connection, contact_id, **properties):
    connection.execute(
        "insert into raw_hubspot.contacts (id, properties_json) values (?, ?)",
        [contact_id, json.dumps(properties, ensure_ascii=False)],
    )


def record_run(home, run_id):
    with Ledger.open(home) as ledger:
        ledger.record_run_started(run_id, what="handoff sync", as_of=date(2026, 11, 16), started_at=AT)


def every_value(home):
    """Return every text that any table of any snapshot in ``home`` holds, and every text of the ledger."""
    texts = []
    for file in sorted(home.rglob("*.duckdb")):
        with duckdb.connect(str(file), read_only=True) as connection:
            for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
                rows = connection.execute(f'select * from "{schema}"."{table}"').fetchall()
                texts += [value for row in rows for value in row if isinstance(value, str)]
    ledger = Ledger.existing(home)
    if ledger is not None:
        with ledger:
            texts += [value for _, row in ledger.entries() for value in row.values() if isinstance(value, str)]
    return texts
