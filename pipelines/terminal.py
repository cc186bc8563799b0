"""Reports on the terminal: a table where it is wide, else the rows one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelines.reports import printable, shown_text

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.report_shapes import Report

Row = dict[str, Any]

_STYLES: Final = {"blocker": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
# Below this width seven columns would break words apart; the rows are then listed one below the other.
_TABLE_WIDTH: Final = 150
# how much of a wide table a column of prose gets
_RATIOS: Final = {"reason": 5, "what_to_do": 4, "subject": 3}
_INDENT: Final = 10
# of a report by month: the last one, this one and the next
_MONTHS_BEFORE: Final = 2
_MONTHS_AFTER: Final = 1


def print_rows(console: Console, report: Report, rows: list[Row]) -> None:
    """Print what people read of each row: as a table where the terminal is wide, else as a list; of many months the nearest."""
    rows, left_out = _near(rows, report.month_column) if report.month_column else (rows, 0)
    if console.width >= _TABLE_WIDTH:
        _print_table(console, report, rows)
    elif report.is_of_findings:
        _print_findings(console, rows)
    else:
        _print_records(console, report, rows)
    if left_out:
        console.print(f"{left_out} further months are left out here; `--format csv`, json, md and xlsx have them.")


def _near(rows: list[Row], month_column: str) -> tuple[list[Row], int]:
    """Return the rows of the months around the reports' day, and how many months are left out."""
    months = sorted({row[month_column] for row in rows if row[month_column] is not None})
    day = rows[0]["as_of_on"] if rows else None
    if day is None or not months:
        return rows, 0
    so_far = sum(month <= day for month in months)
    kept = months[max(0, so_far - _MONTHS_BEFORE) : so_far + _MONTHS_AFTER]
    return [row for row in rows if row[month_column] in kept], len(months) - len(kept)


def _print_table(console: Console, report: Report, rows: list[Row]) -> None:
    table = Table(box=SIMPLE_HEAD, expand=False, pad_edge=False)
    for name, title in report.shown:
        ratio = _RATIOS.get(name) if report.is_of_findings else None
        table.add_column(title, overflow="fold", ratio=ratio, no_wrap=name in {"severity", "due_on"})
    for row in rows:
        table.add_row(
            *(Text(printable(shown_text(row, name)), style=_style(row) if name == "severity" else "") for name, _ in report.shown)
        )
    console.print(table)


def _print_findings(console: Console, rows: list[Row]) -> None:
    for row in rows:
        shown = {name: printable(shown_text(row, name)) for name in ("severity", "subject", "finding_id", "reason", "due_on")}
        due = f", {'was due' if row.get('is_overdue') else 'due'} {shown['due_on']}" if shown["due_on"] else ""
        to_do = f"To do: {printable(shown_text(row, 'what_to_do'))} ({printable(shown_text(row, 'owner'))}{due})"
        head = Text.assemble((f"{shown['severity']:<{_INDENT}}", _style(row)), (shown["subject"], "bold"))
        finding_id = Text(f"  {shown['finding_id']}")
        fits = head.cell_len + finding_id.cell_len <= console.width
        console.print()
        console.print(head + finding_id if fits else head, soft_wrap=fits)
        if not fits:
            # on a line of its own and in one piece, to be copied
            indent = min(_INDENT, max(0, console.width - finding_id.cell_len + 2))
            console.print(Text(" " * indent) + finding_id[2:], soft_wrap=True)
        for text in (shown["reason"], to_do):
            console.print(Padding(Text(text), (0, 0, 0, _INDENT)))
    console.print()


def _print_records(console: Console, report: Report, rows: list[Row]) -> None:
    """Print the first column as a head, once for rows that share it, and below it what else is known."""
    (head, _), *others = report.shown
    above = None
    for row in rows:
        words = printable(shown_text(row, head))
        if words != above or not report.month_column:
            console.print()
            console.print(Text(words, style="bold"))
        above = words
        known = [f"{title}: {printable(text)}" for name, title in others if (text := shown_text(row, name))]
        console.print(Padding(Text("; ".join(known).replace(".; ", ". ")), (0, 0, 0, _INDENT)))
    console.print()


def _style(row: Row) -> str:
    return "dim" if row.get("status") == "indeterminate" else _STYLES.get(row.get("severity", ""), "")
