"""``handoff rules``: whether the rule tables are in order, and a rule tried on the past."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipelines.clock import today_in
from pipelines.commands.console import load, out, read_settings, say, stop
from pipelines.errors import ConfigurationError, HandoffError
from pipelines.reports import as_json
from pipelines.rules import load_rules, mistakes_in

app = typer.Typer(no_args_is_help=True, help="Check the rule tables, or try a rule on the past.")


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
