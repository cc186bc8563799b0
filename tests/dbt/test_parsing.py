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


def test_neither_a_new_day_nor_another_place_makes_dbt_parse_the_project_again(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    warehouse.new_file(home / "wh.duckdb")
    with duckdb.connect(str(home / "wh.duckdb")) as connection:
        create_missing_tables(connection)
    for day, place in (
        (date(2026, 11, 16), home),
        (date(2026, 11, 17), tmp_path / "moved"),
        (date(2026, 11, 17), tmp_path / "again"),
    ):
        home = home.rename(place)
        file, work = home / "wh.duckdb", home / "work"
        built = build(building_file=file, rules_dir=RULES, work_folder=work, as_of=day, only_for="stg_hubspot__owners")
        assert not built.errors
    log = (home / "work/dbt_logs/dbt.log").read_text(encoding="utf-8")
    assert log.count("Unable to do partial parsing") == 1, "only the first build has nothing to begin with"
