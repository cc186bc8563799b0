"""Starts the dashboard: on this machine only, and the same way from every working directory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).resolve().parent
APP: Final = _FOLDER / "app.py"
# what app.py serves
SCRIPT: Final = _FOLDER / "script" / "run.py"
# .streamlit/config.toml beside app.py says the same for whoever types `streamlit run`. Flags also win over STREAMLIT_* variables.
_FLAGS: Final[dict[str, str]] = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.disableDataExport": "true",
}

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def refuse_unless_loopback(address: str | None) -> None:
    """Leave with a sentence when Streamlit would listen on anything but this machine; no address means every interface."""
    if address not in _LOOPBACK:
        raise SystemExit(
            f"The dashboard has no log-in, so it does not listen on {address or 'every interface'}. Start it with `handoff dashboard`, "
            "or without --server.address and STREAMLIT_SERVER_ADDRESS."
        )


def command(port: int) -> list[str]:
    """Return the command line that serves the dashboard on 127.0.0.1 and ``port``."""
    flags = [f"--{name}={value}" for name, value in {**_FLAGS, "server.port": str(port)}.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]
