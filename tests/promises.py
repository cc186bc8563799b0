"""``make promises``: runs the tests behind each promise and prints what was tried, what held, and the figure that a test recorded.

A test may record with ``record_property``: ``tried`` (how often it tried; a test that says nothing tried once) and ``figure`` (one line).
Tests of which there are many record ``counted`` (what each of them is one of) or ``most`` (what was measured, how much, the unit): the figure
is how many there were, or the largest.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

# promise -> what it says, and the tests that can refute it
PROMISES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "A sync that is killed costs its time and nothing else",
        (
            "tests/faults/test_kill_points.py",
            "tests/test_killed_sync.py",
            "tests/faults/test_unsynced_files.py",
            "tests/faults/test_unsynced_ledger.py",
        ),
    ),
    2: ("A fix that is killed loses and doubles nothing", ("tests/actions/test_killed.py",)),
    4: ("A source that is down closes and makes no finding", ("tests/test_outages.py",)),
    5: ("A sudden loss of records is held", ("tests/faults/test_mass_change.py",)),
    6: (
        "Pages are read whole, whatever moves",
        ("tests/sources/test_pagination.py", "tests/sources/test_change_between_pages.py"),
    ),
    7: ("Of two runs one works", ("tests/faults/test_two_runs.py::test_of",)),
    8: (
        "Readers see whole snapshots, in order",
        (
            "tests/faults/test_two_runs.py::test_three",
            "tests/test_warehouse.py::test_readers",
            "tests/browser/test_open_during_publishes.py",
        ),
    ),
    11: (
        "Only apply writes, and never over what somebody did since",
        ("tests/actions/test_who_writes.py", "tests/actions/test_every_recipe.py", "tests/actions/test_basis.py"),
    ),
    12: ("Servers listen on this machine only", ("tests/dashboards/test_launch.py",)),
    13: (
        "Nothing talks to hosts that are not named",
        (
            "tests/test_hosts.py",
            "tests/test_transport.py::test_a_call_to_another",
            "tests/dashboards/test_safety.py::test_only_a_plain",
        ),
    ),
    16: ("No secret is in any file, log or page", ("tests/test_logs.py",)),
    17: ("Missing, wrong and weak tokens are named", ("tests/test_access.py",)),
    18: ("A person can be removed from everything", ("tests/test_purges.py",)),
    20: ("Tampering with the ledger is noticed", ("tests/test_ledger.py",)),
    21: ("Who may not write is refused, and the refusal recorded", ("tests/actions/test_approvals.py",)),
    22: ("Names lead nowhere", ("tests/test_backups.py::test_names", "tests/sources/test_dirty_values.py")),
    23: ("A full disk or a damaged file costs no snapshot", ("tests/faults/test_disk.py",)),
    24: (
        "A slow or huge vendor ends in time",
        (
            "tests/test_transport.py::test_a_vendor_that",
            "tests/test_transport.py::test_a_write_that_hangs",
            "tests/test_transport.py::test_a_compressed",
            "tests/test_transport.py::test_a_large",
        ),
    ),
    25: (
        "Vendors' limits are kept",
        (
            "tests/test_transport.py::test_a_limit",
            "tests/test_transport.py::test_a_budget",
            "tests/test_transport.py::test_searches",
            "tests/test_transport.py::test_a_read_that_always",
        ),
    ),
    26: (
        "A scheduled run can be operated",
        ("tests/test_schedules.py", "tests/notify", "tests/test_logs.py::test_without", "tests/faults/test_year.py"),
    ),
    27: ("Time zones change no finding", ("tests/dbt/test_time_zones.py",)),
    28: ("Pages can be used by everybody", ("tests/browser/test_accessibility.py",)),
    30: ("What is installed is known", ("tests/test_supply.py",)),
}


class Recorder:
    """Collects what became of each test, and what it recorded."""

    def __init__(self):
        self.reports = []

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
            properties = dict(report.user_properties)
            self.reports.append((report.nodeid, report.outcome, properties))
            if "figure" in properties:  # a run that is ended early has said something
                sys.stderr.write(f"\n{report.nodeid} {report.outcome}: {properties['figure']}\n")

    def rows(self):
        """Yield (promise, what it says, tried, held, figures) for each promise that was tried."""
        for number, (words, places) in sorted(PROMISES.items()):
            mine = [report for report in self.reports if report[0].startswith(places) and report[1] != "skipped"]
            tried = sum(int(properties.get("tried", 1)) for _, _, properties in mine)
            held = sum(int(properties.get("tried", 1)) for _, outcome, properties in mine if outcome == "passed")
            figures = "; ".join([*(properties["figure"] for *_, properties in mine if "figure" in properties), *_summed(mine)])
            if mine:
                yield number, words, tried, held, figures


def _summed(reports):
    """Yield a figure for what several tests counted or measured."""
    held, counted, most = Counter(), Counter(), {}
    for _, outcome, properties in reports:
        if "counted" in properties:
            counted[properties["counted"]] += 1
            held[properties["counted"]] += outcome == "passed"
        if "most" in properties:
            what, number, unit = properties["most"]
            most[what, unit] = max(number, most.get((what, unit), number))
    yield from (f"{held[what]} of {number} {what}" for what, number in counted.items())
    yield from (f"{what} {number} {unit} at most" for (what, unit), number in most.items())


def table(rows):
    """Return the rows as a Markdown table."""
    lines = ["| promise | | tried | held | figure |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {number} | {words} | {tried} | {held} | {figures} |" for number, words, tried, held, figures in rows]
    return "\n".join(lines)


def main(arguments):
    """Run the tests of all promises, or of those whose numbers are given."""
    wanted = {int(argument) for argument in arguments} or set(PROMISES)
    paths = sorted({place.split("::")[0] for number in wanted for place in PROMISES[number][1]})
    os.chdir(PROJECT)
    recorder = Recorder()
    os.environ.setdefault("SEEDS_OF_PROMISES", "50")
    code = pytest.main(["-q", "-p", "no:cacheprovider", *(path for path in paths if Path(path).exists())], plugins=[recorder])
    sys.stdout.write(table(recorder.rows()) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
