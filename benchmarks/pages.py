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
_HEADS: Final = ("findings", "heading s", "table s", "filter s", "sent KB", "rows sent again KB")


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
        medians = [statistics.median(values) for values in zip(*seen, strict=True)]
        print(
            f"| {count:,} | {' | '.join(f'{value:.2f}' for value in medians[:3])} | {medians[3]:,.0f} | {medians[4]:,.0f} |",
            flush=True,
        )
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


def _measure(browser: Any, port: int) -> tuple[float, float, float, float, float]:
    """Return seconds to the heading, to the table and of a filter, and the kilobytes that were sent before and by the filter."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
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
    sent = received[0]
    page.get_by_role("combobox", name="Team").fill("P")
    page.get_by_role("option").first.wait_for()
    before = page.url
    began = time.perf_counter()
    page.keyboard.press("Enter")
    page.wait_for_function("before => location.href !== before", arg=before)
    page.wait_for_selector(_READY, timeout=120_000)
    answered = time.perf_counter() - began
    again = received[0] - sent
    context.close()
    return heading, table, answered, sent / 1024, again / 1024


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
