"""Opens the handoff page over many findings in Debian's Chromium, and says how long people wait and how much comes over the socket.

python -m benchmarks.pages [--findings 1000,100000] [--times 5]

The findings are those of the invented organisation, many times over. The browser runs on the same two cores as the dashboard.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from dashboards.launch import command
from pipelines import clock, warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
SCRATCH: Final = ROOT / ".bench"
_ORGANISATION: Final = SCRATCH / "organisation"
_MARTS: Final = ("marts.fct_findings", "marts.fct_handoff_gaps")
_READY: Final = "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"
_TABLE: Final = "[data-testid=stDataFrame] canvas"
_HEADS: Final = ("findings", "heading s", "table s", "filter s", "filter p95 s", "layout shift", "sent KB", "sent again KB")
_FILTERED: Final = 4  # times on each page: chosen and taken back, twice
# https://web.dev/articles/cls: the largest window of shifts that nobody caused, at most 5 s long, with less than 1 s between two
_SHIFTS: Final = """
window.shift = {largest: 0, since: 0, last: 0, sum: 0};
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        const it = window.shift, at = entry.startTime, isApart = at - it.last > 1000 || at - it.since > 5000;
        window.shift = {since: isApart ? at : it.since, last: at, sum: entry.value + (isApart ? 0 : it.sum), largest: it.largest};
        window.shift.largest = Math.max(window.shift.largest, window.shift.sum);
    }
}).observe({type: 'layout-shift', buffered: true});
"""
# how often the dashboard's script has ended: the address changes before it has begun
_RUNS: Final = """
window.ended = 0;
new MutationObserver(changes => {
    for (const {target} of changes) if (target.dataset.testScriptState === 'notRunning') window.ended += 1;
}).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-test-script-state']});
"""


def main(arguments: list[str]) -> int:
    """Measure each number of findings and print a table; 1 when the browser is not there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description="Measure what people wait for.")
    parser.add_argument("--findings", default="1000,100000", help="how many, separated by commas")
    parser.add_argument("--times", type=int, default=5, help="how often each is measured; the median counts")
    options = parser.parse_args(arguments)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("Chromium is not installed; install it (apt-get install chromium) and run this again.", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the development environment

    if not (_ORGANISATION / "warehouse" / "CURRENT").exists():
        environment = os.environ | {"HANDOFF_HOME": str(_ORGANISATION), "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-m", "pipelines.cli", "sync", "--brief"], env=environment, cwd=ROOT, check=True)
    print(f"| {' | '.join(_HEADS)} |\n|{' --- |' * len(_HEADS)}")
    for count in map(int, options.findings.split(",")):
        home = SCRATCH / "runs" / f"pages_{count}"
        _publish(home, count)
        with _serving(home) as port, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            _measure(browser, port)  # the first reader waits for imports, which later ones do not
            seen = [_measure(browser, port) for _ in range(options.times)]
            browser.close()
        filters = [seconds for each in seen for seconds in each.filters]
        cells = (
            statistics.median(each.heading for each in seen),
            statistics.median(each.table for each in seen),
            statistics.median(filters),
            statistics.quantiles(filters, n=20)[-1],
            max(each.shift for each in seen),
        )
        kilobytes = (statistics.median(each.sent for each in seen), statistics.median(each.again for each in seen))
        row = [f"{count:,}", *(f"{cell:.2f}" for cell in cells), *(f"{cell:,.0f}" for cell in kilobytes)]
        print(f"| {' | '.join(row)} |", flush=True)
    return 0


def _publish(home: Path, count: int) -> None:
    """Publish the organisation's snapshot with its handoff findings repeated until there are ``count``."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with warehouse.run_lock(home, what="benchmark", started_at=clock.now()):
        building = warehouse.begin_private_copy(home)
        shutil.copyfile(_ORGANISATION / "warehouse" / "CURRENT" / warehouse.FILE_NAME, building)
        building.chmod(0o600)
        with duckdb.connect(str(building)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            known = connection.execute("select count(*) from marts.fct_handoff_gaps").fetchall()[0][0]
            for name in _MARTS:
                connection.execute(f"create temp table before as from {name} where report = 'handoff-gaps'")
                connection.execute(f"delete from {name} where report = 'handoff-gaps'")
                connection.execute(
                    f"insert into {name} select before.* replace (finding_id || '-' || number as finding_id) "
                    f"from before, range({count // known + 1}) as copies (number) limit {count}"
                )
                connection.execute("drop table before")
            connection.execute("checkpoint")
        warehouse.publish(home, "20261116T120000Z-page", {"published_at": clock.now().isoformat(), "as_of": "2026-11-16"})


@dataclass(frozen=True)
class _Seen:
    """What one reader waited for (seconds), got (kilobytes) and saw moving (the score of web.dev)."""

    heading: float
    table: float
    filters: list[float]
    shift: float
    sent: float
    again: float


def _measure(browser: Any, port: int) -> _Seen:
    """Open the page as a new reader, and filter it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(_SHIFTS + _RUNS)
    page = context.new_page()
    received = [0]
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.webSocketFrameReceived", lambda event: _count(received, event))
    began = time.perf_counter()
    page.goto(f"http://127.0.0.1:{port}/handoff")
    page.wait_for_selector("h1", timeout=120_000)
    heading = time.perf_counter() - began
    page.wait_for_selector(_TABLE, timeout=120_000)
    table = time.perf_counter() - began
    page.wait_for_selector(_READY, timeout=120_000)
    page.wait_for_timeout(1000)  # what moves later counts, too
    shift, sent = page.evaluate("window.shift.largest"), received[0]
    team = page.get_by_role("combobox", name="Team")
    filters = []
    for number in range(_FILTERED):
        if number % 2:
            team.locator("..").get_by_role("button", name="Clear value").focus()
        else:
            team.fill("P")
            page.get_by_role("option").first.wait_for()
        filters.append(_answered(page))
        if number == 0:
            again = received[0] - sent
    context.close()
    return _Seen(heading, table, filters, shift, sent / 1024, again / 1024)


def _answered(page: Any) -> float:
    """Press Enter, which changes a filter; return the seconds until the page has answered."""
    ended = page.evaluate("window.ended")
    began = time.perf_counter()
    page.keyboard.press("Enter")
    page.wait_for_function("ended => window.ended > ended", arg=ended, timeout=120_000)
    page.wait_for_selector(_READY, timeout=120_000)
    return time.perf_counter() - began


def _count(received: list[int], event: dict[str, Any]) -> None:
    frame = event["response"]
    # a binary frame comes as base64
    received[0] += len(frame["payloadData"]) * (3 if frame["opcode"] == 2 else 4) // 4


@contextmanager
def _serving(home: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (home / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            command(port), cwd=home, env=os.environ | {"HANDOFF_HOME": str(home)}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            for _ in range(600):
                with suppress(urllib.error.URLError, OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).read()
                    break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
