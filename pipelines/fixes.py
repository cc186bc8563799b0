"""``handoff plan`` and ``handoff apply``: makes, prints and carries out plans, and returns their exit codes."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Final

from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.actions.plan import find_plan, make_plan, save_plan
from pipelines.actions.rendering import plan_lines, result_lines
from pipelines.errors import HandoffError, file_problem
from pipelines.ledger import Ledger
from pipelines.progress import ConsoleProgress
from pipelines.reports import printable
from pipelines.sandbox.attachment import attached
from pipelines.warehouse import open_current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pipelines.rules import Rules
    from pipelines.settings import Settings

# Their own, so that a script can tell "changes are planned" (2) and "some failed" (3) from "it could not be tried" (1).
EXIT_ERROR: Final = 1
EXIT_LOCKED: Final = 75


def _failure(err: Console, error: HandoffError | OSError) -> int:
    known = file_problem(error) if isinstance(error, OSError) else error
    err.print(printable(known.sentence), markup=False)
    return EXIT_LOCKED if known.exit_code == EXIT_LOCKED else EXIT_ERROR


def plan_fixes(
    out: Console, err: Console, settings: Settings, rules: Rules, *, rule_ids: Sequence[str] | None, limit: int | None
) -> int:
    """Make a plan from the snapshot and the vendors' live values, store it if it holds changes, print it. Writes to no vendor."""
    try:
        snapshot = open_current(settings.handoff_home)
        with attached(settings) as sandbox_url:
            plan = make_plan(
                snapshot.rows, settings, rules, now=clock.now(), rule_ids=rule_ids, limit=limit, sandbox_url=sandbox_url
            )
        if not plan.is_empty:
            save_plan(plan, settings.handoff_home)
    except (HandoffError, OSError) as error:
        return _failure(err, error)
    if plan.is_sandbox:
        err.print("SANDBOX: the changes are about the invented organisation.", markup=False)
    for line in plan_lines(plan):
        out.print(line, markup=False, soft_wrap=True)
    if plan.is_empty:
        out.print("There is nothing to apply.")
    else:
        out.print(f"Apply it with `handoff apply {plan.plan_id}`; nothing has been written.", markup=False, soft_wrap=True)
    return plan.exit_code


def apply_fixes(out: Console, err: Console, settings: Settings, rules: Rules, name: str) -> int:
    """Carry out a stored plan and print what came of each change."""
    progress = ConsoleProgress(err)
    try:
        path = find_plan(name, settings.handoff_home)
        with attached(settings) as sandbox_url, Ledger.open(settings.handoff_home) as ledger, progress.running():
            result = apply_plan(
                path,
                settings,
                rules,
                ledger,
                now=clock.now(),
                approver=getpass.getuser(),
                progress=progress,
                sandbox_url=sandbox_url,
            )
    except (HandoffError, OSError) as error:
        return _failure(err, error)
    for line in result_lines(result):
        (err if result.refused else out).print(line, markup=False, soft_wrap=True)
    if result.refused is None:
        out.print("`handoff sync` reads the vendors again; what was fixed is then gone from the reports.", markup=False)
    return result.exit_code
