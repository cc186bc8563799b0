"""``handoff sync``, ``status`` and ``doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.console import AsOf, end_on_interrupt, err, load, out, read_settings, say, stop
from pipelines.errors import ConfigurationError, HandoffError, file_problem
from pipelines.progress import ConsoleProgress
from pipelines.reports import printable
from pipelines.settings import VENDORS

app = typer.Typer()


@app.command()
def sync(  # noqa: PLR0917 - typer hands them over by keyword
    as_of: AsOf = None,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Publish although many records vanished at once.")
    ] = False,
    fresh_sandbox: Annotated[bool, typer.Option("--fresh-sandbox", help="Forget what was written into the sandbox.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Leave out the summary; `handoff status` prints it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object, for programs.")] = False,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="Read only this source, and keep the others as they are; may be repeated."),
    ] = None,
) -> None:
    """Read every source, build the reports and publish a snapshot."""
    from pipelines.actions.closing import note_sandbox_reset
    from pipelines.commands.notifying import tell_after_run
    from pipelines.notify.heartbeat import beat
    from pipelines.sandbox.attachment import state_file
    from pipelines.summary import json_summary, print_summary
    from pipelines.sync import as_of_date, source_lines
    from pipelines.sync import sync as run_sync
    from pipelines.warehouse import Locked

    settings, rules = load()
    unknown = sorted(set(source or ()) - set(VENDORS))
    if unknown:
        stop(ConfigurationError(f"There is no source {unknown[0]!r} to read. Give one of {', '.join(VENDORS)}."))
    if fresh_sandbox:
        state_file(settings.handoff_home).unlink(missing_ok=True)
        note_sandbox_reset(settings.handoff_home)
    day = as_of_date(settings, rules, as_of.date() if as_of else None)
    progress = ConsoleProgress(err)
    end_on_interrupt()

    def tell_monitor(signal: str, said: str = "") -> None:
        if not source:  # the monitor waits for whole runs, and one of a single source must not stand for them
            hear(beat(settings, signal, said))

    tell_monitor("start")
    try:
        with progress.running():
            result = run_sync(
                settings, rules, as_of=day, progress=progress, accept_shrink=accept_shrink, only=frozenset(source or ())
            )
    except (HandoffError, OSError) as failed:
        error = file_problem(failed) if isinstance(failed, OSError) else failed
        if error.exit_code != Locked.exit_code:  # the run that holds the home tells
            tell_after_run(settings, rules)
        tell_monitor(str(error.exit_code), error.sentence)
        stop(error)
    except Exception:  # whatever it is, people and the monitor hear that the run ended
        tell_after_run(settings, rules)
        tell_monitor(str(HandoffError.exit_code))
        raise
    tell_after_run(settings, rules)
    tell_monitor(str(result.exit_code), result.held or "\n".join(source_lines(rules, result)))
    if result.held is not None:
        say(f"HELD: {result.held}")
    if as_json:
        out.print(json_summary(settings, result), markup=False, soft_wrap=True)
    elif result.held is None and not brief:
        print_summary(out, settings, rules, result)
    raise typer.Exit(result.exit_code)


def hear(complaint: str | None) -> None:
    """Say what a heartbeat complains of, if it does."""
    if complaint is not None:
        say(complaint)


@app.command()
def status() -> None:
    """Say what the published snapshot holds, how fresh each source is, and the summary."""
    from pipelines.summary import print_status
    from pipelines.warehouse import open_current

    settings, rules = load(will_write=False)
    try:
        print_status(out, settings, rules, open_current(settings.handoff_home))
    except HandoffError as error:
        stop(error)


@app.command()
def doctor() -> None:
    """Check settings, rules, access and snapshots; each line with the next step. Exit 2 when something must be done."""
    from pipelines.doctor import examine

    try:
        settings = read_settings()
    except HandoffError as error:
        stop(error)
    is_ok = True
    for line in examine(settings):
        is_ok = is_ok and line.is_ok
        out.print(f"{'ok  ' if line.is_ok else 'DO  '} {printable(line.text)}", markup=False, soft_wrap=not out.is_terminal)
    raise typer.Exit(0 if is_ok else 2)
