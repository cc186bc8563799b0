"""Snapshots: a reader sees a whole one or the one before; one process builds at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import warehouse
from pipelines.retention import versions_to_keep

STARTED = datetime(2026, 11, 16, 6, tzinfo=UTC)


def publish(home, run_id, rows, as_of=None):
    with warehouse.run_lock(home, what="test", started_at=STARTED):
        building = warehouse.begin_private_copy(home)
        with duckdb.connect(str(building)) as connection:
            connection.execute("create or replace table t as select unnest(range(?)) as n", [rows])
            connection.execute("create or replace view v as select count(*) as n from t")
        return warehouse.publish(home, run_id, {"published_at": STARTED.isoformat(), "as_of": as_of})


def test_views_survive_publication_and_copies(home):
    publish(home, "r1", 3)
    publish(home, "r2", 5)
    snapshot = warehouse.open_current(home)
    assert snapshot.run_id == "r2"
    assert snapshot.rows("select n from v") == [{"n": 5}]


def test_an_open_reader_keeps_its_snapshot_and_a_new_one_sees_the_next(home):
    publish(home, "r1", 1)
    old = warehouse.open_current(home)
    publish(home, "r2", 2)
    assert old.rows("select n from v") == [{"n": 1}]
    assert warehouse.open_current(home).rows("select n from v") == [{"n": 2}]


def test_five_versions_are_kept_and_the_current_one_always(home):
    for number in range(8):
        publish(home, f"r{number}", number)
    assert sorted(path.name for path in warehouse.Layout(home).versions.iterdir()) == ["r3", "r4", "r5", "r6", "r7"]


def test_the_manifest_proves_the_file(home):
    version = publish(home, "r1", 3)
    manifest = json.loads((version / "manifest.json").read_text())
    assert manifest["sha256"] == warehouse.sha256_of(version / "wh.duckdb")


def test_files_are_readable_by_this_user_only(home):
    version = publish(home, "r1", 3)
    assert {path.stat().st_mode & 0o777 for path in version.iterdir()} == {0o600}
    assert version.stat().st_mode & 0o777 == 0o700


def test_a_reader_cannot_write_or_read_other_files(home):
    publish(home, "r1", 3)
    snapshot = warehouse.open_current(home)
    with pytest.raises(duckdb.Error):
        snapshot.rows("create table x as select 1")
    with pytest.raises(duckdb.PermissionException):
        snapshot.rows("select * from read_text('/etc/hostname')")
    with pytest.raises(duckdb.Error):
        snapshot.rows("set enable_external_access = true")


def test_without_a_snapshot_the_message_says_what_to_run(home):
    with pytest.raises(warehouse.NoSnapshot, match="Run `handoff sync`"):
        warehouse.open_current(home)


def test_a_cut_snapshot_is_reported_in_one_sentence(home):
    version = publish(home, "r1", 3)
    (version / "wh.duckdb").write_bytes(b"not a database")
    with pytest.raises(warehouse.NoSnapshot, match="handoff doctor"):
        warehouse.open_current(home)


def test_the_loser_of_two_names_the_holder_and_a_killed_holder_leaves_no_lock(home):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from datetime import datetime, UTC; from pathlib import Path; from pipelines import warehouse\n"
            "with warehouse.run_lock(Path(sys.argv[1]), what='handoff sync', started_at=datetime(2026, 11, 16, tzinfo=UTC)):\n"
            "    print('held', flush=True); time.sleep(60)",
            str(home),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(
            warehouse.Locked, match=rf"process {holder.pid} .*`handoff sync` at 2026-11-16 00:00:00 UTC"
        ) as caught:
            publish(home, "r1", 1)
        assert caught.value.exit_code == 75
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    publish(home, "r1", 1)


def test_a_killed_publication_never_shows(home):
    publish(home, "r1", 1)
    code = (
        "import sys, os; from pathlib import Path; import duckdb; from pipelines import warehouse\n"
        "home = Path(sys.argv[1]); building = warehouse.begin_private_copy(home)\n"
        "connection = duckdb.connect(str(building)); connection.execute('create or replace table t as select 7 as n')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(home)], check=False)
    assert warehouse.open_current(home).rows("select count(*) as n from t") == [{"n": 1}]
    publish(home, "r2", 2)
    assert warehouse.open_current(home).rows("select n from v") == [{"n": 2}]


def test_readers_in_another_process_never_fail_or_go_back_while_versions_are_published(home):
    publish(home, "r000", 0)
    code = (
        "import sys, time; from pathlib import Path; from pipelines import warehouse\n"
        "home, last, reads = Path(sys.argv[1]), -1, 0\n"
        "while True:\n"
        "    s = warehouse.open_current(home); n = s.rows('select n from v')[0]['n']; c = s.rows('select count(*) as n from t')[0]['n']\n"
        "    s.close(); assert n == c and n >= last, (n, c, last); last = n; reads += 1\n"
        "    if n == 30: break\n"
        "print(reads)"
    )
    reader = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for number in range(1, 31):
        publish(home, f"r{number:03}", number)
        time.sleep(0.02)
    output, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    assert int(output) > 5


def test_a_process_may_open_one_snapshot_twice(home):
    publish(home, "r1", 1)
    first, second = warehouse.open_current(home), warehouse.open_current(home)
    for snapshot in (first, second):
        assert snapshot.rows("select current_setting('TimeZone') as zone") == [{"zone": "UTC"}]
        with pytest.raises(duckdb.Error):
            snapshot.rows("select * from read_text('/etc/hostname')")


def test_of_the_days_and_months_before_the_newest_snapshots_the_last_of_each_is_kept():
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(200)]
    dated = {Path(f"{day:%Y%m%d}T0{hour}"): day for day in days for hour in (4, 8)}
    kept = sorted(path.name for path in versions_to_keep(dated))
    months = ["20260131T08", "20260228T08", "20260331T08", "20260430T08", "20260531T08", "20260630T08"]
    last_week = [f"202607{day}T08" for day in range(13, 20)]
    assert kept == sorted([*months, *last_week, "20260718T04", "20260719T04"])


def test_a_snapshot_whose_day_cannot_be_read_is_kept_only_among_the_newest():
    dated = {Path(f"r{number}"): None for number in range(9)}
    assert {path.name for path in versions_to_keep(dated)} == {"r4", "r5", "r6", "r7", "r8"}


def test_a_past_day_is_answered_by_the_newest_snapshot_that_speaks_of_it_or_of_a_day_before(home):
    for number, day in enumerate(("2026-09-30", "2026-10-31", "2026-10-31", "2026-11-16")):
        publish(home, f"r{number}", number, as_of=day)
    assert warehouse.open_as_of(home, date(2026, 11, 15)).rows("select n from v") == [{"n": 2}]
    assert warehouse.open_as_of(home, date(2026, 9, 30)).rows("select n from v") == [{"n": 0}]
    with pytest.raises(warehouse.NoSnapshot, match="The oldest that is kept speaks of 2026-09-30"):
        warehouse.open_as_of(home, date(2026, 9, 29))
