"""Makes the pictures in docs/images from the demo: a sync in a temporary folder, the dashboard over it, Debian's Chromium.

    .venv/bin/python docs/screenshots.py

Run it after a change to what the pages look like or say, and commit the pictures. ``pictures.json`` beside them keeps the words that each
page said; tests/browser/test_pictures.py compares them with what it says now.
"""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from PIL import Image
from playwright.sync_api import Error, sync_playwright

from dashboards.launch import command
from dashboards.pages import PAGES
from pipelines.settings import PROJECT_ROOT, ambient_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

IMAGES: Final = PROJECT_ROOT / "docs" / "images"
CHROMIUM: Final = "/usr/bin/chromium"
# what makes these pages show more than a list
_WITH_A_CHOICE: Final = {"deal": "deal?deal=1021", "community": "community?community=Hollowcrag+Speleology"}


def _address_of(name: str) -> str:
    return _WITH_A_CHOICE.get(name, "" if name == "summary" else name.replace("_", "-"))


# file name, address, width and height in pixels
PICTURES: Final = (
    *((f"{name}.png", _address_of(name), 1440, 900) for name in PAGES),
    ("phone.png", "handoff", 390, 844),
)
WORDS: Final = IMAGES / "pictures.json"
# when the demo was read is another time at every sync
_TIMES: Final = re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2} UTC")
# and so are the hash of the last row of the ledger and the name of the snapshot
_HASHES: Final = re.compile(r"\b(?:[0-9a-f]{16}|\d{8}T\d{12}Z-[0-9a-f]{4})\b")
_READY: Final = "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"
_TRIES: Final = 60
_COLOURS: Final = 256


@contextmanager
def _dashboard() -> Iterator[int]:
    """Sync the demo, serve it, and yield the port."""
    with tempfile.TemporaryDirectory() as folder:
        environment = ambient_environment() | {"HANDOFF_HOME": f"{folder}/home"}
        subprocess.run([sys.executable, "-m", "pipelines.cli", "sync"], env=environment, cwd=folder, check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with subprocess.Popen(command(port), env=environment, cwd=folder) as server:
            try:
                yield port
            finally:
                server.send_signal(signal.SIGTERM)


def _open(page: Page, address: str) -> None:
    for attempt in range(_TRIES):
        try:
            page.goto(address)
            break
        except Error:  # the server is starting
            if attempt == _TRIES - 1:
                raise
            page.wait_for_timeout(500)
    page.wait_for_selector("h1")
    page.wait_for_selector(_READY)
    page.wait_for_timeout(1500)  # grids and charts are drawn after the script has ended


def words_of(page: Page) -> list[str]:
    """Return the lines that a page shows outside of its grids, which are drawn; times stand as TIME, hashes and names of snapshots as HASH."""
    told = _TIMES.sub("TIME", page.inner_text("[data-testid=stMain]"))
    return [line for line in _HASHES.sub("HASH", told).splitlines() if line.strip()]


def _keep(picture: bytes, path: Path) -> None:
    """Write a picture with as many colours as a page has: a third of the bytes, and nobody sees the difference."""
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Make every picture."""
    IMAGES.mkdir(exist_ok=True)
    words: dict[str, list[str]] = {}
    with _dashboard() as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        for name, path, width, height in PICTURES:
            page = browser.new_page(viewport={"width": width, "height": height})
            _open(page, f"http://127.0.0.1:{port}/{path}")
            _keep(page.screenshot(), IMAGES / name)
            words[name] = words_of(page)
            page.close()
            print(f"{name}: {(IMAGES / name).stat().st_size / 1000:.0f} kB")
        browser.close()
    WORDS.write_text(json.dumps(words, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
