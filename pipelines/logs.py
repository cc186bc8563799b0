"""What goes to standard error: sentences for people on a terminal, one JSON object a line for whoever collects logs.

``LOG_FORMAT`` says which; ``auto`` looks whether standard error is a terminal. Secrets are replaced and control characters escaped in both.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipelines import clock
from pipelines.redaction import redacted
from pipelines.settings import log_format

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPE: Final = "\x1b"


class LogStream(io.TextIOBase):
    """Standard error, as it is when something is written; each line of it is one record."""

    def __init__(self) -> None:
        """Write nothing yet."""
        super().__init__()
        self._line = ""
        self._level = "info"
        # of the run that is under way in this process
        self.run_id: str | None = None

    @property
    def is_json(self) -> bool:
        """Whether lines are JSON now."""
        wanted = log_format()
        return wanted == "json" or (wanted == "auto" and not sys.stderr.isatty())

    def isatty(self) -> bool:
        """Return whether a person looks; rich asks before it colours."""
        return not self.is_json and sys.stderr.isatty()

    def writable(self) -> bool:
        """Return that this can be written to."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of standard error."""
        return getattr(sys.stderr, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write lines as records, or as they are."""
        if not self.is_json:
            return sys.stderr.write(text if _ESCAPE in text else redacted(text))
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if line.strip():
                self._record(line.strip())
        return len(text)

    def flush(self) -> None:
        """Write what has no end yet, if anything, and flush standard error."""
        sys.stderr.flush()

    def _record(self, message: str) -> None:
        record: dict[str, str] = {"at": clock.now().isoformat(timespec="milliseconds"), "level": self._level}
        if self.run_id is not None:
            record["run_id"] = self.run_id
        # ASCII only: nothing in a vendor's text can move a cursor or turn the direction of a line
        sys.stderr.write(json.dumps({**record, "message": redacted(message)}) + "\n")

    @contextmanager
    def at_level(self, level: str) -> Iterator[None]:
        """Mark what is written in a ``with`` block."""
        before, self._level = self._level, level
        try:
            yield
        finally:
            self._level = before


STREAM: Final = LogStream()
