"""The ``handoff`` command: parses, prints, returns exit codes; nothing else."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from pipelines.catalogue import REPORTS
from pipelines.documents import PageFormat, Side
from pipelines.errors import ConfigurationError, HandoffError, file_problem
from pipelines.overviews import OVERVIEWS
from pipelines.progress import ConsoleProgress
from pipelines.report_shapes import ReportFormat, Severity
from pipelines.reports import Filters, as_json, printable
from pipelines.rules import Rules, load_rules, mistakes_in
from pipelines.settings import Settings, ambient_environment, load_settings

if TYPE_CHECKING:
    from pipelines.sources.files import FileImport

app = typer.Typer(
    name="handoff",
    help="Keeps promises between the people who sell an agreement and the people who deliver it.",
    no_args_is_help=True,
    # tracebacks with local variables would show tokens
    pretty_exceptions_enable=False,
    add_completion=False,
)
import_app = typer.Typer(help="Load files that people hand in.", no_args_is_help=True)
app.add_typer(import_app, name="import")
rules_app = typer.Typer(no_args_is_help=True, help="Check the rule tables, or try a rule on the past.")
app.add_typer(rules_app, name="rules")

# what shells say of a command that Ctrl-C ended
EXIT_INTERRUPTED: Final = 130

out = Console(soft_wrap=False, highlight=False)
# in a log, one sentence is one line
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Freeze the clock: the date that the reports speak of."),
]


def _say(sentence: str) -> None:
    err.print(printable(sentence), markup=False)


def _stop(error: HandoffError, exit_code: int | None = None) -> NoReturn:
    _say(error.sentence)
    raise typer.Exit(error.exit_code if exit_code is None else exit_code)


def _settings() -> Settings:
    """Read the settings. Raises ConfigurationError."""
    try:
        return load_settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        words = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigurationError(
            f"The setting {name} is not usable: {words}. Change it in the environment or in .env."
        ) from error


def _end_on_interrupt() -> None:
    """Let Ctrl-C end this process at once: a run costs nothing but its time, and libraries that catch it would carry on."""

    def end(*_: object) -> NoReturn:
        sys.stderr.write("\nStopped. The last published snapshot stays in use; run the command again for a new one.\n")
        sys.stderr.flush()
        os._exit(EXIT_INTERRUPTED)

    signal.signal(signal.SIGINT, end)


def _load(*, will_write: bool = True, exit_code: int | None = None) -> tuple[Settings, Rules]:
    """Return what every command needs, or stop with the sentence; ``exit_code`` where a command's own codes mean something else."""
    from pipelines.warehouse import check_home

    try:
        settings = _settings()
        check_home(settings.handoff_home, will_write=will_write)
        return settings, load_rules(settings.rules_dir)
    except HandoffError as error:
        _stop(error, exit_code)


@app.command()
def sync(
    as_of: AsOf = None,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Publish although many records vanished at once.")
    ] = False,
    fresh_sandbox: Annotated[bool, typer.Option("--fresh-sandbox", help="Forget what was written into the sandbox.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Leave out the summary; `handoff status` prints it.")] = False,
) -> None:
    """Read every source, build the reports and publish a snapshot."""
    from pipelines.actions.closing import note_sandbox_reset
    from pipelines.sandbox.attachment import state_file
    from pipelines.summary import print_summary
    from pipelines.sync import as_of_date
    from pipelines.sync import sync as run_sync

    settings, rules = _load()
    if fresh_sandbox:
        state_file(settings.handoff_home).unlink(missing_ok=True)
        note_sandbox_reset(settings.handoff_home)
    day = as_of_date(settings, rules, as_of.date() if as_of else None)
    progress = ConsoleProgress(err)
    _end_on_interrupt()
    try:
        with progress.running():
            result = run_sync(settings, rules, as_of=day, progress=progress, accept_shrink=accept_shrink)
    except HandoffError as error:
        _stop(error)
    if result.held is not None:
        _say(f"HELD: {result.held}")
    elif not brief:
        print_summary(out, settings, rules, result)
    raise typer.Exit(result.exit_code)


@app.command()
def report(  # noqa: PLR0917 - typer hands them over by keyword
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=f"{', '.join(REPORTS | OVERVIEWS)}.")],
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How it is written.")] = ReportFormat.table,
    owner: Annotated[str | None, typer.Option(help="Only what this person owns.")] = None,
    team: Annotated[str | None, typer.Option(help="Only the findings of this team, such as BD or PS.")] = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="Only findings this severe; give it again for another.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only what is known since this day, in reports that say since when."),
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As it was on this day, from the snapshots that are kept.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write into this file instead; xlsx needs one.")] = None,
) -> None:
    """Print a report from the published snapshot, or write it into a file."""
    from pipelines.reporting import print_reports

    settings, _ = _load(will_write=False)
    filters = Filters(owner, team, severity or (), since.date() if since else None)
    try:
        print_reports(
            out,
            err,
            settings,
            names,
            output_format=output_format,
            filters=filters,
            output=output,
            as_of=as_of.date() if as_of else None,
        )
    except HandoffError as error:
        _stop(error)


Output = Annotated[Path | None, typer.Option(help="Write into this file instead.")]
Page = Annotated[PageFormat, typer.Option("--format", help="How it is written.")]


@app.command()
def packet(  # noqa: PLR0917 - typer hands them over by keyword
    deal: Annotated[
        str, typer.Argument(metavar="DEAL", help="The deal's HubSpot id, its name, or a part of it that no other has.")
    ],
    output_format: Page = PageFormat.md,
    output: Output = None,
    accept: Annotated[bool, typer.Option("--accept", help="Record in the ledger that a side accepts this packet.")] = False,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who accepts it.")] = None,
    side: Annotated[Side | None, typer.Option(help="For which side.")] = None,
) -> None:
    """Print the one-page handoff packet of a deal, with its hash and what has changed since both sides accepted it."""
    from pipelines.papers import print_packet

    settings, _ = _load(will_write=accept)
    try:
        print_packet(err, settings, deal, output_format=output_format, output=output, accept=accept, by=by, side=side)
    except HandoffError as error:
        _stop(error)


@app.command()
def brief(
    community: Annotated[str, typer.Argument(metavar="COMMUNITY", help="Its name, or a part of it that no other has.")],
    output_format: Page = PageFormat.md,
    output: Output = None,
) -> None:
    """Print the check-in pack of a community: agreements, renewals, delivery, costs, people, open findings."""
    from pipelines.papers import print_brief

    settings, _ = _load(will_write=False)
    try:
        print_brief(settings, community, output_format=output_format, output=output)
    except HandoffError as error:
        _stop(error)


@app.command()
def decide(
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="The finding's id, as reports show it.")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="ack, snooze, waive, or reopen.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; shown wherever the finding is.")] = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of a snooze: the day on which it is back.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who decides; else the user of the operating system.")] = None,
) -> None:
    """Record what somebody decides about a finding: acknowledge, snooze, waive, or reopen (take it back)."""
    from pipelines.decisions import Decision, kind_named
    from pipelines.decisions import decide as record
    from pipelines.sync import as_of_date

    settings, rules = _load()
    try:
        decision = Decision(finding, kind_named(kind), reason, until.date() if until else None, by)
        _say(record(settings.handoff_home, decision, today=as_of_date(settings, rules, None)))
    except HandoffError as error:
        _stop(error)


@import_app.command("costs")
def import_costs(
    file: Annotated[
        str,
        typer.Argument(
            help="A FOCUS 1.x cost file (CSV, CSV.GZ or Parquet), or the folder or s3://bucket/prefix of AWS Data Exports."
        ),
    ],
    as_of: AsOf = None,
) -> None:
    """Load cloud costs from a FOCUS file, or from AWS Data Exports what changed since the last import; they join the cost models."""
    from pipelines.sources.files import open_focus_file
    from pipelines.sources.files_exports import open_cost_exports

    settings, rules = _load()
    _end_on_interrupt()
    try:
        exports = open_cost_exports(file, settings) if file.startswith("s3://") or Path(file).is_dir() else None
        costs = exports or open_focus_file(Path(file))
    except HandoffError as error:
        _stop(error)
    _import(costs, settings, rules, as_of)
    out.print(f"{costs.row_count:,} rows of {costs.path.name} are in the cost models.", markup=False)
    if exports is not None:
        out.print(
            f"Billing periods: {len(exports.read)} read, {len(exports.unchanged)} as they were at the last import.", markup=False
        )
    _print_set_aside(costs)


@import_app.command("usage")
def import_usage(
    file: Annotated[
        Path, typer.Argument(help="A CSV file with a hub (engagement, hub or cluster), a date or month, and users or user.")
    ],
    as_of: AsOf = None,
) -> None:
    """Load how many people, or who, used each hub by day or month; delivery verification reads it."""
    from pipelines.sources.files_usage import open_usage_file

    settings, rules = _load()
    try:
        usage = open_usage_file(file, settings, rules)
    except HandoffError as error:
        _stop(error)
    _import(usage, settings, rules, as_of)
    out.print(f"{usage.row_count:,} rows of {usage.path.name} are in delivery verification.", markup=False)
    _print_set_aside(usage)


@import_app.command("invoices")
def import_invoices(
    file: Annotated[Path, typer.Argument(help="A CSV file with a row for each line of an invoice.")],
    as_of: AsOf = None,
) -> None:
    """Load what was billed for which deal and what of it was paid; the billing report reads it."""
    from pipelines.sources.files_invoices import open_invoice_file

    settings, rules = _load()
    try:
        invoices = open_invoice_file(file)
    except HandoffError as error:
        _stop(error)
    _import(invoices, settings, rules, as_of)
    out.print(f"{invoices.row_count:,} rows of {invoices.path.name} are in the billing models.", markup=False)
    _print_set_aside(invoices)


def _import(imported: FileImport, settings: Settings, rules: Rules, as_of: datetime | None) -> None:
    """Load one file into a new snapshot; end the command when that did not come about."""
    from pipelines.sync import as_of_date
    from pipelines.sync import sync as run_sync

    progress = ConsoleProgress(err)
    _end_on_interrupt()
    try:
        with progress.running():
            result = run_sync(
                settings,
                rules,
                as_of=as_of_date(settings, rules, as_of.date() if as_of else None),
                progress=progress,
                imported=imported,
            )
    except HandoffError as error:
        _stop(error)
    if result.held is not None:
        _say(f"HELD: {result.held}")
        raise typer.Exit(result.exit_code)
    failed = next((outcome for outcome in result.outcomes if outcome.source == "files" and outcome.exit_code), None)
    if failed is not None:  # its sentence stands on the line of the source
        raise typer.Exit(failed.exit_code)


def _print_set_aside(imported: FileImport) -> None:
    if imported.quarantine:
        out.print(f"{len(imported.quarantine):,} rows were set aside and are listed under Sync health:", markup=False)
        for item in imported.quarantine[:20]:
            out.print(f"  {item.place}: {printable(item.reason)}", markup=False)
        out.print("Correct these lines in the file and import it again; it replaces its earlier rows.")


@rules_app.command("check")
def rules_check() -> None:
    """Name every mistake in the rule tables, with file, line and column."""
    try:
        directory = _settings().rules_dir
    except HandoffError as error:
        _stop(error)
    mistakes = mistakes_in(directory)
    for mistake in mistakes:
        _say(mistake.sentence)
    if mistakes:
        _say(
            f"{len(mistakes)} {'mistake' if len(mistakes) == 1 else 'mistakes'} in {directory}. Mend them; nothing runs before that."
        )
        raise typer.Exit(ConfigurationError.exit_code)
    loaded = load_rules(directory)
    modes = [f"{row['rule_id']} is {row['mode']}" for row in loaded.table("rule_modes")]
    _say(f"{len(loaded.table('rule_findings'))} rules in {directory} are in order{''.join(f'; {mode}' for mode in modes)}.")


@rules_app.command("backtest")
def rules_backtest(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule's id, such as SG06.")],
    as_json_rows: Annotated[bool, typer.Option("--json", help="As JSON, a row for each day and finding.")] = False,
) -> None:
    """Say what a rule would have found over the past year, on the snapshots that are kept."""
    from pipelines.backtest import as_rows, backtest, print_points

    settings, rules = _load()
    try:
        points = backtest(settings.handoff_home, rules, rule, say=_say)
    except HandoffError as error:
        _stop(error)
    if as_json_rows:
        sys.stdout.write(as_json(as_rows(rule, points)) + "\n")
    else:
        print_points(out, rule, points)


@app.command()
def status() -> None:
    """Say what the published snapshot holds, how fresh each source is, and the summary."""
    from pipelines.summary import print_status
    from pipelines.warehouse import open_current

    settings, rules = _load(will_write=False)
    try:
        print_status(out, settings, rules, open_current(settings.handoff_home))
    except HandoffError as error:
        _stop(error)


@app.command()
def doctor() -> None:
    """Check settings, rules, access and snapshots; each line with the next step. Exit 2 when something must be done."""
    from pipelines.doctor import examine

    try:
        settings = _settings()
    except HandoffError as error:
        _stop(error)
    is_ok = True
    for line in examine(settings):
        is_ok = is_ok and line.is_ok
        out.print(f"{'ok  ' if line.is_ok else 'DO  '} {printable(line.text)}", markup=False, soft_wrap=not out.is_terminal)
    raise typer.Exit(0 if is_ok else 2)


@app.command()
def sandbox(
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default SANDBOX_PORT.")] = None,
    deals: Annotated[int, typer.Option(help="Add this many healthy deals, to rehearse size.")] = 0,
    keep: Annotated[bool, typer.Option(help="Remember what is written, in HANDOFF_HOME/sandbox.")] = True,
) -> None:
    """Serve the vendors' sandbox on 127.0.0.1 and print its addresses and tokens as environment lines."""
    from pipelines.sandbox.attachment import state_file
    from pipelines.sandbox.server import environment_lines, serve
    from pipelines.sandbox.story import build_state

    settings, _ = _load()
    state = build_state(deals=deals)
    file = state_file(settings.handoff_home) if keep and not deals else None
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def announce(url: str) -> None:
        for line in environment_lines(url, state):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
        _say(f"The sandbox listens on {url}; stop it with Ctrl-C. Its controls are described in docs/sandbox.md.")

    try:
        serve(state, port=port or settings.sandbox_port, state_file=file, on_ready=announce)
    except HandoffError as error:
        _stop(error)


@app.command()
def dashboard(port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default DASHBOARD_PORT.")] = None) -> None:
    """Serve the dashboard on 127.0.0.1 and print its address."""
    from dashboards.launch import command

    settings, _ = _load()
    chosen = port or settings.dashboard_port
    out.print(f"Dashboard: http://127.0.0.1:{chosen} (stop it with Ctrl-C)", markup=False)
    out.file.flush()
    environment = ambient_environment() | {"HANDOFF_HOME": str(settings.handoff_home), "RULES_DIR": str(settings.rules_dir)}
    program = command(chosen)
    # in place of this process, so that whoever stops it stops the server, and no server is left behind
    os.execve(program[0], program, environment)  # noqa: S606 - no shell, our own command


PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id or file, as `handoff plan` printed it, or latest.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does this; else the user of the operating system.")]


@app.command()
def plan(  # noqa: PLR0917 - typer hands them over by keyword
    rule: Annotated[list[str] | None, typer.Option(help="Only fixes of this rule; give it again for another.")] = None,
    deal: Annotated[str | None, typer.Option(help="Only fixes of this deal: its id, its name, or a part of it.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only fixes of findings that this person owns.")] = None,
    system: Annotated[list[str] | None, typer.Option(help="Only changes in this vendor, such as hubspot.")] = None,
    limit: Annotated[int | None, typer.Option("--max", help="At most this many changes.")] = None,
    by: By = None,
) -> None:
    """List the changes that would fix findings. Exit 0: nothing to do, 2: changes are planned, 1: error."""
    from pipelines.actions.plan import Scope
    from pipelines.fixes import EXIT_ERROR, plan_fixes

    settings, rules = _load(exit_code=EXIT_ERROR)
    scope = Scope(rule or (), deal, owner, system or ())
    raise typer.Exit(plan_fixes(out, err, settings, rules, scope=scope, limit=limit, by=by))


@app.command()
def show(plan_name: PlanName) -> None:
    """Print a stored plan with its approvals, its state, and what came of it. Exit 1: it cannot be used."""
    from pipelines.fixes import EXIT_ERROR, show_fixes

    settings, rules = _load(exit_code=EXIT_ERROR)
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

    settings, rules = _load(exit_code=EXIT_ERROR)
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

    settings, rules = _load(exit_code=EXIT_ERROR)
    raise typer.Exit(apply_fixes(out, err, settings, rules, plan_name, by=by, is_rehearsal=dry_run))


@app.command()
def undo(
    name: Annotated[
        str, typer.Argument(metavar="RUN|CHANGE", help="A plan that was applied (latest: the last one), or one change of it.")
    ],
    by: By = None,
) -> None:
    """Make a plan that takes back what was written, except where somebody touched it since. Exit 0: nothing, 2: changes, 1: error."""
    from pipelines.fixes import EXIT_ERROR, undo_fixes

    settings, rules = _load(exit_code=EXIT_ERROR)
    raise typer.Exit(undo_fixes(out, err, settings, rules, name, by=by))


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

    settings, rules = _load(will_write=False, exit_code=EXIT_ERROR)
    raise typer.Exit(print_audit(out, err, settings, rules, action=action, plan=plan_id, limit=limit))


def main() -> None:
    """Run the command line. What the operating system refuses about a file is said in one sentence, as every other error is."""
    try:
        app()
    except OSError as error:
        known = file_problem(error)
        _say(known.sentence)
        sys.exit(known.exit_code)


if __name__ == "__main__":
    main()
