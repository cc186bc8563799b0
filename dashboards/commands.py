"""Runs from a page what `handoff plan` and `handoff apply` run: the same functions, guards and lock, and the same words."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Console

from pipelines import clock
from pipelines.actions.plan import make_plan, save_plan
from pipelines.actions.rendering import plan_lines
from pipelines.errors import HandoffError
from pipelines.fixes import apply_fixes
from pipelines.rules import load_rules
from pipelines.sandbox.attachment import attached

if TYPE_CHECKING:
    from dashboards.parts import Board
    from pipelines.actions.records import Plan

_WIDTH: Final = 160


@dataclass(frozen=True)
class Answer:
    """What a command said: whether it did what it was asked, and its lines."""

    is_good: bool
    lines: str


def plan(board: Board) -> Answer:
    """Make and store a plan from the snapshot that the page shows. Writes to no vendor."""
    settings = board.settings
    try:
        rules = load_rules(settings.rules_dir)
        with attached(settings) as sandbox_url:
            made = make_plan(board.reader.rows, settings, rules, now=clock.now(), sandbox_url=sandbox_url)
        if made.is_empty:
            return Answer(is_good=True, lines="\n".join(["There is nothing to apply.", *plan_lines(made)]))
        save_plan(made, settings.handoff_home)
    except HandoffError as error:
        return Answer(is_good=False, lines=error.sentence)
    return Answer(is_good=True, lines=f"{made.plan_id} is made; nothing has been written. Read it below.")


def apply(board: Board, plan_id: str) -> Answer:
    """Carry out a stored plan; see ``may_apply``."""
    results, messages = io.StringIO(), io.StringIO()
    out, err = (Console(file=file, width=_WIDTH, no_color=True, highlight=False) for file in (results, messages))
    try:
        code = apply_fixes(out, err, board.settings, load_rules(board.settings.rules_dir), plan_id)
    except HandoffError as error:
        return Answer(is_good=False, lines=error.sentence)
    # progress and refusals go to the second; a refused plan has no results
    return Answer(is_good=code == 0, lines=results.getvalue().strip() or messages.getvalue().strip())


def may_apply(stored: Plan) -> bool:
    """Return whether a page may apply the plan: all of it goes to the sandbox, and no guard stops it.

    The dashboard has no log-in, so whoever reaches its port would write with the tokens of the person who started it.
    """
    return bool(stored.places) and all(place.is_sandbox for place in stored.places) and not stored.stopping_guards
