"""The proof of the engine: DuckDB and Spark build one private copy, and every row of every mart is the same."""

from __future__ import annotations

import shutil
from datetime import date

import duckdb
import pytest
from spark_rows import columns, differences, skip_without_spark

from pipelines import warehouse
from pipelines.engines import SparkPlace
from pipelines.settings import PROJECT_ROOT
from pipelines.transform import build

pytestmark = [pytest.mark.spark, pytest.mark.thorough]
RULES = PROJECT_ROOT / "dbt" / "seeds" / "default"
AS_OF = date(2026, 11, 16)


def built(snapshot, folder, *, on_spark):
    folder.mkdir()
    shutil.copyfile(snapshot, folder / warehouse.FILE_NAME)
    place = SparkPlace("local[2]", folder / "lake") if on_spark else None
    result = build(building_file=folder / warehouse.FILE_NAME, rules_dir=RULES, work_folder=folder, as_of=AS_OF, on_spark=place)
    assert result.errors == []
    assert result.failed_checks == []
    return result


def test_every_row_of_every_mart_is_the_same_on_spark(demo_home, tmp_path):
    skip_without_spark()
    snapshot = warehouse.current_version(demo_home) / warehouse.FILE_NAME
    here = built(snapshot, tmp_path / "duckdb", on_spark=False)
    there = built(snapshot, tmp_path / "spark", on_spark=True)
    assert (there.models, sorted(there.passed_checks)) == (here.models, sorted(here.passed_checks))
    assert list((tmp_path / "spark" / "lake").iterdir()) == []
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name in ("duckdb", "spark"):
            connection.execute(f"attach '{tmp_path / name / warehouse.FILE_NAME}' as {name}_rows (read_only)")
        query = "select schema_name, table_name from duckdb_tables() where database_name = ? and schema_name in ('marts', 'actions') order by all"
        tables = connection.execute(query, ["duckdb_rows"]).fetchall()
        assert tables == connection.execute(query, ["spark_rows"]).fetchall()
        assert len(tables) > 60
        for schema, table in tables:
            assert columns(connection, "duckdb_rows", schema, table) == columns(connection, "spark_rows", schema, table), table
            assert differences(connection, f"duckdb_rows.{schema}.{table}", f"spark_rows.{schema}.{table}") == {}, table
