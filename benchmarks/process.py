"""Runs a loader as a process of its own and says what it took."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Measured:
    """What one run took; memory is the largest resident set of any of its processes, processor time that of all of them."""

    exit_code: int
    wall_seconds: float
    cpu_seconds: float
    peak_mb: int
    last_words: str


def run(command: list[str], *, environment: dict[str, str], folder: Path, log: Path) -> Measured:
    """Run a command to its end; what it says goes to ``log``.

    Memory is read from Linux's /proc (VmHWM) while the command runs: getrusage would count what this process held when it forked.
    """
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        watch = _Watch(process.pid)
        watch.start()
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.join()
    return Measured(
        exit_code=process.returncode,
        wall_seconds=time.monotonic() - started,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_mb=watch.peak_kb // 1024,
        last_words=log.read_text(errors="replace").strip()[-600:],
    )


class _Watch(threading.Thread):
    """Looks at the high-water mark of a process and of those below it until it is gone."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_kb = 0
        self._pid = pid

    def run(self) -> None:
        while peaks := [*map(_peak_kb, _family(self._pid))]:
            self.peak_kb = max(self.peak_kb, *peaks)
            if not any(peaks):  # ended, and waits to be asked for
                return
            time.sleep(_LOOK_SECONDS)


def _family(pid: int) -> list[int]:
    found = [pid] if Path(f"/proc/{pid}").exists() else []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found


def _peak_kb(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
