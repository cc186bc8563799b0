"""``handoff rules``: a profile of one's own, whether the rule tables are in order, and a rule tried on the past."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.clock import today_in
from pipelines.commands.console import load, out, read_settings, say, stop
from pipelines.errors import ConfigurationError, HandoffError
from pipelines.reports import as_json, printable
from pipelines.rules import load_rules, mistakes_in
from pipelines.settings import PROJECT_ROOT

app = typer.Typer(no_args_is_help=True, help="Make a profile, check the rule tables, or try a rule on the past.")


@app.command("check")
def rules_check() -> None:
    """Name every mistake in the rule tables, with file, line and column."""
    try:
        directory = read_settings().rules_dir
    except HandoffError as error:
        stop(error)
    mistakes = mistakes_in(directory)
    for mistake in mistakes:
        say(mistake.sentence)
    if mistakes:
        say(
            f"{len(mistakes)} {'mistake' if len(mistakes) == 1 else 'mistakes'} in {directory}. Mend them; nothing runs before that."
        )
        raise typer.Exit(ConfigurationError.exit_code)
    loaded = load_rules(directory)
    modes = [f"{row['rule_id']} is {row['mode']}" for row in loaded.table("rule_modes")]
    say(f"{len(loaded.table('rule_findings'))} rules in {directory} are in order{''.join(f'; {mode}' for mode in modes)}.")
    holidays = loaded.holidays_to_add(today_in(loaded.organisation["timezone"]))
    if holidays is not None:
        say(holidays)


@app.command("init")
def rules_init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the profile is made; it must not be there yet.")],
    shipped: Annotated[
        str | None, typer.Option("--from", metavar="PROFILE", help="The profile to begin with: default, or a folder.")
    ] = None,
) -> None:
    """Propose an organisation's own profile from what its portal, base and projects have; guesses nothing, overwrites nothing."""
    from pipelines.drafts import PAGE, check_place, drafted, write

    try:
        settings = read_settings()
        base = settings.rules_dir if shipped is None else Path(shipped)
        if not base.is_dir() and shipped is not None:
            base = PROJECT_ROOT / "dbt/seeds" / shipped
        check_place(folder)
        # the sandbox works as the profile says
        draft = drafted(settings.model_copy(update={"rules_dir": base}), load_rules(base), say)
        tables = write(draft, folder, base)
    except HandoffError as error:
        stop(error)
    out.print(f"{folder}: based on {base.name}, with {', '.join(tables) or 'no table of its own'}.", markup=False)
    sure = sum(item.confidence == "sure" for item in draft.proposals)
    out.print(f"{len(draft.proposals)} proposals, {sure} of them sure; {folder / PAGE} has the reason for each.", markup=False)
    if draft.unknown:
        out.print(f"{len(draft.unknown)} things are not known and were left out or left as they ship:", markup=False)
        for item in draft.unknown:
            out.print(f"  {printable(f'{item.part}, {item.subject}: {item.reason}. Next: {item.next_step}.')}", markup=False)
    out.print(f"Set RULES_DIR={folder.absolute()}, then run `handoff doctor`.", markup=False)


@app.command("backtest")
def rules_backtest(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule's id, such as SG06.")],
    as_json_rows: Annotated[bool, typer.Option("--json", help="As JSON, a row for each day and finding.")] = False,
) -> None:
    """Say what a rule would have found over the past year, on the snapshots that are kept."""
    from pipelines.backtest import as_rows, backtest, print_points

    settings, rules = load()
    try:
        points = backtest(settings.handoff_home, rules, rule, say=say)
    except HandoffError as error:
        stop(error)
    if as_json_rows:
        sys.stdout.write(as_json(as_rows(rule, points)) + "\n")
    else:
        print_points(out, rule, points)
