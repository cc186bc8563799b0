"""Serves the sandbox on 127.0.0.1: one process, each vendor below its own word, such as ``/hubspot``.

    request -> the gate (from here? logged; vendor up? fault?) -> the vendor's app -> the world's state -> its file, if it has one

A vendor that is switched off closes the connection without an answer, as a server does that has stopped; handoff gives up on it after
its few retries, within ten seconds.
"""

from __future__ import annotations

import errno
import pickle
import shlex
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

import uvicorn

from pipelines.errors import ConfigurationError
from pipelines.sandbox.connection import HttpProtocol
from pipelines.sandbox.control import control
from pipelines.sandbox.gate import Gate
from pipelines.sandbox.intacct import CLIENT_ID, CLIENT_SECRET, USERNAME
from pipelines.sandbox.sheets_keys import EDITOR, VIEWER, key_file
from pipelines.sandbox.world import READ_TOKEN, WRITE_TOKEN, World, read_state
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

    from pipelines.sandbox.state import SandboxState

_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 1


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that is being served."""

    url: str
    world: World

    @property
    def settings_env(self) -> dict[str, str]:
        """Settings that point handoff at this sandbox as if it were real accounts, for reading."""
        return _settings_env(self.url, self.world.state)


@contextmanager
def running(state: SandboxState, *, port: int = 0, state_file: Path | None = None) -> Iterator[Sandbox]:
    """Serve a sandbox from a thread for the time of a ``with`` block; port 0 takes a free one.

    An existing ``state_file`` is read instead of ``state``, and every write is kept there. Raises ConfigurationError.
    """
    with _bound(port) as listener:
        world = _world(state, state_file)
        server = _server(world, state)
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        if not server.ready.wait(_START_SECONDS):
            raise ConfigurationError("The sandbox did not start; look above for the reason, and try again.")
        try:
            yield Sandbox(_url(listener), world)
        finally:
            server.should_exit = True
            thread.join()


def serve(state: SandboxState, *, port: int, state_file: Path | None, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Serve a sandbox until Ctrl-C; ``on_ready`` is told the address once it is taken. Raises ConfigurationError."""
    with _bound(port) as listener:
        server = _server(_world(state, state_file), state)
        on_ready(_url(listener))
        try:
            server.run([listener])
        except KeyboardInterrupt:
            return  # stopped as announced; uvicorn has closed the connections by now


def environment_lines(url: str, state: SandboxState) -> list[str]:
    """Return shell lines that point handoff at a sandbox as if it were real accounts, for reading and for writing."""
    writing = dict.fromkeys((f"{vendor}_WRITE_TOKEN" for vendor in ("HUBSPOT", "AIRTABLE", "ASANA", "GITHUB")), WRITE_TOKEN)
    writing["SHEETS_WRITE_SERVICE_ACCOUNT_FILE"] = str(key_file(EDITOR, f"{url}/sheets/token"))
    return [f"export {name}={shlex.quote(value)}" for name, value in (_settings_env(url, state) | writing).items()]


def _settings_env(url: str, state: SandboxState) -> dict[str, str]:
    numbers = ",".join(str(project["number"]) for project in state.github.projects)
    return {
        "HUBSPOT_ACCESS_TOKEN": READ_TOKEN,
        "HUBSPOT_BASE_URL": f"{url}/hubspot",
        "AIRTABLE_TOKEN": READ_TOKEN,
        "AIRTABLE_BASE_URL": f"{url}/airtable",
        "AIRTABLE_BASE_ID": state.airtable.base_id,
        "ASANA_ACCESS_TOKEN": READ_TOKEN,
        "ASANA_BASE_URL": f"{url}/asana/api/1.0",
        "ASANA_WORKSPACE_ID": state.asana.workspace.get("gid", ""),
        "ASANA_PORTFOLIO_IDS": ",".join(state.asana.portfolios),
        "GITHUB_TOKEN": READ_TOKEN,
        "GITHUB_BASE_URL": f"{url}/github",
        "GITHUB_ORG": state.github.organization,
        "GITHUB_PROJECT_NUMBERS": numbers,
        "AWS_ACCESS_KEY_ID": READ_TOKEN,
        "AWS_SECRET_ACCESS_KEY": READ_TOKEN,
        "AWS_ENDPOINT_URL_COST_EXPLORER": f"{url}/aws",
        "AWS_ENDPOINT_URL_BUDGETS": f"{url}/aws",
        "AWS_ENDPOINT_URL_ORGANIZATIONS": f"{url}/aws",
        "AWS_ENDPOINT_URL_STS": f"{url}/aws",
        "SHEETS_SERVICE_ACCOUNT_FILE": str(key_file(VIEWER, f"{url}/sheets/token")),
        "SHEETS_SPREADSHEET_ID": state.sheets.spreadsheet_id,
        "SHEETS_BASE_URL": f"{url}/sheets",
        "SHEETS_TOKEN_URL": f"{url}/sheets/token",
        "INTACCT_CLIENT_ID": CLIENT_ID,
        "INTACCT_CLIENT_SECRET": CLIENT_SECRET,
        "INTACCT_USERNAME": USERNAME,
        "INTACCT_BASE_URL": f"{url}/intacct/ia/api/v1",
        "PROMETHEUS_URL": f"{url}/prometheus",
        "PROMETHEUS_TOKEN": READ_TOKEN,
    }


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    # Named as TCP, because only then asyncio sends small answers at once: without it each costs 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            is_used = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            raise ConfigurationError(
                f"Port {port} on {_HOST} {'is in use' if is_used else f'cannot be taken ({error})'}, so the sandbox was not started. "
                "Choose another one with --port or SANDBOX_PORT, or stop the program that has it."
            ) from None
        yield listener


def _url(listener: socket.socket) -> str:
    return f"http://{_HOST}:{listener.getsockname()[1]}"


def _world(state: SandboxState, state_file: Path | None) -> World:
    if state_file is None or not state_file.exists():
        return World(state, state_file)
    try:
        return World(read_state(state_file), state_file)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ConfigurationError(
            f"What was written into the sandbox ({state_file}) cannot be read: it is damaged or from another version ({words}). "
            "Run `handoff sync --fresh-sandbox` to forget it."
        ) from None


class _Server(uvicorn.Server):
    """uvicorn's server; ``ready`` is set when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _server(world: World, initial: SandboxState) -> _Server:
    memory = pickle.dumps(initial)

    def reset_state() -> None:
        world.state = pickle.loads(memory)  # noqa: S301 - our own bytes, and the quickest deep copy

    apps: dict[str, ASGIApp] = {}
    limits: dict[str, int] = {}
    for vendor in VENDORS:
        module = import_module(f"pipelines.sandbox.{vendor}")
        apps[vendor] = module.app(world)
        limits |= module.LIMITS
    config = uvicorn.Config(
        Gate(world, apps, control(world, limits, reset_state)),
        http=HttpProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return _Server(config)
