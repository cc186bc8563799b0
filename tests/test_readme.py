"""The commands that the documentation shows are run as they stand there, and end as it says."""

from __future__ import annotations

import csv
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request

import duckdb
import pytest
from conftest import PROJECT
from ports import free_port

pytestmark = pytest.mark.slow

DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]
# The commands that do their work and end; the others serve until they are stopped, or set up a whole environment.
ENDING = {"sync", "report", "packet", "brief", "status", "doctor", "plan", "show", "approve", "apply", "import"}
PORT = "8750"
FOCUS = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodEnd,ChargePeriodStart,ProviderName,"
    "SubAccountId,ChargeDescription\n"
    "1.25,999,USD,2026-10-01 00:00:00,Usage,2026-10-02 00:00:00,2026-10-01 00:00:00,AWS,111,plain\n"
)


def console_blocks(document):
    """Return the command lines of each block, without prompt and remark."""
    text = (PROJECT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```", text)
    return [[shlex.split(line[2:], comments=True) for line in block.splitlines() if line.startswith("$ ")] for block in blocks]


BLOCKS = [
    # what of the README takes no sync is tried by everybody who runs the tests, the rest by continuous integration
    pytest.param(
        block,
        id=f"{document}-{number}",
        marks=pytest.mark.thorough if document != "README.md" or any("sync" in command for command in block) else (),
    )
    for document in DOCUMENTS
    for number, block in enumerate(console_blocks(document), start=1)
]


def arguments_of(command):
    """Return what follows ``handoff``; None for another program."""
    return command[1:] if command[0].rsplit("/", 1)[-1] == "handoff" else None


def promised_codes(name):
    """Return the exit codes that docs/commands.md gives a command."""
    text = (PROJECT / "docs/commands.md").read_text(encoding="utf-8")
    [row] = re.findall(rf"(?m)^\| `handoff {name}[ `].*$", text)
    codes = row.rstrip(" |").rsplit(" | ", 1)[-1]
    return promised_codes("sync") if codes == "as `sync`" else {int(code) for code in re.findall(r"\b\d+\b", codes)}


def handoff(home, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT)} | environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_documentation_shows_commands():
    shown = [command for block in BLOCKS for command in block.values[0]]
    assert {"make", "handoff"} <= {command[0].rsplit("/", 1)[-1] for command in shown}
    assert {"sync", "plan", "apply", "doctor"} <= {arguments[0] for command in shown if (arguments := arguments_of(command))}


@pytest.mark.parametrize("block", [block for block in BLOCKS if any(arguments_of(command) for command in block.values[0])])
def test_the_commands_of_a_block_end_as_the_documentation_says(copy_of_demo, block):
    was_applied = is_gone = False
    for command in block:
        arguments = arguments_of(command)
        if arguments and arguments[:2] == ["sandbox", "generate"]:  # with fewer rows than the page shows
            made = handoff(copy_of_demo, "sandbox", "generate", "--cost-rows", "1000", "--deals", "10", arguments[-1])
            assert made.returncode == 0, made.stdout + made.stderr
        if not arguments or arguments[0] not in ENDING:
            continue
        done = handoff(copy_of_demo, *arguments)
        name = " ".join(arguments[:2]) if arguments[0] == "import" else arguments[0]
        assert "Traceback" not in done.stderr
        assert done.returncode in promised_codes(name), done.stderr
        # in the demo there is something to fix until it is fixed, and nothing goes wrong
        assert done.returncode == (2 if name == "plan" and not is_gone else 0), done.stdout + done.stderr
        was_applied |= name == "apply"
        is_gone |= was_applied and name == "sync"
        if name == "plan" and is_gone:
            assert "There is nothing to apply." in done.stdout


@pytest.mark.thorough
def test_a_cost_file_is_imported_as_the_readme_shows(copy_of_demo):
    assert "`handoff import costs FILE`" in (PROJECT / "README.md").read_text()
    file = copy_of_demo.parent / "costs.csv"
    file.write_text(FOCUS)
    done = handoff(copy_of_demo, "import", "costs", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rows of costs.csv are in the cost models." in done.stdout
    report = handoff(copy_of_demo, "report", "budget-overruns", "--format", "csv")
    assert report.returncode == 0
    assert next(csv.reader(report.stdout.splitlines()))[0] == "finding_id"


@pytest.mark.parametrize("block", BLOCKS)
def test_every_command_that_is_shown_exists_with_its_options(block):
    from typer.main import get_command

    from pipelines.cli import app

    group = get_command(app)
    targets = set(re.findall(r"(?m)^([a-z]+):", (PROJECT / "Makefile").read_text()))
    for command in block:
        arguments = arguments_of(command)
        if arguments:
            found = group.commands[arguments[0]]
            found.make_context(arguments[0], arguments[1:], parent=group.make_context("handoff", arguments))
        elif command[0] == "make":
            assert set(command[1:]) <= targets, command
        else:
            assert command[0] in {"duckdb", "curl"}, "say here how this command is tried"


@pytest.mark.parametrize("block", [block for block in BLOCKS if any(command[0] == "duckdb" for command in block.values[0])])
def test_a_query_that_is_shown_has_rows(demo_home, block):
    for command in block:
        if command[0] == "duckdb":
            path, sql = command[-2:]
            with duckdb.connect(str(demo_home / path.removeprefix("data/")), read_only=True) as connection:
                assert connection.execute(sql).fetchall()


def test_a_call_to_the_sandbox_that_is_shown_is_answered(home):
    home.mkdir(parents=True)
    calls = [command for block in BLOCKS for command in block.values[0] if command[0] == "curl" and f":{PORT}" in command[-1]]
    assert calls
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "sandbox", "--port", str(free_port())],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT)},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        while not line.startswith("export HUBSPOT_BASE_URL="):
            assert line, process.stderr.read()
            line = process.stdout.readline()
        served = re.search(r":(\d+)/", line)[1]
        for command in calls:
            headers = dict(value.split(": ", 1) for name, value in itertools.pairwise(command) if name == "-H")
            request = urllib.request.Request(command[-1].replace(f":{PORT}", f":{served}"), headers=headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("status",), 1),
        (("report", "findings"), 1),
        (("report", "nonsense"), 2),
        (("plan",), 1),
        (("apply", "latest"), 1),
        (("doctor",), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_exit_codes_of_an_empty_home_are_documented(home, arguments, code):
    home.mkdir(parents=True)
    assert handoff(home, *arguments).returncode == code
    assert code in promised_codes(arguments[0])
