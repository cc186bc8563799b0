"""Starts the dashboard: on this machine only, and the same way from every working directory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from pipelines.errors import ConfigurationError

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


def refuse_unless_loopback(address: str | None, *, has_login: bool = False) -> None:
    """Raise ConfigurationError when Streamlit would listen on anything but this machine without a log-in; no address means everywhere."""
    if address not in _LOOPBACK and not has_login:
        raise ConfigurationError(
            f"The dashboard has no log-in (OIDC_METADATA_URL), so it does not listen on {address or 'every interface'}. Start it with "
            "`handoff dashboard`, or without DASHBOARD_ADDRESS, --server.address and STREAMLIT_SERVER_ADDRESS."
        )


def command(port: int, *, address: str = "127.0.0.1", login_file: Path | None = None, host: str | None = None) -> list[str]:
    """Return the command line that serves the dashboard on ``address`` and ``port``.

    With a log-in, ``login_file`` is what Streamlit reads about it, and ``host`` the name in the address that people open.
    """
    flags = {**_FLAGS, "server.address": address, "server.port": str(port)}
    if login_file is not None:
        flags["secrets.files"] = str(login_file)
    if host is not None:
        flags["browser.serverAddress"] = host
    hosts = [f"--server.allowedHosts={name}" for name in dict.fromkeys(("127.0.0.1", "localhost", *([host] if host else [])))]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *(f"--{name}={value}" for name, value in flags.items()), *hosts]
