"""``handoff report``: reads the rows of the reports that are asked for and writes them in the format that is asked for."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.calendars import as_calendar, check_dates
from pipelines.catalogue import report_named
from pipelines.errors import ConfigurationError
from pipelines.report_shapes import ReportFormat
from pipelines.reports import (
    as_csv,
    as_json,
    as_markdown,
    markdown,
    not_evaluated,
    printable,
    report_columns,
    report_rows,
    set_aside,
)
from pipelines.summary import snapshot_heading
from pipelines.terminal import print_rows
from pipelines.warehouse import NoSnapshot, open_as_of, open_current, write_bytes_durably
from pipelines.workbooks import as_workbook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from rich.console import Console

    from pipelines.report_shapes import Report
    from pipelines.reports import Filters
    from pipelines.settings import Settings
    from pipelines.warehouse import Snapshot

Row = dict[str, Any]
Parts = list[tuple["Report", list[Row]]]


def print_reports(
    out: Console,
    err: Console,
    settings: Settings,
    names: Sequence[str],
    *,
    output_format: ReportFormat,
    filters: Filters,
    output: Path | None,
    as_of: date | None = None,
) -> None:
    """Print reports, or write them to ``output``; of a past day from the snapshot that was kept of it.

    Raises HandoffError when one does not exist or cannot be had so.
    """
    reports = [report_named(name) for name in dict.fromkeys(names)]
    _check_format(reports, output_format, output)
    with current_snapshot(settings, as_of) as snapshot:
        parts = [(report, report_rows(snapshot, report, filters)) for report in reports]
        heading = snapshot_heading(snapshot)
        for line in [*heading, *(line for report in reports for line in _caveats(snapshot, report))]:
            err.print(printable(line), markup=False)
        if output_format is ReportFormat.table:
            _print_tables(out, parts)
            return
        content = _content(snapshot, parts, heading, output_format)
    if output is not None:
        write_file(output, content)
        count = sum(len(rows) for _, rows in parts)
        err.print(f"{output}: {count:,} rows of {', '.join(report.name for report in reports)}.", markup=False, soft_wrap=True)
        return
    text = content.decode()
    if sys.stdout.isatty():  # a file gets every character; what is looked at must not steer the terminal
        text = "\n".join(map(printable, text.split("\n")))
    sys.stdout.write(text)


@contextmanager
def current_snapshot(settings: Settings, as_of: date | None = None) -> Iterator[Snapshot]:
    """Open the published snapshot for a block, or the one that was kept of a past day.

    Raises NoSnapshot, also when another version of handoff built it with other marts.
    """
    home = settings.handoff_home
    snapshot = open_as_of(home, as_of) if as_of else open_current(home)
    try:
        yield snapshot
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise NoSnapshot(
            f"The snapshot {snapshot.run_id} was built by another version of handoff, without what this report reads "
            f"({str(error).splitlines()[0]}). " + ("Ask for another day." if as_of else "Run `handoff sync` to build a new one.")
        ) from error
    finally:
        snapshot.close()


def _caveats(snapshot: Snapshot, report: Report) -> list[str]:
    """Return what a report leaves out: what could not be evaluated, and what somebody set aside."""
    return [*not_evaluated(snapshot, report), *set_aside(snapshot, report)]


def _check_format(reports: Sequence[Report], output_format: ReportFormat, output: Path | None) -> None:
    if output_format is ReportFormat.table and output is not None:
        raise ConfigurationError(
            "A table is made for the terminal and is not written to a file. Add --format md, csv, json, xlsx or ical, or leave "
            "--output out."
        )
    if output_format is ReportFormat.xlsx and output is None:
        raise ConfigurationError("A workbook is a file, not text. Add --output FILE.xlsx.")
    if output_format is ReportFormat.ical:
        for report in reports:
            check_dates(report)


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds the old file or the new one. Raises ConfigurationError where no file can stand."""
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{path} is no file, so nothing was written. Name a file with --output.")
    if not path.parent.is_dir():
        raise ConfigurationError(f"There is no folder {path.parent}, so nothing was written. Make it, or name another file.")
    write_bytes_durably(path.resolve(), content)


def _print_tables(out: Console, parts: Parts) -> None:
    for report, rows in parts:
        out.print(f"\n[bold]{report.name}[/bold]: {report.question}")
        if rows:
            print_rows(out, report, rows)
        else:
            out.print("Nothing found in what could be evaluated." if report.rests_on or report.is_of_findings else "No rows.")


def _content(snapshot: Snapshot, parts: Parts, heading: list[str], output_format: ReportFormat) -> bytes:
    [run] = snapshot.rows("select organisation_name, is_sandbox, started_at from marts.rpt_run")
    said = [*heading, *(line for report, _ in parts for line in _caveats(snapshot, report))]
    if output_format is ReportFormat.xlsx:
        sheets = [(report.name, report_columns(snapshot, report), rows) for report, rows in parts]
        return as_workbook(sheets, said, is_sandbox=run["is_sandbox"], made_at=run["started_at"])
    if output_format is ReportFormat.ical:
        return as_calendar(
            parts,
            said,
            organisation=run["organisation_name"],
            is_sandbox=run["is_sandbox"],
            made_at=run["started_at"],
        )
    if output_format is ReportFormat.md:  # it is pasted elsewhere, and must say there whose data this is
        quoted = "".join(f"> {markdown(line)}\n" for line in heading)
        text = f"{quoted}\n" + "\n".join(as_markdown(rows, report.shown) for report, rows in parts)
    elif output_format is ReportFormat.json:
        text = as_json([row for _, rows in parts for row in rows]) + "\n"
    else:
        columns = [column for report, _ in parts for column in report_columns(snapshot, report)]
        text = as_csv([row for _, rows in parts for row in rows], columns)
    return text.encode("utf-8", "backslashreplace")
