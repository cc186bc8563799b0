"""What a snapshot's file holds, as statements that make it again in a new file: tables with their rows, and views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Made:
    """A table or view, and the statement that makes it."""

    schema: str
    name: str
    sql: str


@dataclass(frozen=True)
class Contents:
    """The tables and views of one file."""

    tables: list[Made]
    views: list[Made]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> Contents:
        """Return what the database holds that ``connection`` is in."""
        here = "database_name = current_database()"
        tables = connection.execute(
            f"select schema_name, table_name, sql from duckdb_tables() where {here} order by all"
        ).fetchall()
        views = connection.execute(
            f"select schema_name, view_name, sql from duckdb_views() where {here} and not internal order by view_oid"
        ).fetchall()
        return cls([Made(*row) for row in tables], [Made(*row) for row in views])

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Contents:
        """Return what :meth:`as_json` wrote down."""
        return cls([Made(**item) for item in content["tables"]], [Made(**item) for item in content["views"]])

    def as_json(self) -> dict[str, Any]:
        """Return the statements as plain data."""
        return {"tables": [vars(item) for item in self.tables], "views": [vars(item) for item in self.views]}

    def make(self, connection: duckdb.DuckDBPyConnection, rows_of: Callable[[str, str], str]) -> None:
        """Make everything in the empty database of ``connection``; ``rows_of`` names what holds the rows of a table.

        The file must be called as the snapshots' are, because views name their database.
        """
        for schema in sorted({item.schema for item in (*self.tables, *self.views)} - {"main"}):
            connection.execute(f"create schema {quoted(schema)}")
        for table in self.tables:
            connection.execute(table.sql)
            connection.execute(f"insert into {quoted(table.schema, table.name)} from {rows_of(table.schema, table.name)}")
        _create_views(connection, [view.sql for view in self.views])
        connection.execute("checkpoint")


def quoted(*names: str) -> str:
    """Return a qualified name as SQL takes it, whatever its parts hold."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: object) -> str:
    """Return a text as SQL takes it where no parameter may stand."""
    return "'" + str(text).replace("'", "''") + "'"


def _create_views(connection: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
    """Create views that may read one another; one that cannot be made any more is left to the next sync, which makes them all anew."""
    while statements:
        left = []
        for statement in statements:
            try:
                connection.execute(statement)
            except duckdb.Error:
                left.append(statement)
        if len(left) == len(statements):
            return
        statements = left
