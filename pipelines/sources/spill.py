"""Where rows wait between the vendor and the warehouse: one table in Parquet files, and what earlier loads left in the private copy."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from pipelines.sources.raw_files import Columns

_ROWS_PER_PAGE: Final = 1_000
# of files that were taken: their rows are short
_ROWS_PER_TAKEN_PAGE: Final = 200_000
# Rows wait in memory until there are so many of them, or their texts are so long
_ROWS_IN_MEMORY: Final = 500
_CHARACTERS_IN_MEMORY: Final = 4_000_000
_ORDER: Final = "_order"


class Spill:
    """One table on its way. Rows go to disk in the order in which they came; of two with the same ``key`` the last one counts."""

    def __init__(self, folder: Path, columns: Columns) -> None:
        """Open nothing yet; ``folder`` is made when the first rows are written."""
        self.key: tuple[str, ...] = ("id",)
        self._folder, self._columns = folder, columns
        self._rows: list[dict[str, Any]] = []
        self._characters = 0
        self._written = 0
        self._parts = 0
        self._writer: Any = None
        self._has_twins: bool | None = None

    def add(self, row: dict[str, Any]) -> None:
        """Take one typed row."""
        self._rows.append(row)
        self._characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(self._rows) >= _ROWS_IN_MEMORY or self._characters >= _CHARACTERS_IN_MEMORY:
            self._write()

    def take(self, file: Path) -> None:
        """Take a Parquet file of typed rows that have no key: all of them count. It becomes part of this table, which has no other rows."""
        self.key = ()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.rename(self._folder / f"{self._parts}.parquet")
        self._parts += 1

    def files(self) -> list[str]:
        """Return the finished files; what was waiting in memory is in them."""
        self._write()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._parts += 1
        return [str(self._folder / f"{part}.parquet") for part in range(self._parts)]

    def sql(self) -> str:
        """Return the rows that count as a FROM clause. There must be files."""
        rows = self._rows_sql()
        if not self._twins(rows):
            return f"(from {rows})"
        key = ", ".join(f'"{name}"' for name in self.key)
        return f"(from {rows} where {_ORDER} in (select max({_ORDER}) from {rows} group by {key}))"

    def tuples(self, *names: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Return some columns of the rows that count and meet ``where``, in the order in which they came."""
        if not self.files():
            return []
        columns = ", ".join(f'"{name}"' for name in names)
        with _memory() as connection:
            return connection.execute(f"select {columns} from {self.sql()} where {where} order by {_ORDER}").fetchall()

    def pages(self) -> Iterator[pa.Table]:
        """Yield the rows that count as Arrow tables, at least one."""
        import pyarrow as pa  # noqa: PLC0415 - only where something is loaded
        from pyarrow import compute, parquet  # noqa: PLC0415

        schema = self._schema()
        if not self.files():
            yield schema.empty_table()
            return
        lost = self._lost()
        for name in self.files():
            with parquet.ParquetFile(name) as file:
                for batch in file.iter_batches(_ROWS_PER_PAGE if self.key else _ROWS_PER_TAKEN_PAGE):
                    page = pa.Table.from_batches([batch])
                    if lost is not None:
                        page = page.filter(compute.invert(compute.is_in(page[_ORDER], lost)))
                    yield page.select(schema.names).cast(schema)

    def _schema(self, *more: Any) -> pa.Schema:
        import pyarrow as pa  # noqa: PLC0415

        return pa.schema([*((name, _arrow_type(kind)) for name, kind in self._columns.items()), *more])

    def _write(self) -> None:
        if not self._rows:
            return
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        schema = self._schema((_ORDER, pa.int64()))
        for order, row in enumerate(self._rows, self._written):
            row[_ORDER] = order
        if self._writer is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer = parquet.ParquetWriter(self._folder / f"{self._parts}.parquet", schema, compression="snappy")
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=schema))
        self._written += len(self._rows)
        self._rows, self._characters, self._has_twins = [], 0, None

    def _rows_sql(self) -> str:
        names = ", ".join("'" + name.replace("'", "''") + "'" for name in self.files())
        return f"read_parquet([{names}])"

    def _lost(self) -> pa.Array | None:
        """Return which rows do not count, by their order; None when all do."""
        import pyarrow as pa  # noqa: PLC0415

        rows = self._rows_sql()
        if not self._twins(rows):
            return None
        with _memory() as connection:
            lost = connection.execute(
                f"select {_ORDER} from {rows} where {_ORDER} not in (select {_ORDER} from {self.sql()})"
            ).fetchall()
        return pa.array([order for (order,) in lost], pa.int64())

    def _twins(self, rows: str) -> bool:
        if not self.key:
            return False
        if self._has_twins is None:
            key = ", ".join(f'"{name}"' for name in self.key)
            with _memory() as connection:
                found = connection.execute(f"select count(*), count(distinct ({key})) from {rows}").fetchone()
            self._has_twins = found is not None and found[0] != found[1]
        return self._has_twins


class Earlier:
    """What earlier loads of a source left in the private copy; nothing, when there were none."""

    def __init__(self, source: str, building_file: Path | None) -> None:
        """Look into ``building_file`` when asked."""
        self._schema, self._file = f"raw_{source}", building_file
        self._tables: dict[str, set[str]] | None = None

    def has(self, table: str, *columns: str) -> bool:
        """Return whether there is such a table, with these columns."""
        if self._tables is None:
            found: dict[str, set[str]] = {}
            with self.opened() as connection:
                if connection is not None:
                    rows = connection.execute(
                        "select table_name, column_name from duckdb_columns() where schema_name = ?", [self._schema]
                    )
                    for name, column in rows.fetchall():
                        found.setdefault(name, set()).add(column)
            self._tables = found
        return table in self._tables and self._tables[table].issuperset(columns)

    def tuples(self, table: str, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Return columns of an earlier table; no rows when there is no such table."""
        if not self.has(table, *columns):
            return []
        names = ", ".join(f'"{name}"' for name in columns)
        with self.opened() as connection:
            return (
                []
                if connection is None
                else connection.execute(f'select {names} from {self._schema}."{table}" where {where}').fetchall()
            )

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection | None]:
        """Yield a connection to the private copy, or None when it does not exist yet."""
        if self._file is None or not self._file.exists():
            yield None
            return
        with duckdb.connect(str(self._file)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection


@contextmanager
def _memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def _arrow_type(kind: str) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415

    return {
        "text": pa.string(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
    }[kind]
