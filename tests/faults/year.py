"""A year of daily runs that nobody looks at: ``.venv/bin/python tests/faults/year.py FOLDER [--short | --every DAYS | --judge]``.

Each day is a process of its own, forked from this one, in which the clock stands at that day and the vendors are a sandbox that holds
what they knew then. It runs what a schedule runs (``handoff sync``, on Mondays ``handoff notify --digest``) and nothing else. On about
every third day something goes wrong. The year takes hours and can be stopped at any time: the same command goes on with the next day, with
``--every`` with every so-manieth one, for who has less time. FOLDER/days.jsonl has a line for each day; at the end ``judged`` says whether
the year held what it must (tests/faults/test_year.py).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from year_world import DAYS, FIRST, Year

VENDORS = ("hubspot", "airtable", "github", "aws")
_IMPORTED_ONCE = (
    *("apprise", "boto3", "dbt.adapters.duckdb.connections", "dbt.cli.main", "hubspot", "pandas", "pyairtable", "pyarrow"),
    *("pipelines.cli", "pipelines.sandbox.server", "pipelines.sync", "pipelines.transform"),
)
_QUIET_DAYS = 3  # at the end, so that what waits can still be sent
_KINDS = {
    "killed": 5,
    "down": 4,
    "storm": 3,  # 503 to every call
    "retried": 3,  # refusals that end
    "partial": 3,  # answers that are cut from some page on
    "garbage": 3,  # 200 with something else than records
    "revoked": 2,
    "full disk": 3,
    "vanished": 2,  # most contacts are gone for a day
    "deaf": 2,  # nobody takes notifications
}


@dataclass
class Trouble:
    """What goes wrong on one day."""

    kind: str = "none"
    vendor: str = ""
    number: int = 0


@dataclass
class Day:
    """What became of one day."""

    day: str
    trouble: Trouble
    codes: list[int]  # of each command; minus the signal that ended it
    seconds: float
    findings: int
    sizes: dict[str, int] = field(default_factory=dict)  # bytes by what lies in the home
    files: int = 0


_SEED, _STRIDE = 1, 52
# by the number of the day, one of those that a short year visits
_SHORT_TROUBLES = {
    1 * _STRIDE: Trouble("killed", number=600),
    2 * _STRIDE: Trouble("down", "github"),
    3 * _STRIDE: Trouble("full disk", number=80),
    4 * _STRIDE: Trouble("partial", "hubspot", 6),
    5 * _STRIDE: Trouble("deaf"),
}


def troubles(seed):
    """Return what goes wrong on each day, the same for the same seed; nothing on the first and on the last ones."""
    chance = random.Random(f"troubles {seed}")
    kinds, weights = zip(*_KINDS.items(), strict=True)
    found = {}
    number = 1
    while number < DAYS - _QUIET_DAYS:
        if chance.random() < 0.3:
            trouble = Trouble(chance.choices(kinds, weights)[0], chance.choice(VENDORS), chance.randrange(1, 1000))
            for _ in range(chance.choice((1, 1, 2)) if trouble.kind == "down" else 1):
                found[number] = trouble
                number += 1
        number += 1
    return found


class Schedule:
    """Runs the days of a year over one home; a short one visits eight of them, of which five go wrong."""

    def __init__(self, folder, seed=_SEED, *, every=1, is_short=False):
        """Go on where FOLDER/days.jsonl ends, with ``every`` so-manieth day and the last one."""
        self.folder, self.home = folder, folder / "home"
        self.year = Year(seed)
        self.troubles = _SHORT_TROUBLES if is_short else troubles(seed)
        self.log = folder / "days.jsonl"
        self.past = [_day(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        newest, last = (date.fromisoformat(self.past[-1].day) - FIRST).days if self.past else -every, DAYS - 1
        self.coming = [*range(newest + every, last, every), last] if newest < last else []

    def run(self):
        """Run every day that was not run yet; yield what became of each."""
        with receiver(self.folder) as address:
            for number in self.coming:
                done = self._day(FIRST + timedelta(number), self.troubles.get(number, Trouble()), address)
                self.past.append(done)
                with self.log.open("a") as file:
                    file.write(json.dumps(asdict(done)) + "\n")
                yield done

    def _day(self, day, trouble, address):
        began = time.monotonic()
        (self.folder / "deaf").unlink(missing_ok=True)
        if trouble.kind == "deaf":
            (self.folder / "deaf").touch()
        commands = [["sync", "--brief"]] + ([["notify", "--digest"]] if day.weekday() == 0 else [])
        codes = []
        for command in commands:
            child = os.fork()
            if child == 0:
                self._in_the_child(command, day, trouble, address)
            if trouble.kind == "killed" and command[0] == "sync":
                time.sleep(self._usual_seconds * trouble.number / 950)
                os.kill(child, signal.SIGKILL)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        sizes, files = measured(self.home)
        return Day(day.isoformat(), trouble, codes, time.monotonic() - began, _count(self.home), sizes, files)

    @property
    def _usual_seconds(self):
        usual = [day.seconds for day in self.past if day.trouble.kind == "none"]
        return usual[-1] if usual else 20.0

    def _in_the_child(self, command, day, trouble, address):
        code = 99
        try:
            with (self.folder / "output.txt").open("a") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            os.write(2, f"=== {day} {trouble} {command}\n".encode())
            code = run_at(
                self.home,
                self.year.on(day),
                command,
                trouble,
                NOTIFY_URLS=_channels(address),
                HEARTBEAT_URL=f"http://{address}/beat",
            )
        except Exception:  # noqa: BLE001 - it is written down, and the code says so
            traceback.print_exc()
        finally:
            os._exit(code)


def _day(line):
    values = json.loads(line)
    return Day(**values | {"trouble": Trouble(**values["trouble"])})


def _channels(address):
    return f"operations=json://{address}/operations mail=json://{address}/mail"


def run_at(home, state, command, trouble, **environment):
    """Run a command at the day of ``state`` in this process, which should be a child, and return its exit code."""
    from pipelines import cli, clock
    from pipelines.sandbox.faults import fault_from
    from pipelines.sandbox.server import running

    began, start = time.monotonic(), datetime.fromisoformat(f"{state.today}T23:00:00+00:00").astimezone(UTC)
    clock.now = lambda: start + timedelta(seconds=time.monotonic() - began)
    if trouble.kind == "full disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write then fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (trouble.number * 10_000,) * 2)
    if trouble.kind == "vanished":
        contacts = state.hubspot.objects["contacts"]
        for contact_id in sorted(contacts)[: len(contacts) * 2 // 3]:
            del contacts[contact_id]
        state.hubspot.associations = [
            link
            for link in state.hubspot.associations
            if all(
                kind != "contacts" or link_id in contacts
                for kind, link_id in ((link["from"], link["fromId"]), (link["to"], link["toId"]))
            )
        ]
    with running(state) as sandbox:
        sandbox.world.vendors_up[trouble.vendor or "none"] = trouble.kind != "down"
        sandbox.world.faults.extend(fault_from(fault) for fault in _faults(trouble))
        os.environ |= sandbox.settings_env | environment | {"HANDOFF_HOME": str(home), "LOG_FORMAT": "human", "COLUMNS": "200"}
        for name in [name for name in os.environ if name.startswith("ASANA_")]:
            del os.environ[name]
        os.chdir(home.parent)
        try:
            sys.argv = ["handoff", *command]
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def _faults(trouble):
    about = {"vendor": trouble.vendor}
    match trouble.kind:
        case "storm":
            return [about | {"kind": "503", "occurrence": "every", "retry_after": 0}]
        case "retried":
            kind = ("429", "503", "reset", "cut_body", "500")[trouble.number % 5]
            return [about | {"kind": kind, "occurrence": "count", "n": 2, "retry_after": 0}]
        case "partial":
            return [about | {"kind": "cut_body", "occurrence": "from", "n": 1 + trouble.number % 8}]
        case "garbage":
            kind = ("html_200", "empty_200", "null_200", "errors_200", "malformed_json")[trouble.number % 5]
            return [about | {"kind": kind, "occurrence": "from", "n": 1 + trouble.number % 8}]
        case "revoked":
            return [about | {"kind": "401", "occurrence": "every"}]
    return []


@contextmanager
def receiver(folder):
    """Yield the address of somebody who keeps every message in FOLDER/messages.jsonl, and takes none while FOLDER/deaf is there."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            is_deaf = (folder / "deaf").exists() and not self.path.startswith("/beat")
            if not is_deaf:
                message = {"path": self.path, "key": self.headers.get("X-Handoff-Notice"), "body": body}
                with (folder / "messages.jsonl").open("a") as file:
                    file.write(json.dumps(message) + "\n")
            self.send_response(503 if is_deaf else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    child = os.fork()
    if child == 0:
        server.serve_forever()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.server_close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def measured(home):
    """Return how many bytes lie in each part of a home, and how many files there are outside of snapshots."""
    sizes, files = {}, 0
    for path in home.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        parts = path.relative_to(home).parts
        part = "/".join(parts[:2])
        sizes[part] = sizes.get(part, 0) + path.stat().st_size
        files += parts[:2] != ("warehouse", "versions")
    versions = sorted((home / "warehouse/versions").glob("*/wh.duckdb"))
    sizes["snapshots"] = len(versions)
    sizes["newest snapshot"] = versions[-1].stat().st_size if versions else 0
    return sizes, files


def _count(home):
    """Return how many findings the published snapshot has, asked in a child: DuckDB's threads must not be forked along."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        from pipelines import warehouse

        count = -1
        try:
            [row] = warehouse.open_current(home).rows("select count(*) as n from marts.fct_findings")
            count = row["n"]
        finally:
            os.write(write, str(count).encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as answer:
        return int(answer.read())


def prepare():
    """Import once what every day needs; nothing of it starts a thread."""
    for name in _IMPORTED_ONCE:
        importlib.import_module(name)


def main(arguments):
    """Run the year in the folder that is given, and judge it when it is over."""
    parser = argparse.ArgumentParser(prog="year.py", description="Run a year of daily syncs and judge it.")
    parser.add_argument("folder", type=Path)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--short", action="store_true", help="eight days, five of which go wrong")
    way.add_argument("--every", type=int, default=1, metavar="DAYS", help="go on with every so-manieth day only")
    way.add_argument("--judge", action="store_true", help="run no day, judge what was run so far")
    asked = parser.parse_args(arguments)
    if asked.every < 1 or (asked.judge and not (asked.folder / "days.jsonl").exists()):
        parser.error(f"--every takes 1 or more; --judge needs days that were run: `year.py {asked.folder}` runs them")
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    prepare()
    schedule = Schedule(folder, every=_STRIDE if asked.short else asked.every, is_short=asked.short)
    for day in [] if asked.judge else schedule.run():
        trouble = f"{day.trouble.kind} {day.trouble.vendor}".strip()
        sys.stdout.write(
            f"{day.day} {trouble}: {day.codes}, {day.findings} findings, {day.seconds:.1f} s, {day.sizes['newest snapshot']:,} B\n"
        )
        sys.stdout.flush()
    from year_verdict import judged

    sys.stdout.write(f"{judged(schedule)}\n")
    return 0


if __name__ == "__main__":
    sys.modules["year"] = sys.modules["__main__"]  # for the verdict, which imports it
    sys.exit(main(sys.argv[1:]))
