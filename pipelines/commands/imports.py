"""``handoff import``: files that people hand in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pipelines.commands.console import AsOf, end_on_interrupt, err, load, out, say, stop
from pipelines.errors import HandoffError, file_problem
from pipelines.progress import ConsoleProgress
from pipelines.reports import printable
from pipelines.rules import Rules
from pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipelines.sources.files import FileImport

_Place = TypeVar("_Place", str, Path)

app = typer.Typer(help="Load files that people hand in.", no_args_is_help=True)


@app.command("costs")
def import_costs(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="FOCUS 1.x cost files (CSV, CSV.GZ, Parquet or .xlsx), or the folder or s3://bucket/prefix of AWS Data Exports.",
        ),
    ],
    as_of: AsOf = None,
) -> None:
    """Load cloud costs from a FOCUS file, or from AWS Data Exports what changed since the last import; they join the cost models."""
    from pipelines.sources.files import open_focus_file
    from pipelines.sources.files_exports import CostExports, open_cost_exports

    def opened(address: str, settings: Settings, rules: Rules) -> FileImport:
        is_export = address.startswith("s3://") or Path(address).is_dir()
        return open_cost_exports(address, settings, rules) if is_export else open_focus_file(Path(address))

    for costs in _import_each(files, opened, as_of, "{count:,} rows of {name} are in the cost models."):
        if isinstance(costs, CostExports):
            read, unchanged = len(costs.read), len(costs.unchanged)
            out.print(f"Billing periods: {read} read, {unchanged} as they were at the last import.", markup=False)


@app.command("usage")
def import_usage(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="CSV or Excel files with a hub (engagement, hub or cluster), a date or month, and users or user.",
        ),
    ],
    as_of: AsOf = None,
) -> None:
    """Load how many people, or who, used each hub by day or month; delivery verification reads it."""
    from pipelines.sources.files_usage import open_usage_file

    _import_each(files, open_usage_file, as_of, "{count:,} rows of {name} are in delivery verification.")


@app.command("invoices")
def import_invoices(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV or Excel files with a row for each line of an invoice.")
    ],
    as_of: AsOf = None,
) -> None:
    """Load what was billed for which deal and what of it was paid; the billing report reads it."""
    from pipelines.sources.files_invoices import open_invoice_file

    said = "{count:,} rows of {name} are in the billing models."
    _import_each(files, lambda path, _settings, _rules: open_invoice_file(path), as_of, said)


@app.command("accounts")
def import_accounts(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="A folder of cluster files (config/clusters), one cluster.yaml, or CSV or Excel files with provider, account, deal.",
        ),
    ],
    as_of: AsOf = None,
) -> None:
    """Load which deal a cloud account belongs to; costs are put down to deals by it, after map_accounts_to_deals.csv."""
    from pipelines.sources.files_accounts import open_accounts_file

    said = "{count:,} accounts of {name} are mapped to their deals."
    _import_each(paths, lambda path, _settings, _rules: open_accounts_file(path), as_of, said)


@app.command("deals")
def import_deals(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Exports of a view of HubSpot's deals, as CSV or .xlsx.")
    ],
    as_of: AsOf = None,
) -> None:
    """Load the deals of an organisation whose HubSpot is not read by its API; every report of deals reads them."""
    _import_records(files, "deals", as_of, "{count:,} deals of {name} stand for those of HubSpot.")


@app.command("engagements")
def import_engagements(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Sheets with a row for each engagement, as CSV or .xlsx.")
    ],
    as_of: AsOf = None,
) -> None:
    """Load the engagements of an organisation whose Airtable is not read by its API, or that has none."""
    _import_records(files, "engagements", as_of, "{count:,} engagements of {name} stand for those of Airtable.")


def _import_records(files: list[Path], kind: str, as_of: datetime | None, said: str) -> None:
    from pipelines.clock import now
    from pipelines.sources.files_records import open_record_file
    from pipelines.sources.people import email_hash

    def opened(path: Path, settings: Settings, rules: Rules) -> FileImport:
        return open_record_file(path, kind, rules, email_hash(settings), now())

    _import_each(files, opened, as_of, said)


@app.command("billing-sheet")
def import_billing_sheet(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="The cloud-billing sheet, downloaded as CSV or .xlsx: a column for each deal or community.",
        ),
    ],
    as_of: AsOf = None,
) -> None:
    """Load which deals and communities the cloud-billing sheet has a column for; handoff gaps (HG05) read it."""
    from pipelines.sources.files_billing_sheet import open_billing_sheet_file

    said = "{count:,} columns of {name} are known to the handoff report."
    _import_each(files, lambda path, _settings, _rules: open_billing_sheet_file(path), as_of, said)


def _import_each(
    places: Sequence[_Place], opened: Callable[[_Place, Settings, Rules], FileImport], as_of: datetime | None, said: str
) -> list[FileImport]:
    """Load the files at ``places`` into one new snapshot, and say of each what came of it."""
    from pipelines.sources.files_several import together

    settings, rules = load()
    end_on_interrupt()
    try:
        files = [opened(place, settings, rules) for place in places]
        imported = together(files)
    except HandoffError as error:
        stop(error)
    except OSError as error:
        stop(file_problem(error))
    _import(imported, settings, rules, as_of)
    for file in files:
        out.print(said.format(count=file.row_count, name=file.path.name), markup=False)
        for sentence in getattr(file, "advice", []):
            out.print(f"  {printable(sentence)}", markup=False)
        for sheet in getattr(file, "passed_over", []):
            out.print(f"  sheet {printable(sheet)} was not read", markup=False)
        _print_set_aside(file)
    return files


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
        out.print("Correct these rows in the file and import it again; it replaces its earlier rows.")
