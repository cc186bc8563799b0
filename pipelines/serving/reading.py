"""Runs one ``handoff sync --source ...`` at a time for everything that waits, a little after it was asked for.

Twenty changes within the quiet time are one sync. While another run holds the home, or a run failed, what waits goes on waiting.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipelines import clock
from pipelines.settings import PROJECT_ROOT, ambient_environment
from pipelines.sync import EXIT_HELD, EXIT_OK, EXIT_STALE
from pipelines.warehouse import Locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipelines.serving.waiting import Waiting
    from pipelines.settings import Settings

# after these the sources were read, or it is known why not: asking again at once would change nothing
_SETTLED: Final = frozenset({EXIT_OK, 2, EXIT_STALE, EXIT_HELD})
_PAUSE_WHEN_LOCKED: Final = 60.0
_PAUSE_WHEN_FAILED: Final = 300.0


@dataclass(frozen=True)
class LastRun:
    """The last sync that was run for somebody who asked."""

    sources: list[str]
    ended_at: datetime
    exit_code: int


class Reading:
    """The thread that reads. ``run`` syncs some sources and returns the exit code; tests give their own."""

    def __init__(self, settings: Settings, waiting: Waiting, run: Callable[[list[str]], int] | None = None) -> None:
        """Nothing runs before ``start``."""
        self._settings, self._waiting = settings, waiting
        self._run = run or self._sync
        self._child: subprocess.Popen[bytes] | None = None
        self._is_asked = threading.Event()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="handoff-serve", daemon=True)
        self.last: LastRun | None = None
        self.sources: list[str] = []

    def start(self) -> None:
        """Begin; what waits from earlier is read first."""
        if self._waiting.names():
            self._is_asked.set()
        self._thread.start()

    def ask(self, source: str) -> None:
        """Have ``source`` read soon."""
        self._waiting.ask(source)
        self._is_asked.set()

    def end(self) -> None:
        """End the run that is going on, as Ctrl-C does; what it was for waits for the next start."""
        self._is_ending.set()
        self._is_asked.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _work(self) -> None:
        while True:
            self._is_asked.wait()
            if self._is_ending.wait(self._settings.serve_quiet_seconds):
                return
            self._is_asked.clear()
            self.sources = self._waiting.take()
            if not self.sources:
                continue
            code = self._run(self.sources)
            self.last = LastRun(self.sources, clock.now(), code)
            self.sources = []
            if code in _SETTLED:
                self._waiting.done()
                continue
            self._waiting.put_back()
            if self._is_ending.wait(_PAUSE_WHEN_LOCKED if code == Locked.exit_code else _PAUSE_WHEN_FAILED):
                return
            self._is_asked.set()

    def _sync(self, sources: list[str]) -> int:
        asked = [word for source in sources for word in ("--source", source)]
        environment = ambient_environment() | {
            "HANDOFF_HOME": str(self._settings.handoff_home),
            "RULES_DIR": str(self._settings.rules_dir),
        }
        command = [sys.executable, "-m", "pipelines.cli", "sync", "--brief", *asked]
        self._child = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdin=subprocess.DEVNULL)
        return self._child.wait()
