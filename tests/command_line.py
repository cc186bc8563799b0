"""Runs the command line in this process, which is quick; or in one of its own, where its environment matters from the start."""

from __future__ import annotations

import os
from contextlib import chdir
from types import SimpleNamespace

import forked
from typer.testing import CliRunner


def run(home, *arguments, columns=200, **environment):
    """Return a finished command: its exit code, and what it wrote, carriage returns included."""
    known = {"HANDOFF_HOME": str(home), "COLUMNS": str(columns)} | environment
    done = _in_a_process(home, arguments, known) if environment else _in_this_process(home, arguments, known)
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def _in_this_process(home, arguments, environment):
    from pipelines.cli import app

    with chdir(home.parent):  # a .env of the repository is none of a test's business
        done = CliRunner().invoke(app, list(arguments), env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout_bytes.decode(), stderr=done.stderr_bytes.decode())


def _in_a_process(home, arguments, environment):
    done = forked.handoff(arguments, environment=os.environ | environment, folder=home.parent)
    return SimpleNamespace(returncode=done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode())
