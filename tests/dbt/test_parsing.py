"""What dbt parsed is used again on the next day: parsing the whole project takes as long as many models do."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from project import RULES

from pipelines import warehouse
from pipelines.sources.raw import create_missing_tables
from pipelines.transform import build

pytestmark = pytest.mark.thorough


def test_a_new_day_does_not_make_dbt_parse_the_project_again(tmp_path):
    file = tmp_path / "wh.duckdb"
    warehouse.new_file(file)
    with duckdb.connect(str(file)) as connection:
        create_missing_tables(connection)
    for day in (date(2026, 11, 16), date(2026, 11, 17)):
        built = build(building_file=file, rules_dir=RULES, work_folder=tmp_path, as_of=day, only_for="stg_hubspot__owners")
        assert not built.errors
    log = (tmp_path / "dbt_logs/dbt.log").read_text(encoding="utf-8")
    assert log.count("Unable to do partial parsing") == 1, "only the first build has nothing to begin with"
