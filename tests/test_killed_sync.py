"""kill -9 in the middle of a sync costs the time and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
from conftest import PROJECT
from loop import HANDOFF, findings, run, truth

from pipelines import warehouse

# after which line of its log a run is killed, and how many seconds later: while each source is read and when it has landed, and at
# three moments of the models' build
MOMENTS = [*((line, 0.0) for line in range(1, 9)), (9, 0.2), (9, 2.0), (9, 4.0)]


def kill_during_sync(home, line_number, seconds):
    process = subprocess.Popen(
        [*HANDOFF, "sync", "--brief"],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines = [process.stderr.readline() for _ in range(line_number)]
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, lines
    process.stderr.close()


@pytest.mark.thorough
@pytest.mark.slow
def test_killed_at_eleven_moments_the_last_snapshot_stays_and_the_next_run_is_whole(copy_of_demo):
    expected = set(truth())
    for line_number, seconds in MOMENTS:
        published = warehouse.current_run_id(copy_of_demo)
        kill_during_sync(copy_of_demo, line_number, seconds)
        assert warehouse.current_run_id(copy_of_demo) == published, "the run was killed before it could publish"
        version = warehouse.current_version(copy_of_demo)
        manifest = json.loads((version / "manifest.json").read_text())
        assert warehouse.sha256_of(version / warehouse.FILE_NAME) == manifest["sha256"]
        assert set(findings(copy_of_demo)) == expected
    before = warehouse.current_run_id(copy_of_demo)
    done = run(copy_of_demo, "sync")
    assert done.returncode == 0, done.stdout + done.stderr
    assert warehouse.current_run_id(copy_of_demo) > before, "the next run is the newest"
    assert set(findings(copy_of_demo)) == expected
    rows = warehouse.open_current(copy_of_demo).rows("select count(*) as n, count(distinct id) as ids from raw_hubspot.deals")
    assert rows[0]["n"] == rows[0]["ids"], "nothing is there twice"
