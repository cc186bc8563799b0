"""``handoff plan``, ``show``, ``approve``, ``apply``, ``undo`` and ``audit``: the commands around writing back."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from pipelines.commands.console import By, err, load, out
from pipelines.settings import Settings

app = typer.Typer()

PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id or file, as `handoff plan` printed it, or latest.")]


def _end(settings: Settings, exit_code: int) -> NoReturn:
    """Tell programs that listen, and end the command."""
    from pipelines.commands.notifying import tell_programs

    tell_programs(settings)
    raise typer.Exit(exit_code)


@app.command()
def plan(  # noqa: PLR0917 - typer hands them over by keyword
    rule: Annotated[list[str] | None, typer.Option(help="Only fixes of this rule; give it again for another.")] = None,
    deal: Annotated[str | None, typer.Option(help="Only fixes of this deal: its id, its name, or a part of it.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only fixes of findings that this person owns.")] = None,
    system: Annotated[list[str] | None, typer.Option(help="Only changes in this vendor, such as hubspot.")] = None,
    limit: Annotated[int | None, typer.Option("--max", min=1, help="At most this many changes.")] = None,
    by: By = None,
) -> None:
    """List the changes that would fix findings. Exit 0: nothing to do, 2: changes are planned, 1: error."""
    from pipelines.actions.plan import Scope
    from pipelines.fixes import EXIT_ERROR, plan_fixes

    settings, rules = load(exit_code=EXIT_ERROR)
    scope = Scope(rule or (), deal, owner, system or ())
    _end(settings, plan_fixes(out, err, settings, rules, scope=scope, limit=limit, by=by))


@app.command()
def show(plan_name: PlanName) -> None:
    """Print a stored plan with its approvals, its state, and what came of it. Exit 1: it cannot be used."""
    from pipelines.fixes import EXIT_ERROR, show_fixes

    settings, rules = load(exit_code=EXIT_ERROR)
    raise typer.Exit(show_fixes(out, err, settings, rules, plan_name))


@app.command()
def approve(
    plan_name: PlanName,
    change: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this change; give it again for another. Others are left out.")
    ] = None,
    by: By = None,
) -> None:
    """Record in the ledger that somebody approves a plan, or some of its changes. Exit 1: refused."""
    from pipelines.fixes import EXIT_ERROR, approve_fixes

    settings, rules = load(exit_code=EXIT_ERROR)
    raise typer.Exit(approve_fixes(out, err, settings, rules, plan_name, change_ids=change, by=by))


@app.command("apply")
def apply_command(
    plan_name: PlanName,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read every target again and say what would come of it; write nothing.")
    ] = False,
    by: By = None,
) -> None:
    """Write a plan to the vendors. Exit 0: all applied, 3: some conflicted or failed, 1: refused."""
    from pipelines.fixes import EXIT_ERROR, apply_fixes

    settings, rules = load(exit_code=EXIT_ERROR)
    _end(settings, apply_fixes(out, err, settings, rules, plan_name, by=by, is_rehearsal=dry_run))


@app.command()
def undo(
    name: Annotated[
        str, typer.Argument(metavar="RUN|CHANGE", help="A plan that was applied (latest: the last one), or one change of it.")
    ],
    by: By = None,
) -> None:
    """Make a plan that takes back what was written, except where somebody touched it since. Exit 0: nothing, 2: changes, 1: error."""
    from pipelines.fixes import EXIT_ERROR, undo_fixes

    settings, rules = load(exit_code=EXIT_ERROR)
    _end(settings, undo_fixes(out, err, settings, rules, name, by=by))


@app.command()
def audit(
    action: Annotated[
        str | None, typer.Argument(metavar="[verify]", help="verify: check that every row is as it was written.")
    ] = None,
    plan_id: Annotated[str | None, typer.Option("--plan", metavar="PLAN", help="Only the rows of this plan.")] = None,
    limit: Annotated[int, typer.Option("--max", min=1, help="At most this many rows.")] = 100,
) -> None:
    """List what was run, planned, approved, written and decided; or verify the ledger. Exit 1: it was altered."""
    from pipelines.audit import EXIT_ERROR, print_audit

    settings, rules = load(will_write=False, exit_code=EXIT_ERROR)
    raise typer.Exit(print_audit(out, err, settings, rules, action=action, plan=plan_id, limit=limit))
