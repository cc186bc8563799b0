"""The proof of the engine: DuckDB, and Spark on a master with two workers, build one private copy, and every row of every mart is the same."""

from __future__ import annotations

import shutil
from datetime import date

import duckdb
import pytest
import spark_cluster
from spark_rows import columns, differences, skip_without_spark

from pipelines import warehouse
from pipelines.engines import SparkPlace
from pipelines.settings import PROJECT_ROOT
from pipelines.transform import build

pytestmark = [pytest.mark.spark, pytest.mark.thorough]
RULES = PROJECT_ROOT / "dbt" / "seeds" / "default"
AS_OF = date(2026, 11, 16)
# some way into the models, when executors of both workers have been at work
_STOPPED_AT = "int_deals"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    skip_without_spark()
    with spark_cluster.running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def built(snapshot, folder, master_url=None, *, on_node=None):
    folder.mkdir()
    shutil.copyfile(snapshot, folder / warehouse.FILE_NAME)
    place = SparkPlace(master_url, folder / "lake") if master_url else None
    result = build(
        building_file=folder / warehouse.FILE_NAME,
        rules_dir=RULES,
        work_folder=folder,
        as_of=AS_OF,
        on_spark=place,
        on_node=on_node,
    )
    assert result.errors == []
    assert result.failed_checks == []
    return result


@pytest.fixture(scope="module")
def on_duckdb(demo_home, tmp_path_factory):
    """What DuckDB builds of the demo's records: the folder, and the result."""
    folder = tmp_path_factory.mktemp("engines") / "duckdb"
    return folder, built(warehouse.current_version(demo_home) / warehouse.FILE_NAME, folder)


def assert_every_row_is_the_same(one, another):
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, folder in (("duckdb", one), ("spark", another)):
            connection.execute(f"attach '{folder / warehouse.FILE_NAME}' as {name}_rows (read_only)")
        query = "select schema_name, table_name from duckdb_tables() where database_name = ? and schema_name in ('marts', 'actions') order by all"
        tables = connection.execute(query, ["duckdb_rows"]).fetchall()
        assert tables == connection.execute(query, ["spark_rows"]).fetchall()
        assert len(tables) > 60
        rows = 0
        for schema, table in tables:
            assert columns(connection, "duckdb_rows", schema, table) == columns(connection, "spark_rows", schema, table), table
            assert differences(connection, f"duckdb_rows.{schema}.{table}", f"spark_rows.{schema}.{table}") == {}, table
            rows += connection.execute(f"select count(*) from duckdb_rows.{schema}.{table}").fetchone()[0]
        return len(tables), rows


def test_every_row_of_every_mart_is_the_same_on_two_workers_of_spark(demo_home, on_duckdb, cluster, tmp_path, record_property):
    folder, here = on_duckdb
    snapshot = warehouse.current_version(demo_home) / warehouse.FILE_NAME
    there = built(snapshot, tmp_path / "spark", cluster.url)
    assert (there.models, sorted(there.passed_checks)) == (here.models, sorted(here.passed_checks))
    assert list((tmp_path / "spark" / "lake").iterdir()) == [], "what lay between the engines is gone"
    tables, rows = assert_every_row_is_the_same(folder, tmp_path / "spark")
    tasks = [cluster.tasks_of(number) for number in range(len(cluster.workers))]
    assert all(tasks), "both workers worked"
    record_property("figure", f"{tables} tables, {rows} rows, the same; {' and '.join(map(str, tasks))} tasks on the two workers")


def test_a_worker_that_is_killed_changes_no_row(demo_home, on_duckdb, cluster, tmp_path):
    """The last test of the cluster: it leaves one worker."""
    folder, here = on_duckdb
    snapshot = warehouse.current_version(demo_home) / warehouse.FILE_NAME
    killed = []

    def kill_one(node):
        if node == _STOPPED_AT and not killed:
            assert cluster.tasks_of(1), "it had work to do"
            spark_cluster.kill(cluster.workers[1])
            killed.append(node)

    there = built(snapshot, tmp_path / "spark", cluster.url, on_node=kill_one)
    assert killed
    assert there.models == here.models
    assert_every_row_is_the_same(folder, tmp_path / "spark")
