"""Every mart is the same in whatever time zone the machine is, on an ordinary day and on the nights on which clocks change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import duckdb
import pytest
from conftest import PROJECT
from loop import truth
from project import RULES

from pipelines import warehouse

pytestmark = pytest.mark.thorough

ORDINARY = "2026-11-16"
# when clocks change in the organisation's zone, America/Los_Angeles
CLOCKS_GO_BACK = "2026-11-01"
CLOCKS_GO_FORWARD = "2026-03-08"
# behind and ahead of UTC by the most there is, with half and quarter hours, and one whose clocks change on other nights
ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Los_Angeles")

_BUILD = """
import sys
from datetime import date
from pathlib import Path
from pipelines.transform import build
folder = Path(sys.argv[1])
file, work, day = folder / "warehouse/building/wh.duckdb", folder / "work", date.fromisoformat(sys.argv[3])
built = build(building_file=file, rules_dir=Path(sys.argv[2]), work_folder=work, as_of=day)
problems = [*built.errors, *built.failed_checks]
raise SystemExit("\\n".join(problems) if problems else 0)
"""


def marts(home, folder, zone, day):
    """Build the models of a snapshot on a machine in ``zone``; return the rows of every mart."""
    shutil.rmtree(folder, ignore_errors=True)
    # laid out as a home is, so that dbt takes what it parsed there
    file = folder / "warehouse/building/wh.duckdb"
    file.parent.mkdir(parents=True)
    shutil.copyfile(warehouse.current_version(home) / warehouse.FILE_NAME, file)
    shutil.copytree(home / "work/dbt_target", folder / "work/dbt_target")
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(folder), str(RULES), day],
        env=os.environ | {"TZ": zone, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        names = connection.execute("select table_name from information_schema.tables where table_schema = 'marts'").fetchall()
        return {name: sorted(map(str, connection.execute(f'select * from marts."{name}"').fetchall())) for (name,) in names}


@pytest.fixture(scope="module")
def in_utc(demo_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("utc")
    return {day: marts(demo_home, folder / "build", "UTC", day) for day in (ORDINARY, CLOCKS_GO_BACK, CLOCKS_GO_FORWARD)}


def test_the_reference_is_the_truth_and_not_empty(in_utc):
    assert len(in_utc[ORDINARY]["fct_findings"]) == len(truth())
    assert all(len(tables["fct_findings"]) > len(truth()) / 4 for tables in in_utc.values())


@pytest.mark.parametrize("zone", ZONES)
def test_every_mart_is_the_same_in_every_time_zone(demo_home, in_utc, tmp_path, zone, record_property):
    differing(marts(demo_home, tmp_path / "build", zone, ORDINARY), in_utc[ORDINARY])
    record_property("counted", "time zones, every mart the same row by row")


@pytest.mark.parametrize("day", [CLOCKS_GO_BACK, CLOCKS_GO_FORWARD])
def test_every_mart_is_the_same_on_the_nights_on_which_clocks_change(demo_home, in_utc, tmp_path, day, record_property):
    differing(marts(demo_home, tmp_path / "build", "America/Los_Angeles", day), in_utc[day])
    record_property("counted", "nights on which clocks change, likewise")


def differing(found, expected):
    assert set(found) == set(expected)
    differences = {name: [*(set(rows) ^ set(expected[name]))][:2] for name, rows in found.items() if rows != expected[name]}
    assert not differences, json.dumps(differences, indent=2)[:3000]
