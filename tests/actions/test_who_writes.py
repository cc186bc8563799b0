"""The sandbox's own log of requests: no command writes to a vendor but apply."""

from __future__ import annotations

import json
import urllib.request

import pytest
import typer
from command_line import run

from pipelines.cli import app
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state

FINDING = "HG01:deal-1021"
# Everything that the command line has, in an order in which each finds something to do; the folder is a new one
COMMANDS = [
    ("sync",),
    ("status",),
    ("doctor",),
    ("report", "handoff-gaps", "lapsed-but-active"),
    ("packet", "1023"),
    ("brief", "Fernhollow"),
    ("rules", "check"),
    ("rules", "backtest", "HG01"),
    ("rules", "init", "{folder}-profile"),
    ("plan",),
    ("show", "latest"),
    ("approve", "latest"),
    ("apply", "latest", "--dry-run"),
    ("decide", FINDING, "ack", "--reason", "We know"),
    ("notify",),
    ("export", "{folder}"),
    ("audit",),
    ("audit", "verify"),
    ("purge", "--person", "nobody@example.org"),
    ("undo", "latest"),
    ("rollback",),
]
# What is not run here, and why
LEFT_OUT = {
    "apply": "it writes, which the second half of the test is about",
    "sandbox generate": "it writes files and asks nobody; `sandbox` itself is the vendors, not a client of theirs",
    "dashboard": "it stays up; what its pages may do is tested with them",
    "restore": "it puts files into an empty home and asks nobody",
    "serve": "it stays up, and what it runs is a sync",
    "import accounts": "it reads files, and a sync does the rest",
    "import billing-sheet": "it reads files, and a sync does the rest",
    "import costs": "it reads a file, and a sync does the rest",
    "import usage": "as above",
    "import invoices": "as above",
    "import deals": "as above",
    "import engagements": "as above",
}


def writes(url):
    with urllib.request.urlopen(f"{url}/_control/requests", timeout=10) as answer:
        return [row for row in json.load(answer)["requests"] if row["is_write"]]


def every_command():
    def below(command, names):
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            return {" ".join(names)}
        return set().union(*(below(found, (*names, name)) for name, found in subcommands.items()))

    return below(typer.main.get_command(app), ())


def test_every_command_is_tried_or_left_out_for_a_reason():
    tried = {" ".join(words[:2]) if words[0] == "rules" else words[0] for words in COMMANDS}
    assert tried | set(LEFT_OUT) == every_command()


@pytest.mark.slow
@pytest.mark.thorough
def test_no_command_but_apply_sends_a_request_that_writes(copy_of_demo, tmp_path, monkeypatch):
    with running(build_state()) as served:
        monkeypatch.setenv("SANDBOX_PORT", served.url.rsplit(":", 1)[1])
        for words in COMMANDS:
            done = run(copy_of_demo, *(word.format(folder=tmp_path / "exported") for word in words))
            assert writes(served.url) == [], words
            if words[0] in {"sync", "plan", "show", "approve", "apply", "decide", "audit", "export"}:
                assert done.returncode in {0, 2}, (words, done.stdout + done.stderr)
        applied = run(copy_of_demo, "apply", "latest")
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert writes(served.url)
