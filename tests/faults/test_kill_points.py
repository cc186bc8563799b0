"""Promise 1: kill -9 in a sync, at every point that leaves a trace and at random ones, costs the time and nothing else."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import small_sync
from points import Points

from pipelines import warehouse


@pytest.fixture(scope="module", autouse=True)
def _small():
    """Everything is imported before the first fork, and nothing is open: a child has no time to import dlt."""
    import dlt  # noqa: F401


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A home with version 1 published, made in a child: this process opens no database."""
    folder = tmp_path_factory.mktemp("published")
    home = folder / "home"
    small_sync.set_vendor_version(home, 1)
    assert small_sync.in_a_child(lambda: (small_sync.install(), small_sync.run(home))) == 0
    return folder


def fresh(published, tmp_path):
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(published, folder, symlinks=True)
    small_sync.set_vendor_version(folder / "home", 2)
    return folder / "home"


def sync_with(points):
    def work():
        small_sync.install()
        points.install()
        small_sync.run(Path(points.home))

    return work


def names_of(home):
    """Return every point of a run, by running it once."""
    reading, writing = os.pipe()

    def work():
        points = Points(home)
        small_sync.install()
        points.install()
        small_sync.run(home)
        os.write(writing, "\n".join(points.names).encode())

    assert small_sync.in_a_child(work) == 0
    os.close(writing)
    with os.fdopen(reading) as file:
        return file.read().splitlines()


def check_reader(home, what):
    def work():
        versions, counts = small_sync.view(home)
        assert versions in ({1}, {2}), (what, versions)
        assert counts == {(small_sync.ROWS, small_sync.ROWS)}, (what, counts)
        assert warehouse.problem_of(warehouse.current_version(home)) is None, what

    assert small_sync.in_a_child(work) == 0, f"a reader after a kill {what}"


def check_next_run(home, what):
    def work():
        small_sync.install()
        result = small_sync.run(home)
        assert result.exit_code == 0, what
        assert small_sync.view(home) == ({2}, {(small_sync.ROWS, small_sync.ROWS)}), what
        assert small_sync.sound_ledger(home).is_sound, what
        assert not list((home / "work").glob("run-*")), what

    assert small_sync.in_a_child(work) == 0, f"the run after a kill {what}"


def kill_at(home, number, name):
    points = Points(home, target=number)
    ended = small_sync.in_a_child(sync_with(points))
    assert ended == -signal.SIGKILL, f"the fault was really injected: {number} {name} ended with {ended}"
    check_reader(home, f"{number}: {name}")
    check_next_run(home, f"{number}: {name}")


def test_killed_just_before_the_pointer_is_turned_the_old_snapshot_stays(published, tmp_path):
    names = names_of(fresh(published, tmp_path))
    last = len(names) - names[::-1].index("before replace")
    kill_at(fresh(published, tmp_path), last, names[last - 1])


@pytest.mark.thorough
def test_killed_at_each_kind_of_point_no_reader_sees_a_mixed_snapshot_and_the_next_run_is_whole(
    published, tmp_path, record_property
):
    """A run passes some 450 points; of each kind (before and after it) the one in the middle is tried."""
    names = names_of(fresh(published, tmp_path))
    assert {"after answer", "before fsync", "before replace", "ledger commit", "after write"} <= set(names)
    of_kind = {}
    for number, name in enumerate(names, 1):
        of_kind.setdefault(name, []).append(number)
    chosen = sorted(numbers[len(numbers) // 2] for numbers in of_kind.values())
    for number in chosen:
        kill_at(fresh(published, tmp_path), number, names[number - 1])
    record_property("tried", len(chosen))
    record_property("figure", f"{len(chosen)} kill points of {len(of_kind)} kinds, 0 wrong reads, 0 manual steps")


@pytest.mark.thorough
def test_killed_at_random_moments_likewise(published, tmp_path, record_property):
    chance, killed = random.Random(7), 0
    began = time.monotonic()
    assert small_sync.in_a_child(lambda: (small_sync.install(), small_sync.run(fresh(published, tmp_path)))) == 0
    seconds = time.monotonic() - began
    for _ in range(12):
        home = fresh(published, tmp_path)
        child = os.fork()
        if child == 0:
            small_sync.install()
            small_sync.run(home)
            os._exit(0)
        time.sleep(chance.uniform(0.05, 1.0) * seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        check_reader(home, "at a random moment")
        check_next_run(home, "at a random moment")
    assert killed >= 10, "most runs were really killed"
    record_property("tried", killed)
    record_property("figure", f"{killed} random kills, 0 wrong reads")
