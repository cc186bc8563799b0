"""Finds the sandbox that somebody serves, or runs one for the time of a command."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.settings import Settings


def state_file(home: Path) -> Path:
    """Return the file in which the sandbox of ``home`` keeps what was written into it."""
    return home / "sandbox" / "state.json"


def _answers(url: str) -> bool:
    try:
        # the address is ours: http://127.0.0.1 and the configured port
        with urllib.request.urlopen(f"{url}/_control/health", timeout=2) as answer:  # noqa: S310
            return bool(json.load(answer).get("handoff_sandbox"))
    except (urllib.error.URLError, OSError, ValueError):
        return False  # nobody there, or somebody else's server: a sandbox of our own is started


@contextmanager
def attached(settings: Settings) -> Iterator[str | None]:
    """Yield the address of a sandbox while any vendor needs one, else None.

    A sandbox that is served on the configured port (``handoff sandbox``) is used; otherwise one runs inside this process and
    remembers, in HANDOFF_HOME/sandbox, what earlier commands wrote into it.
    """
    if not any(settings.is_sandbox(vendor) for vendor in VENDORS):
        yield None
        return
    if _answers(settings.sandbox_url):
        yield settings.sandbox_url
        return
    from pipelines.sandbox.server import running  # noqa: PLC0415 - the server is needed only without real accounts
    from pipelines.sandbox.story import build_state, process_of  # noqa: PLC0415

    file = state_file(settings.handoff_home)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with running(build_state(process_of(settings.rules_dir)), port=0, state_file=file) as sandbox:
        yield sandbox.url
