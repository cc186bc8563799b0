"""Promise 7 and 8: of two runs one works and the other names it; readers never see anything but whole snapshots, one after the other."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from conftest import PROJECT
from small_home import AT, publish

from pipelines import warehouse

_HOLD = (
    "import sys, time; from datetime import datetime, UTC; from pathlib import Path; from pipelines import warehouse\n"
    "time.sleep(float(sys.argv[2]))\n"
    "try:\n"
    "    with warehouse.run_lock(Path(sys.argv[1]), what='handoff sync', started_at=datetime.now(UTC)):\n"
    "        print('works', flush=True); sys.stdin.read()\n"
    "except warehouse.Locked as error:\n"
    "    print(error.sentence); sys.exit(error.exit_code)\n"
)


def start(home, offset):
    return subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(home), str(offset)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )


def pair(home, offset):
    """Start two at this distance; return the exit codes and what each said. The one that works goes on until the other has ended."""
    both = [start(home, 0), start(home, offset)]
    while all(process.poll() is None for process in both):
        time.sleep(0.01)
    said = [process.communicate(timeout=60)[0] for process in both]
    return sorted(process.returncode for process in both), both, said


def check_pair(home, offset):
    codes, both, said = pair(home, offset)
    assert codes == [0, 75], said
    winner = both[0] if both[0].returncode == 0 else both[1]
    [loser_said] = [text for text in said if "works" not in text]
    assert f"process {winner.pid} on" in loser_said
    assert "`handoff sync` at 20" in loser_said


def test_of_two_runs_at_once_one_works_and_the_other_names_it(home):
    check_pair(home, 0)


@pytest.mark.thorough
def test_of_fifty_pairs_exactly_one_works_each_time(home, record_property):
    chance = random.Random(3)
    for _ in range(50):
        check_pair(home, chance.uniform(0, 0.4))
    record_property("tried", 50)
    record_property("figure", "50 pairs, one exit 0 and one exit 75 each; 0 stale locks")


def test_a_lock_whose_holder_was_killed_is_free_at_once(home):
    holder = start(home, 0)
    assert holder.stdout.readline() == "works\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with warehouse.run_lock(home, what="test", started_at=AT):
        pass


_READ = (
    "import sys, time; from pathlib import Path; from pipelines import warehouse\n"
    "home, last, reads = Path(sys.argv[1]), '', 0\n"
    "while last < sys.argv[2]:\n"
    "    s = warehouse.open_current(home); run = s.rows('select run_id from marts.run')[0]['run_id']\n"
    "    n = s.rows('select count(*) as n from raw_hubspot.deals')[0]['n']; s.close()\n"
    "    assert run == s.run_id and n == int(run[1:]) and run >= last, (run, s.run_id, n, last); last = run; reads += 1\n"
    "print(reads)\n"
)


@pytest.mark.thorough
def test_three_readers_see_two_hundred_publications_whole_and_in_order(home, record_property):
    def fill(number):
        return lambda connection: (
            connection.execute("delete from raw_hubspot.deals"),
            connection.execute("insert into raw_hubspot.deals (id) select unnest(range(?))", [number]),
        )

    publish(home, "r000", fill(0))
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", _READ, str(home), "r200"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        for _ in range(3)
    ]
    for number in range(1, 201):
        publish(home, f"r{number:03}", fill(number))
        time.sleep(0.01)
    ended = [reader.communicate(timeout=120) for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0, 0], ended
    reads = sum(int(output) for output, _ in ended)
    assert reads > 100
    record_property("tried", reads)
    record_property("figure", f"200 publications, {reads} reads by three readers, 0 errors, 0 torn, 0 going back")
