"""How long work shows itself: a live line on a terminal, plain lines elsewhere, and nothing on standard output."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


class Progress(Protocol):
    """Somebody who wants to know how the work goes."""

    def step(self, text: str) -> None:
        """Say what begins now."""

    def detail(self, text: str) -> None:
        """Say how far the present step is."""

    def done(self, text: str) -> None:
        """Say what came out of it."""


class ConsoleProgress:
    """Writes to standard error, so that standard output holds nothing but results."""

    def __init__(self, console: Console) -> None:
        """Write to ``console``."""
        self._console = console
        self._status = console.status("") if console.is_terminal else None

    def step(self, text: str) -> None:
        """Show what begins now."""
        if self._status is None:
            self._console.print(text, markup=False, highlight=False)
        else:
            self._status.update(text)

    def detail(self, text: str) -> None:
        """Show how far the step is; only on a terminal, a log needs no ticking."""
        if self._status is not None:
            self._status.update(text)

    def done(self, text: str) -> None:
        """Leave a line behind."""
        self._console.print(text, markup=False, highlight=False)

    @contextmanager
    def running(self) -> Iterator[ConsoleProgress]:
        """Show the live line for the time of a ``with`` block."""
        if self._status is None:
            yield self
        else:
            with self._status:
                yield self


class SilentProgress:
    """For callers that only want the result."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def detail(self, text: str) -> None:
        """Say nothing."""

    def done(self, text: str) -> None:
        """Say nothing."""
