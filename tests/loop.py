"""The command line as a user runs it, and what a home holds afterwards; for the tests of the whole loop."""

from __future__ import annotations

import csv
import json
import os
import sys
import urllib.request

import forked

from pipelines import warehouse

HANDOFF = [sys.executable, "-m", "pipelines.cli"]


def run(home, *arguments, **environment):
    """Return a finished command with what it wrote as text."""
    done = forked.handoff(
        arguments, environment=os.environ | {"HANDOFF_HOME": str(home), "COLUMNS": "200"} | environment, folder=home.parent
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def truth() -> dict[str, dict[str, str]]:
    from pipelines.sandbox.story import TRUTH_FILE

    with TRUTH_FILE.open(newline="", encoding="utf-8") as file:
        return {row["finding_id"]: row for row in csv.DictReader(file)}


def findings(home):
    return {row["finding_id"]: row for row in warehouse.open_current(home).rows("select * from marts.fct_findings")}


def port_of(sandbox) -> str:
    return sandbox.url.rsplit(":", 1)[1]


def control(sandbox, path, body):
    request = urllib.request.Request(
        f"{sandbox.url}/_control/{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
