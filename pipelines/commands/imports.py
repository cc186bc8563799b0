"""``handoff import``: files that people hand in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.console import AsOf, end_on_interrupt, err, load, out, say, stop
from pipelines.errors import HandoffError
from pipelines.progress import ConsoleProgress
from pipelines.reports import printable
from pipelines.rules import Rules
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.sources.files import FileImport

app = typer.Typer(help="Load files that people hand in.", no_args_is_help=True)


@app.command("costs")
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

    settings, rules = load()
    end_on_interrupt()
    try:
        exports = open_cost_exports(file, settings) if file.startswith("s3://") or Path(file).is_dir() else None
        costs = exports or open_focus_file(Path(file))
    except HandoffError as error:
        stop(error)
    _import(costs, settings, rules, as_of)
    out.print(f"{costs.row_count:,} rows of {costs.path.name} are in the cost models.", markup=False)
    if exports is not None:
        out.print(
            f"Billing periods: {len(exports.read)} read, {len(exports.unchanged)} as they were at the last import.", markup=False
        )
    _print_set_aside(costs)


@app.command("usage")
def import_usage(
    file: Annotated[
        Path, typer.Argument(help="A CSV file with a hub (engagement, hub or cluster), a date or month, and users or user.")
    ],
    as_of: AsOf = None,
) -> None:
    """Load how many people, or who, used each hub by day or month; delivery verification reads it."""
    from pipelines.sources.files_usage import open_usage_file

    settings, rules = load()
    try:
        usage = open_usage_file(file, settings, rules)
    except HandoffError as error:
        stop(error)
    _import(usage, settings, rules, as_of)
    out.print(f"{usage.row_count:,} rows of {usage.path.name} are in delivery verification.", markup=False)
    _print_set_aside(usage)


@app.command("invoices")
def import_invoices(
    file: Annotated[Path, typer.Argument(help="A CSV file with a row for each line of an invoice.")],
    as_of: AsOf = None,
) -> None:
    """Load what was billed for which deal and what of it was paid; the billing report reads it."""
    from pipelines.sources.files_invoices import open_invoice_file

    settings, rules = load()
    try:
        invoices = open_invoice_file(file)
    except HandoffError as error:
        stop(error)
    _import(invoices, settings, rules, as_of)
    out.print(f"{invoices.row_count:,} rows of {invoices.path.name} are in the billing models.", markup=False)
    _print_set_aside(invoices)


@app.command("accounts")
def import_accounts(
    path: Annotated[
        Path,
        typer.Argument(
            help="A folder of cluster files (config/clusters), one cluster.yaml, or a CSV file with provider, account, deal."
        ),
    ],
    as_of: AsOf = None,
) -> None:
    """Load which deal a cloud account belongs to; costs are put down to deals by it, after map_accounts_to_deals.csv."""
    from pipelines.sources.files_accounts import open_accounts_file

    settings, rules = load()
    try:
        accounts = open_accounts_file(path)
    except HandoffError as error:
        stop(error)
    _import(accounts, settings, rules, as_of)
    out.print(f"{accounts.row_count:,} accounts of {accounts.path.name} are mapped to their deals.", markup=False)
    _print_set_aside(accounts)


@app.command("billing-sheet")
def import_billing_sheet(
    file: Annotated[
        Path, typer.Argument(help="The cloud-billing sheet, downloaded as CSV: a column for each deal or community.")
    ],
    as_of: AsOf = None,
) -> None:
    """Load which deals and communities the cloud-billing sheet has a column for; handoff gaps (HG05) read it."""
    from pipelines.sources.files_billing_sheet import open_billing_sheet_file

    settings, rules = load()
    try:
        sheet = open_billing_sheet_file(file)
    except HandoffError as error:
        stop(error)
    _import(sheet, settings, rules, as_of)
    out.print(f"{sheet.row_count:,} columns of {sheet.path.name} are known to the handoff report.", markup=False)
    _print_set_aside(sheet)


def _import(imported: FileImport, settings: Settings, rules: Rules, as_of: datetime | None) -> None:
    """Load one file into a new snapshot; end the command when that did not come about."""
    from pipelines.sync import as_of_date
    from pipelines.sync import sync as run_sync

    progress = ConsoleProgress(err)
    end_on_interrupt()
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
        stop(error)
    if result.held is not None:
        say(f"HELD: {result.held}")
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
