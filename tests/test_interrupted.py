"""Ctrl-C ends a sync at once, whatever it was doing, and leaves the last snapshot; the next run clears up."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from conftest import PROJECT
from loop import HANDOFF, run

from pipelines import warehouse


@pytest.mark.parametrize(
    "line_number", [1, 7, 9], ids=["while HubSpot is read", "while AWS is read", "while the models are built"]
)
def test_ctrl_c_ends_a_sync_and_publishes_nothing(copy_of_demo, line_number):
    published = warehouse.current_run_id(copy_of_demo)
    process = subprocess.Popen(
        [*HANDOFF, "sync", "--brief"],
        env=os.environ | {"HANDOFF_HOME": str(copy_of_demo), "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background job ignores Ctrl-C, and its children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    for _ in range(line_number):
        process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.strip().splitlines()[-1].startswith("Stopped. The last published snapshot stays in use")
    assert "Traceback" not in rest
    assert warehouse.current_run_id(copy_of_demo) == published


@pytest.mark.thorough
def test_what_a_killed_run_left_behind_goes_with_the_next(copy_of_demo):
    left_over = copy_of_demo / "work" / "run-of-a-killed-sync"
    left_over.mkdir(parents=True)
    (left_over / "package").write_text("half")
    assert run(copy_of_demo, "sync", "--brief").returncode == 0
    assert not list((copy_of_demo / "work").glob("run-*"))
