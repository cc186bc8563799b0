"""What the tests of Spark share: a reason to skip, a session, and rows compared value by value."""

from __future__ import annotations

import pytest

from pipelines.engines.java import what_spark_lacks


def skip_without_spark():
    """Skip the tests of a module where Spark cannot run."""
    missing = what_spark_lacks()
    if missing is not None:
        pytest.skip(missing, allow_module_level=True)


def differences(connection, mine, other):
    """Return how many rows stand in only one of two tables, by the table; rows that occur twice must occur twice."""
    counts = {}
    for one, another in ((mine, other), (other, mine)):
        query = f"select count(*) from (select * from {one} except all select * from {another})"
        counts[one] = connection.execute(query).fetchone()[0]
    return {name: count for name, count in counts.items() if count}


def columns(connection, catalog, schema, table):
    """Return the columns of a table with their types, in their order."""
    return connection.execute(
        "select column_name, data_type from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ? "
        "order by column_index",
        [catalog, schema, table],
    ).fetchall()
