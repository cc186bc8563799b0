"""kill -9 in the middle of a sync costs the time and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest
from conftest import PROJECT
from loop import HANDOFF, findings, run, truth

from pipelines import warehouse


@pytest.mark.slow
def test_killed_at_ten_moments_the_last_snapshot_stays_and_the_next_run_is_whole(copy_of_demo):
    expected = set(truth())
    published = warehouse.current_run_id(copy_of_demo)
    begun = time.monotonic()
    assert run(copy_of_demo, "sync").returncode == 0
    duration = time.monotonic() - begun
    generator = random.Random(20261116)
    for moment in sorted(generator.uniform(0.03, 0.97) for _ in range(10)):
        published = warehouse.current_run_id(copy_of_demo)
        process = subprocess.Popen(
            [*HANDOFF, "sync"],
            env=os.environ | {"HANDOFF_HOME": str(copy_of_demo), "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(duration * moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert warehouse.current_run_id(copy_of_demo) == published
        assert set(findings(copy_of_demo)) == expected
    assert run(copy_of_demo, "sync").returncode == 0
    assert warehouse.current_run_id(copy_of_demo) != published
    assert set(findings(copy_of_demo)) == expected
