"""Does for a page what `handoff plan`, `approve`, `apply` and `undo` do: the same functions, guards, roles, lock and ledger.

Without a log-in whoever reaches the dashboard's port acts as the user who started it, so what writes with that user's tokens, or lets
others write, is done here for the sandbox only. Whoever logged in acts in the own name, with the roles that ``rule_roles.csv`` gives.
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
    from pipelines.rules import Rules


@dataclass(frozen=True)
class Answer:
    """What a command said: whether it did what it was asked, its lines, and the plan that it made."""

    is_good: bool
    lines: str
    plan_id: str | None = None


def user(board: Board) -> str:
    """Return who a page acts as: whoever logged in, else the user of the operating system that serves it."""
    return _logged_in(board) or author(None)


def _logged_in(board: Board) -> str | None:
    return board.person.email if board.person is not None else None


def rules_of(board: Board) -> Rules:
    """Return the rules in force; for somebody who logged in with the roles of that person alone."""
    rules = load_rules(board.settings.rules_dir)
    return rules if board.person is None else board.person.narrowed(rules)


def may_write(board: Board, plan: Plan) -> bool:
    """Return whether a page may approve and apply the plan: somebody logged in, or all of it goes to the sandbox."""
    return board.person is not None or (bool(plan.places) and all(place.is_sandbox for place in plan.places))


def may_apply(board: Board, plan: Plan) -> bool:
    """Return whether a page may apply the plan: it may write, and no guard stops the plan."""
    return may_write(board, plan) and not plan.stopping_guards


def plan(board: Board, scope: Scope) -> Answer:
    """Make and store a plan from the snapshot that the page shows. Writes to no vendor."""
    settings = board.settings
    try:
        rules = rules_of(board)
        with attached(settings) as sandbox_url:
            made = make_plan(
                board.reader.rows,
                settings,
                rules,
                now=clock.now(),
                scope=scope,
                sandbox_url=sandbox_url,
                proposer=_logged_in(board),
            )
        return _stored(board, made, "There is nothing to apply.")
    except HandoffError as error:
        return _refused(board, error, "plan", user(board))


def undo(board: Board, name: str) -> Answer:
    """Make and store the plan that takes back what an applied plan, or one change, wrote. Writes to no vendor."""
    settings = board.settings
    try:
        rules = rules_of(board)
        with attached(settings) as sandbox_url, Ledger.open(settings.handoff_home) as ledger:
            refuse_altered_ledger(ledger)
            made = undo_plan(
                ledger,
                name,
                board.reader.rows,
                settings,
                rules,
                now=clock.now(),
                sandbox_url=sandbox_url,
                proposer=_logged_in(board),
            )
        return _stored(board, made, "There is nothing to take back.")
    except HandoffError as error:
        return _refused(board, error, f"undo {name}", user(board))


def approve(board: Board, plan_id: str, change_ids: Sequence[str], by: str) -> Answer:
    """Record that somebody approves a plan, or only the changes named."""
    home = board.settings.handoff_home
    person = _logged_in(board) or author(by)
    try:
        rules = rules_of(board)
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
            rules_of(board),
            ledger,
            now=clock.now(),
            operator=user(board),
            sandbox_url=sandbox_url,
        )


def begin_apply(board: Board, stored: Plan, by: str) -> jobs.Job:
    """Begin to carry out a stored plan; see :func:`may_apply`."""
    settings = board.settings
    home = settings.handoff_home
    if not may_apply(board, stored):
        raise HandoffError(f"{stored.plan_id} is not applied from a page. Run `handoff apply {stored.plan_id}`.")

    def work(progress: Progress) -> ApplyResult:
        rules = rules_of(board)
        with attached(settings) as sandbox_url, Ledger.open(home) as ledger:
            return apply_plan(
                find_plan(stored.plan_id, home),
                settings,
                rules,
                ledger,
                now=clock.now(),
                operator=_logged_in(board) or author(by),
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
