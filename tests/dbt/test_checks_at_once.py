"""A sync asks most data tests with a few queries: they are those that are declared, and they find what dbt finds one by one."""

from __future__ import annotations

import shutil
from datetime import date

import duckdb
import pytest
from project import RULES, parsed

from pipelines import warehouse
from pipelines.engines.duckdb import run_dbt
from pipelines.sources.raw import create_missing_tables
from pipelines.transform import build

pytestmark = pytest.mark.thorough

# A row that breaks one kind of check each, in tables that nothing else of an empty warehouse depends on
BROKEN = {
    "rule_grace.csv": "close_something,HG02,,Nobody said how long\n",
    "rule_renewal_statuses.csv": "Perhaps,sideways,A meaning that does not exist\n",
    "rule_move_sources.csv": "CRM_UI,By hand,false,A second row of the same source\n",
}


def test_what_is_broken_is_found_with_the_words_of_dbt_and_every_declared_test_is_asked(tmp_path):
    rules = shutil.copytree(RULES, tmp_path / "rules")
    for name, row in BROKEN.items():
        with (rules / name).open("a", encoding="utf-8") as file:
            file.write(row)
    home, work = tmp_path / "home", tmp_path / "home" / "work"
    home.mkdir()
    warehouse.new_file(home / "wh.duckdb")
    with duckdb.connect(str(home / "wh.duckdb")) as connection:
        create_missing_tables(connection)

    built = build(building_file=home / "wh.duckdb", rules_dir=rules, work_folder=work, as_of=date(2026, 11, 16))
    assert built.errors == []
    assert not built.is_publishable
    results = run_dbt("test", "--exclude", "test_type:unit", rules_dir=rules, work_folder=work)
    one_by_one = [result for result in results if result.node.resource_type.value == "test"]
    failed = {
        f"{result.node.name.removeprefix('assert_').replace('_', ' ').strip()} ({result.message})"
        for result in one_by_one
        if result.status.value != "pass"
    }
    assert set(built.failed_checks) == failed
    assert len(built.failed_checks) == len(BROKEN)

    nodes = parsed(tmp_path / "parsed")["nodes"].values()
    declared = [node["name"] for node in nodes if node["resource_type"] == "test"]
    assert len(built.passed_checks) + len(built.failed_checks) == len(declared) == len(one_by_one)
