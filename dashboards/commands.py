"""Does for a page what `handoff plan`, `approve`, `apply` and `undo` do: the same functions, guards, roles, lock and ledger.

The dashboard has no log-in. Whoever reaches its port acts as the user who started it, so what writes with that user's tokens, or
lets others write, is done here for the sandbox only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboards import jobs
from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.actions.approvals import approve as record_approval
from pipelines.actions.plan import find_plan, make_plan, save_plan
from pipelines.actions.refusals import refuse_altered_ledger
from pipelines.actions.rehearsal import rehearse_plan
from pipelines.actions.rendering import plan_lines
from pipelines.actions.undo import undo_plan
from pipelines.decisions import author
from pipelines.errors import HandoffError
from pipelines.fixes import record_refusal
from pipelines.ledger import Ledger
from pipelines.rules import load_rules
from pipelines.sandbox.attachment import attached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.parts import Board
    from pipelines.actions.plan import Scope
    from pipelines.actions.records import ApplyResult, Plan
    from pipelines.progress import Progress


@dataclass(frozen=True)
class Answer:
    """What a command said: whether it did what it was asked, its lines, and the plan that it made."""

    is_good: bool
    lines: str
    plan_id: str | None = None


def user() -> str:
    """Return who a page acts as: the user of the operating system that serves it."""
    return author(None)


def may_write(plan: Plan) -> bool:
    """Return whether a page may approve and apply the plan: all of it goes to the sandbox."""
    return bool(plan.places) and all(place.is_sandbox for place in plan.places)


def may_apply(plan: Plan) -> bool:
    """Return whether a page may apply the plan: all of it goes to the sandbox, and no guard stops it."""
    return may_write(plan) and not plan.stopping_guards


def plan(board: Board, scope: Scope) -> Answer:
    """Make and store a plan from the snapshot that the page shows. Writes to no vendor."""
    settings = board.settings
    try:
        rules = load_rules(settings.rules_dir)
        with attached(settings) as sandbox_url:
            made = make_plan(board.reader.rows, settings, rules, now=clock.now(), scope=scope, sandbox_url=sandbox_url)
        return _stored(board, made, "There is nothing to apply.")
    except HandoffError as error:
        return _refused(board, error, "plan", user())


def undo(board: Board, name: str) -> Answer:
    """Make and store the plan that takes back what an applied plan, or one change, wrote. Writes to no vendor."""
    settings = board.settings
    try:
        rules = load_rules(settings.rules_dir)
        with attached(settings) as sandbox_url, Ledger.open(settings.handoff_home) as ledger:
            refuse_altered_ledger(ledger)
            made = undo_plan(ledger, name, board.reader.rows, settings, rules, now=clock.now(), sandbox_url=sandbox_url)
        return _stored(board, made, "There is nothing to take back.")
    except HandoffError as error:
        return _refused(board, error, f"undo {name}", user())


def approve(board: Board, plan_id: str, change_ids: Sequence[str], by: str) -> Answer:
    """Record that somebody approves a plan, or only the changes named."""
    home = board.settings.handoff_home
    person = author(by)
    try:
        rules = load_rules(board.settings.rules_dir)
        with Ledger.open(home) as ledger:
            approval = record_approval(
                find_plan(plan_id, home), home, rules, ledger, now=clock.now(), person=person, change_ids=change_ids or None
            )
    except HandoffError as error:
        return _refused(board, error, f"approve {plan_id}", person)
    count = len(approval.change_ids)
    return Answer(is_good=True, lines=f"{person} approves {count} change{'s' * (count != 1)}. Nothing has been written yet.")


def rehearse(board: Board, plan_id: str) -> ApplyResult:
    """Read every target of a plan again, and return what an apply would find. Writes to no vendor."""
    settings = board.settings
    home = settings.handoff_home
    with attached(settings) as sandbox_url, Ledger.open(home) as ledger:
        return rehearse_plan(
            find_plan(plan_id, home),
            settings,
            load_rules(settings.rules_dir),
            ledger,
            now=clock.now(),
            operator=user(),
            sandbox_url=sandbox_url,
        )


def begin_apply(board: Board, stored: Plan, by: str) -> jobs.Job:
    """Begin to carry out a stored plan; see :func:`may_apply`."""
    settings = board.settings
    home = settings.handoff_home
    if not may_apply(stored):
        raise HandoffError(f"{stored.plan_id} is not applied from a page. Run `handoff apply {stored.plan_id}`.")

    def work(progress: Progress) -> ApplyResult:
        rules = load_rules(settings.rules_dir)
        with attached(settings) as sandbox_url, Ledger.open(home) as ledger:
            return apply_plan(
                find_plan(stored.plan_id, home),
                settings,
                rules,
                ledger,
                now=clock.now(),
                operator=author(by),
                progress=progress,
                sandbox_url=sandbox_url,
            )

    return jobs.begin(home, stored.plan_id, len(stored.changes), work)


def _stored(board: Board, made: Plan, nothing: str) -> Answer:
    if made.is_empty:
        return Answer(is_good=True, lines="\n".join([nothing, *plan_lines(made)]))
    save_plan(made, board.settings.handoff_home)
    return Answer(is_good=True, lines=f"{made.plan_id} is made; nothing has been written. Read it below.", plan_id=made.plan_id)


def _refused(board: Board, error: HandoffError, what: str, by: str) -> Answer:
    record_refusal(board.settings.handoff_home, error, what, by)
    return Answer(is_good=False, lines=error.sentence)
