"""Which sources somebody asked to have read again. Each is a file, so that what was accepted outlives the process that accepted it.

HANDOFF_HOME/asked/hubspot            asked for
HANDOFF_HOME/asked/hubspot.reading    a sync reads it; who asks meanwhile is served by the next one

Whatever else lies there is nobody's asking.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pipelines import warehouse
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "asked"
_READING: Final = ".reading"


class Waiting:
    """The sources that wait, in a folder of the home."""

    def __init__(self, home: Path) -> None:
        """Take up what an earlier process left, also what it was reading."""
        self._folder = warehouse.make_private_folder(home / FOLDER)
        self.put_back()

    def ask(self, source: str) -> None:
        """Remember that ``source`` is to be read; it is on the disk when this returns. Asking twice is asking once."""
        descriptor = os.open(self._folder / source, os.O_CREAT | os.O_WRONLY, 0o600)
        os.close(descriptor)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def names(self) -> list[str]:
        """Return what waits and is not being read."""
        return [vendor for vendor in VENDORS if (self._folder / vendor).exists()]

    def take(self) -> list[str]:
        """Return what waits, and mark it as being read."""
        taken = self.names()
        for name in taken:
            (self._folder / name).replace(self._folder / f"{name}{_READING}")
        return taken

    def done(self) -> None:
        """Forget what was being read: it was."""
        for path in self._folder.glob(f"*{_READING}"):
            path.unlink()

    def put_back(self) -> None:
        """Let what was being read wait again: it was not."""
        for path in self._folder.glob(f"*{_READING}"):
            path.replace(path.with_suffix(""))
