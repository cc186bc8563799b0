"""Applies that run beside the pages: a click elsewhere stops a page's script, and must not stop what is being written."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipelines.errors import HandoffError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipelines.actions.records import ApplyResult
    from pipelines.progress import Progress

_FAILED: Final = (
    "The apply ended with an error that nobody foresaw; the terminal that serves the dashboard says which. Apply the plan again: what "
    "was begun is settled by reading."
)


@dataclass
class Job:
    """One apply: how far it is, and what came of it."""

    total: int
    begun: int = 0  # changes
    words: str = "Checking the plan"
    result: ApplyResult | None = None
    problem: str | None = None
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return min(max(self.begun - 1, 0) / self.total, 1.0) if self.total else 1.0

    def wait(self, seconds: float) -> None:
        """Return when it has ended, or after ``seconds``."""
        if self._thread is not None:
            self._thread.join(seconds)

    # what apply_plan() tells of its progress
    def step(self, text: str) -> None:
        """Note that the next change begins."""
        self.begun += 1
        self.words = text

    def detail(self, text: str) -> None:
        """Note how far the present change is."""
        self.words = text

    def done(self, text: str) -> None:
        """Note what came out of a change."""
        self.words = text

    def run(self, work: Callable[[Progress], ApplyResult]) -> None:
        """Do ``work`` in a thread of its own."""

        def worker() -> None:
            try:
                self.result = work(self)
            except HandoffError as error:
                self.problem = error.sentence
            except BaseException:
                self.problem = _FAILED
                raise

        self._thread = threading.Thread(target=worker, name="apply", daemon=False)
        self._thread.start()


# one process serves the dashboard; the key is the plan's home and id
_JOBS: Final[dict[tuple[Path, str], Job]] = {}
_LOCK: Final = threading.Lock()


def begin(home: Path, plan_id: str, total: int, work: Callable[[Progress], ApplyResult]) -> Job:
    """Begin an apply, or return the one of this plan that is running."""
    with _LOCK:
        known = _JOBS.get((home, plan_id))
        if known is not None and known.is_running:
            return known
        job = _JOBS[home, plan_id] = Job(total)
        job.run(work)
    return job


def job_of(home: Path, plan_id: str) -> Job | None:
    """Return the last apply of a plan that this process began."""
    return _JOBS.get((home, plan_id))
