"""Builds the models on Apache Spark and brings what people read back into the private copy.

    private copy (DuckDB)  seeds, staging views and histories, by dbt: histories go on from the last snapshot, so they stay here
      -> lake/inputs       what the models read of them, as Parquet
      -> lake/models       every table, built by Spark from the statement that dbt compiled, in Spark's words (spark_sql.py)
      -> private copy      marts, actions and what else is read outside the models; published as ever, whole or not at all

The types of every column are DuckDB's: an empty copy of the database is asked what each statement would return. Every data test runs
on Spark too. Nothing here is imported unless HANDOFF_ENGINE=spark.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any, Final

import duckdb
from sqlglot.schema import MappingSchema

from pipelines import warehouse
from pipelines.engines.duckdb import run_dbt
from pipelines.engines.results import BuildResult, one_line
from pipelines.engines.spark_session import open_session
from pipelines.engines.spark_sql import spark_sql, view_name
from pipelines.errors import HandoffError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

    from pipelines.engines import SparkPlace

# What is read outside the models: marts and actions by everything, findings before their decisions by `handoff rules backtest`.
_COMES_BACK: Final = frozenset({"marts", "actions"})
_COMES_BACK_TOO: Final = frozenset({("intermediate", "int_found_findings")})
_CATALOG: Final = "wh"
# DuckDB's types where Spark's have another name
_SPARK_TYPES: Final = {
    "VARCHAR": "string",
    "JSON": "string",
    "INTEGER": "int",
    "HUGEINT": "decimal(38, 0)",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
# So many data tests are one query: planning a query costs Spark more than counting a few rows.
_TESTS_AT_ONCE: Final = 12


def build(
    *,
    place: SparkPlace,
    building_file: Path,
    rules_dir: Path,
    work_folder: Path,
    on_node: Callable[[str], None] | None = None,
) -> BuildResult:
    """Build every model and run every data test on Spark; nothing comes back unless all of it held.

    Raises ConfigurationError for what dbt cannot compile, HandoffError when Spark is not there or stops.
    """
    say = on_node or (lambda _name: None)
    built = BuildResult()
    here = ("resource_type:seed", "resource_type:snapshot", "config.materialized:view")
    for result in run_dbt(
        *("build", "--select", *here, "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"),
        rules_dir=rules_dir,
        work_folder=work_folder,
        on_node=on_node,
    ):
        # a view is built again on Spark, and counted there
        if result.node.resource_type.value != "model" or result.status.value == "error":
            built.add(result.node, status=result.status.value, message=result.message, seconds=result.execution_time)
    if built.errors:
        return built
    compiled = [
        result.node
        for result in run_dbt("compile", "--exclude", "test_type:unit", rules_dir=rules_dir, work_folder=work_folder)
        if result.node.resource_type.value in {"model", "test"}
    ]
    run = _Run(place, building_file, built, say)
    try:
        run.build([node for node in compiled if node.resource_type.value == "model"])
        if not built.errors:
            run.test([node for node in compiled if node.resource_type.value == "test"])
        if built.is_publishable:
            run.bring_back()
    finally:
        run.close()
    return built


class _Run:
    """One build: the empty database that knows the types, the session of Spark, and the folder between them."""

    def __init__(self, place: SparkPlace, building_file: Path, built: BuildResult, say: Callable[[str], None]) -> None:
        self.place, self.building_file, self.built, self.say = place, building_file, built, say
        self.lake = place.lake / "building"
        shutil.rmtree(self.lake, ignore_errors=True)  # of a run that was killed
        warehouse.make_private_folder(self.lake)
        self.shapes = duckdb.connect()
        self.shapes.execute(f"attach ':memory:' as {_CATALOG}")
        self.shapes.execute(f"use {_CATALOG}")
        self.schema = MappingSchema(dialect="duckdb")
        self.tables: dict[tuple[str, str], dict[str, str]] = {}
        self.models: list[Any] = []
        self.spark: SparkSession = open_session(place.master_url, self.lake)

    def close(self) -> None:
        """Stop Spark and remove what lies between it and the private copy: it holds people's data."""
        self.spark.stop()
        self.shapes.close()
        shutil.rmtree(self.lake, ignore_errors=True)

    def build(self, models: list[Any]) -> None:
        """Build every model, in dbt's order; the first that fails ends the run, because what reads it would fail too."""
        self._export(models)
        for node in models:
            self.say(node.name)
            began = time.monotonic()
            try:
                self._build_one(node)
            except (HandoffError, duckdb.Error) as error:
                self.built.add(node, status="error", message=str(error), seconds=time.monotonic() - began)
                return
            except Exception as error:
                if not _is_of_spark(error):
                    raise
                self.built.add(node, status="error", message=_spark_says(error), seconds=time.monotonic() - began)
                return
            self.built.add(node, status="success", message=None, seconds=time.monotonic() - began)
            self.models.append(node)

    def _export(self, models: list[Any]) -> None:
        """Write what the models read and do not make themselves as Parquet."""
        made = {(node.schema, node.name) for node in models}
        with duckdb.connect(str(self.building_file), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for schema, table in connection.execute(
                "select schema_name, table_name from duckdb_tables() where not internal order by all"
            ).fetchall():
                if (schema, table) in made or schema in {"staging", "intermediate", *_COMES_BACK}:
                    continue
                columns = dict(
                    connection.execute(
                        "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ? order by column_index",
                        [schema, table],
                    ).fetchall()
                )
                folder = warehouse.make_private_folder(self.lake / "inputs" / schema / table.strip("_"))
                values = ", ".join(_exported(name, kind) for name, kind in columns.items())
                connection.execute(
                    f"""copy (select {values} from "{schema}"."{table}") to '{folder}/part.parquet' (format parquet)"""
                )
                names = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
                self.shapes.execute(f'create schema if not exists "{schema}"')
                self.shapes.execute(f'create table "{schema}"."{table}" ({names})')
                self._know(schema, table, columns)
                self._view(schema, table, folder)

    def _know(self, schema: str, table: str, columns: dict[str, str]) -> None:
        self.tables[schema, table] = columns
        self.schema.add_table(f'"{_CATALOG}"."{schema}"."{table}"', dict(columns), dialect="duckdb")

    def _view(self, schema: str, table: str, folder: Path) -> None:
        shape = ", ".join(f"`{name}` {_spark_type(kind)}" for name, kind in self.tables[schema, table].items())
        self.spark.read.schema(shape).parquet(str(folder)).createOrReplaceTempView(view_name(schema, table))

    def _build_one(self, node: Any) -> None:
        schema, table = node.schema, node.name
        self.shapes.execute(f'create schema if not exists "{schema}"')
        self.shapes.execute(f'create table "{schema}"."{table}" as select * from ({node.compiled_code}\n) limit 0')
        columns = {name: kind for name, kind, *_ in self.shapes.execute(f'describe "{schema}"."{table}"').fetchall()}
        rows = self._query(node.compiled_code)
        wanted = [f"cast(`{name}` as {_spark_type(kind)}) as `{name}`" for name, kind in columns.items()]
        self._know(schema, table, columns)
        if node.config.materialized == "view":
            rows.selectExpr(*wanted).createOrReplaceTempView(view_name(schema, table))
            return
        folder = self._folder(schema, table)
        rows.selectExpr(*wanted).write.parquet(str(folder))
        self._view(schema, table, folder)

    def _folder(self, schema: str, table: str) -> Path:
        return self.lake / "models" / schema / table

    def _query(self, sql: str) -> Any:
        statement = spark_sql(sql, self.schema)
        for walk in statement.walks:
            self._walk(walk.view, walk.first, walk.further)
        return self.spark.sql(statement.query)

    def _walk(self, view: str, first: str, further: str) -> None:
        """Repeat ``further`` on what the last step found until it finds nothing new; every step is kept as Parquet."""
        folder = self.lake / "walks" / view
        shutil.rmtree(folder, ignore_errors=True)
        found, step = self.spark.sql(first).distinct(), 0
        shape = found.schema
        while True:
            found.write.parquet(str(folder / f"step={step}"))
            found = self.spark.read.schema(shape).parquet(str(folder / f"step={step}"))
            reached = self.spark.read.schema(shape).parquet(str(folder / "*"))
            if found.isEmpty():
                reached.createOrReplaceTempView(view)
                return
            found.createOrReplaceTempView(view)
            found, step = self.spark.sql(further).subtract(reached), step + 1

    def test(self, tests: list[Any]) -> None:
        """Run every data test: it holds when it returns no row."""
        for at in range(0, len(tests), _TESTS_AT_ONCE):
            some = tests[at : at + _TESTS_AT_ONCE]
            self.say(some[0].name)
            began = time.monotonic()
            try:
                counts = self._failures(some)
            except Exception as error:
                if not isinstance(error, HandoffError) and not _is_of_spark(error):
                    raise
                message = error.sentence if isinstance(error, HandoffError) else _spark_says(error)
                self.built.add(some[0], status="error", message=message, seconds=time.monotonic() - began)
                return
            for number, node in enumerate(some):
                self.built.add_check(node.name, failures=counts[number], severity=str(node.config.severity))

    def _failures(self, tests: list[Any]) -> dict[int, int]:
        query = "\nunion all\n".join(
            f"select {number} as test, count(*) as failures from ({spark_sql(node.compiled_code, self.schema).query}) as found"
            for number, node in enumerate(tests)
        )
        return {row.test: row.failures for row in self.spark.sql(query).collect()}

    def bring_back(self) -> None:
        """Put what is read outside the models into the private copy, with DuckDB's types, and drop what an earlier engine left there."""
        with duckdb.connect(str(self.building_file)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for node in self.models:
                if node.config.materialized == "view":
                    continue
                schema, table = node.schema, node.name
                connection.execute(f'create schema if not exists "{schema}"')
                connection.execute(f'drop table if exists "{schema}"."{table}"')
                if schema not in _COMES_BACK and (schema, table) not in _COMES_BACK_TOO:
                    continue
                columns = self.tables[schema, table]
                values = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())
                files = f"{self._folder(schema, table)}/*.parquet"
                connection.execute(f'create table "{schema}"."{table}" as select {values} from read_parquet(\'{files}\')')


def _exported(name: str, kind: str) -> str:
    """Return how a column is written as Parquet: a HUGEINT would become a double."""
    if kind == "HUGEINT":
        return f'cast("{name}" as decimal(38, 0)) as "{name}"'
    return f'cast("{name}" as varchar) as "{name}"' if kind == "JSON" else f'"{name}"'


def _spark_type(kind: str) -> str:
    return _SPARK_TYPES.get(kind, kind.lower())


def _is_of_spark(error: Exception) -> bool:
    from py4j.protocol import Py4JError, Py4JNetworkError  # noqa: PLC0415 - comes with pyspark
    from pyspark.errors import PySparkException  # noqa: PLC0415

    return isinstance(error, (PySparkException, Py4JError, Py4JNetworkError, ConnectionError))


def _spark_says(error: Exception) -> str:
    """Return the first line of what Spark said: a page of Java's stack follows it."""
    return one_line(str(error).partition("JVM stacktrace:")[0].partition("\n\tat ")[0])
