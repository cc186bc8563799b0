"""The command line as a user runs it, and what a home holds afterwards; for the tests of the whole loop."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import urllib.request

from pipelines import warehouse
from pipelines.settings import PROJECT_ROOT

HANDOFF = [sys.executable, "-m", "pipelines.cli"]


def run(home, *arguments, **environment):
    return subprocess.run(
        [*HANDOFF, *arguments],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT), "COLUMNS": "200"} | environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


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
