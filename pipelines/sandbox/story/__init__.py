"""The invented organisation behind the sandbox, frozen on 2026-11-16, and the findings that it must make.

No community and no person in it is real. Each theme module tells of some communities, with one nameable problem each, and says which
findings follow and why no others do; ``truth.csv`` lists those findings, worked out by hand from the definitions of the reports.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipelines.sandbox.story import (
    delivery,
    endings,
    generated,
    handoff,
    healthy,
    intake,
    money,
    reconciliation,
    renewals,
    spending,
    stages,
)
from pipelines.sandbox.story.processes import DEFAULT, Process, process_of, worked
from pipelines.sandbox.story.storybook import Storybook

if TYPE_CHECKING:
    from pipelines.sandbox.state import SandboxState

__all__ = ["TRUTH_FILE", "build_state", "process_of"]

TRUTH_FILE: Final = Path(__file__).with_name("truth.csv")


def build_state(process: Process = DEFAULT, *, deals: int = 0) -> SandboxState:
    """Return the organisation as its vendors know it, the same at every call; ``deals`` adds that many healthy ones.

    ``process`` is how the organisation works: what its stages are called, and where it keeps engagements and communities.
    """
    book = Storybook()
    for theme in (healthy, handoff, intake, renewals, money, stages, delivery, spending, endings, reconciliation):
        theme.tell(book)
    generated.tell(book, deals)
    return worked(book.state(), process)
