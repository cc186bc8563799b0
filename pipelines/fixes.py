"""``handoff plan``, ``show``, ``approve``, ``apply`` and ``undo``: what they print, and their exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.actions.approvals import approvals_of, approve, open_demands
from pipelines.actions.plan import Scope, find_plan, make_plan, save_plan
from pipelines.actions.refusals import PlanRefused, refuse_altered_ledger
from pipelines.actions.rehearsal import rehearse_plan
from pipelines.actions.rendering import life_lines, plan_lines, result_lines
from pipelines.actions.roles import NotAllowed, Role, require
from pipelines.actions.store import PlanLife, PlanState, lives_of, load_plan, refuse_forgotten, seal_on, state_of
from pipelines.actions.undo import undo_plan
from pipelines.decisions import author
from pipelines.errors import ConfigurationError, HandoffError, file_problem
from pipelines.ledger import Ledger
from pipelines.packets import find_deal
from pipelines.progress import ConsoleProgress
from pipelines.reports import printable
from pipelines.sandbox.attachment import attached
from pipelines.settings import VENDORS
from pipelines.warehouse import open_current

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from pipelines.actions.records import ApplyResult, Plan
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.warehouse import Snapshot

# Their own, so that a script can tell "changes are planned" (2) and "some failed" (3) from "it could not be tried" (1).
EXIT_ERROR: Final = 1
EXIT_LOCKED: Final = 75


def record_refusal(home: Path, error: HandoffError, what: str, by: str) -> None:
    """Record in the ledger that somebody was refused ``what``; other errors are no refusals and leave no row."""
    if isinstance(error, NotAllowed | PlanRefused):
        with Ledger.open(home) as ledger:
            ledger.record_event(f"{what.split(' ', 1)[0]}_refused", what, error.sentence, at=clock.now(), actor=by)


def failure(err: Console, error: HandoffError | OSError, settings: Settings | None = None, what: str = "", by: str = "") -> int:
    """Print what went wrong and return the exit code; a refusal is recorded in the ledger, with who asked for ``what``."""
    known = file_problem(error) if isinstance(error, OSError) else error
    if settings is not None:
        record_refusal(settings.handoff_home, known, what, by)
    err.print(printable(known.sentence), markup=False)
    return EXIT_LOCKED if known.exit_code == EXIT_LOCKED else EXIT_ERROR


def _check_scope(snapshot: Snapshot, rules: Rules, scope: Scope) -> Scope:
    """Return the scope with the deal's id. Raises ConfigurationError for a filter that nothing can meet: an empty plan would say too much."""
    rule_ids = {row["rule_id"].casefold() for row in rules.table("rule_findings")}
    unknown = [rule_id for rule_id in scope.rule_ids if rule_id.casefold() not in rule_ids]
    if unknown:
        raise ConfigurationError(
            f"There is no rule {unknown[0]!r}. `handoff rules check` and docs/rules.md name those there are."
        )
    strange = [system for system in scope.systems if system.casefold() not in VENDORS]
    if strange:
        raise ConfigurationError(f"Nothing is written to {strange[0]!r}. Give one of {', '.join(VENDORS)}.")
    if scope.owner is not None:
        owners = [row["owner"] for row in snapshot.rows("select distinct owner from marts.fct_findings where owner is not null")]
        if not any(scope.owner.casefold() in owner.casefold() for owner in owners):
            raise ConfigurationError(f"Nobody called {scope.owner!r} owns a finding. `handoff report findings` names the owners.")
    deal_id = scope.deal_id if scope.deal_id is None else find_deal(snapshot, scope.deal_id)
    return Scope(scope.rule_ids, deal_id, scope.owner, scope.systems)


def plan_fixes(
    out: Console,
    err: Console,
    settings: Settings,
    rules: Rules,
    *,
    scope: Scope,
    limit: int | None,
    by: str | None = None,
) -> int:
    """Make a plan from the snapshot and the vendors' live values, store it if it holds changes, print it. Writes to no vendor.

    The deal of ``scope`` may be named by its id, its name, or a part of the name that no other deal has.
    """
    try:
        snapshot = open_current(settings.handoff_home)
        scope = _check_scope(snapshot, rules, scope)
        with attached(settings) as sandbox_url:
            plan = make_plan(
                snapshot.rows,
                settings,
                rules,
                now=clock.now(),
                scope=scope,
                limit=limit,
                proposer=by,
                sandbox_url=sandbox_url,
            )
        if not plan.is_empty:
            save_plan(plan, settings.handoff_home)
    except (HandoffError, OSError) as error:
        return failure(err, error, settings, "plan", author(by))
    return _print_plan(out, err, plan, rules, "There is nothing to apply.")


def undo_fixes(out: Console, err: Console, settings: Settings, rules: Rules, name: str, *, by: str | None) -> int:
    """Make, store and print the plan that takes back what an applied plan, or one change, wrote. Writes to no vendor."""
    person = author(by)
    try:
        snapshot = open_current(settings.handoff_home)
        with attached(settings) as sandbox_url, Ledger.open(settings.handoff_home) as ledger:
            refuse_altered_ledger(ledger)
            plan = undo_plan(
                ledger, name, snapshot.rows, settings, rules, now=clock.now(), proposer=person, sandbox_url=sandbox_url
            )
        if not plan.is_empty:
            save_plan(plan, settings.handoff_home)
    except (HandoffError, OSError) as error:
        return failure(err, error, settings, f"undo {name}", person)
    return _print_plan(out, err, plan, rules, "There is nothing to take back.")


def _print_plan(out: Console, err: Console, plan: Plan, rules: Rules, nothing: str) -> int:
    if plan.is_sandbox:
        err.print("SANDBOX: the changes are about the invented organisation.", markup=False)
    for line in plan_lines(plan):
        out.print(line, markup=False, soft_wrap=True)
    if plan.is_empty:
        out.print(nothing if not plan.left_for_later else "Nothing of what was looked at is to be applied; raise --max.")
    elif plan.stopping_guards:
        out.print(
            f"A guard stops this plan ({plan.stopping_guards[0].guard}), so it cannot be applied. Narrow it with --rule, --deal, --owner, "
            "--system or --max, or change the limit in rule_guards.csv, and plan again.",
            markup=False,
            soft_wrap=True,
        )
    else:
        out.print(_next_step(plan.plan_id, open_demands(plan, [], rules)), markup=False, soft_wrap=True)
    return plan.exit_code


def _next_step(plan_id: str, demands: Sequence[str]) -> str:
    if demands:
        return f"Approve it with `handoff approve {plan_id} --by NAME`, then apply it with `handoff apply {plan_id}`; nothing has been written."
    return f"Apply it with `handoff apply {plan_id}`; nothing has been written."


def show_fixes(out: Console, err: Console, settings: Settings, rules: Rules, name: str) -> int:
    """Print a stored plan in full: its changes, guards, approvals and state, and what came of it."""
    person = author(None)
    try:
        require(rules, person, Role.viewer)
        path = find_plan(name, settings.handoff_home)
        plan, seal = load_plan(path, settings.handoff_home), seal_on(path, settings.handoff_home)
        with Ledger.open(settings.handoff_home) as ledger:
            life = lives_of(ledger).get(plan.plan_id, PlanLife())
            approvals = approvals_of(ledger, plan.plan_id, seal)
            results = [row for row in reversed(ledger.change_rows(plan.plan_id)) if row["phase"] in {"result", "verified"}]
            refuse_altered_ledger(ledger)
            refuse_forgotten(path, life)
        state = state_of(plan, life, clock.now())
        demands = open_demands(plan, approvals, rules) if state is PlanState.open else []
    except (HandoffError, OSError) as error:
        return failure(err, error, settings, f"show {name}", person)
    for line in [*plan_lines(plan), *life_lines(plan, state, life, approvals=approvals, demands=demands, results=results)]:
        out.print(line, markup=False, soft_wrap=True)
    return 0


def approve_fixes(
    out: Console, err: Console, settings: Settings, rules: Rules, name: str, *, change_ids: Sequence[str] | None, by: str | None
) -> int:
    """Record in the ledger that somebody approves a plan, or the changes named, and print it."""
    person = author(by)
    try:
        path = find_plan(name, settings.handoff_home)
        with Ledger.open(settings.handoff_home) as ledger:
            approval = approve(path, settings.handoff_home, rules, ledger, now=clock.now(), person=person, change_ids=change_ids)
    except (HandoffError, OSError) as error:
        return failure(err, error, settings, f"approve {name}", person)
    count = len(approval.change_ids)
    out.print(
        f"{printable(person)} approves {count} change{'s' * (count != 1)} of {path.stem}. Apply with `handoff apply {path.stem}`.",
        markup=False,
        soft_wrap=True,
    )
    return 0


def apply_fixes(
    out: Console,
    err: Console,
    settings: Settings,
    rules: Rules,
    name: str,
    *,
    by: str | None = None,
    is_rehearsal: bool = False,
) -> int:
    """Carry out a stored plan, or only rehearse it, and print what came of each change."""
    try:
        path = find_plan(name, settings.handoff_home)
        if load_plan(path, settings.handoff_home).is_sandbox:
            err.print("SANDBOX: what is written goes to the invented organisation.", markup=False)
        with attached(settings) as sandbox_url, Ledger.open(settings.handoff_home) as ledger:
            if is_rehearsal:
                result = rehearse_plan(
                    path, settings, rules, ledger, now=clock.now(), operator=author(by), sandbox_url=sandbox_url
                )
            else:
                result = _applied(err, settings, rules, ledger, path, operator=author(by), sandbox_url=sandbox_url)
    except (HandoffError, OSError) as error:
        return failure(err, error)
    for line in result_lines(result):
        (err if result.refused else out).print(line, markup=False, soft_wrap=True)
    if is_rehearsal:
        out.print("This was a rehearsal: nothing was written.")
    elif result.refused is None:
        out.print(_what_follows(result, is_undo=load_plan(path, settings.handoff_home).undoes is not None), markup=False)
    return result.exit_code


def _what_follows(result: ApplyResult, *, is_undo: bool) -> str:
    """Return the next step after an apply."""
    if result.exit_code != 0:
        return "`handoff sync` reads the vendors again; then `handoff plan` proposes what is still to be done."
    if is_undo:
        return "`handoff sync` reads the vendors again; what was taken back is then found again, where it is still amiss."
    return "`handoff sync` reads the vendors again; what was fixed is then gone from the reports."


def _applied(
    err: Console, settings: Settings, rules: Rules, ledger: Ledger, path: Path, *, operator: str, sandbox_url: str | None
) -> ApplyResult:
    progress = ConsoleProgress(err)
    with progress.running():
        return apply_plan(
            path, settings, rules, ledger, now=clock.now(), operator=operator, progress=progress, sandbox_url=sandbox_url
        )
