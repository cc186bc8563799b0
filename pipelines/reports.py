"""Reports on the command line: which mart answers which name, and the formats it can be printed in."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from pipelines.warehouse import Snapshot

Row = dict[str, Any]


class ReportFormat(StrEnum):
    """How a report is printed."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"


@dataclass(frozen=True)
class Report:
    """One report: its name, the question it answers, and the SELECT over the marts that answers it."""

    name: str
    question: str
    sql: str


_ORDER: Final = """
    order by
        case severity when 'blocker' then 0 when 'high' then 1 when 'medium' then 2 when 'low' then 3 else 4 end,
        due_on nulls last,
        finding_id
"""

REPORTS: Final[dict[str, Report]] = {
    report.name: report
    for report in (
        Report("findings", "Everything that is missing, late, due or over budget.", f"select * from marts.fct_findings {_ORDER}"),
        Report("handoff-gaps", "What was sold and has not reached delivery?", f"select * from marts.fct_handoff_gaps {_ORDER}"),
        Report(
            "missing-intake",
            "What must be asked of which community before delivery?",
            f"select * from marts.fct_missing_intake where finding_id is not null {_ORDER}",
        ),
        Report(
            "renewals-due",
            "Which agreements end soon, and is somebody talking?",
            f"select * from marts.fct_renewal_findings {_ORDER}",
        ),
        Report(
            "budget-overruns",
            "Where does cloud spend leave its budget or agreement?",
            f"select * from marts.fct_budget_overruns {_ORDER}",
        ),
    )
}

# A spreadsheet runs text that begins with one of these; see OWASP "CSV injection".
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# What may stand in an address without ending a Markdown link or a table cell
_URL_CHARACTERS: Final = "%/:?#@!$&'*+,;=~-._"
_SHOWN_COLUMNS: Final = (
    ("severity", "Severity"),
    ("finding_id", "Finding"),
    ("subject", "Subject"),
    ("reason", "Why"),
    ("what_to_do", "What to do"),
    ("owner", "Owner"),
    ("due_on", "Due"),
)


def report_named(name: str) -> Report:
    """Return the report called ``name``. Raises ConfigurationError that lists the names."""
    try:
        return REPORTS[name]
    except KeyError:
        raise ConfigurationError(f"There is no report called {name!r}. Choose one of {', '.join(REPORTS)}.") from None


def report_rows(snapshot: Snapshot, report: Report, *, owner: str | None = None) -> list[Row]:
    """Return the rows of a report, most severe first; ``evidence`` is parsed JSON."""
    rows = snapshot.rows(report.sql)
    if owner is not None:
        rows = [row for row in rows if (row.get("owner") or "").casefold() == owner.casefold()]
    for row in rows:
        if isinstance(row.get("evidence"), str):
            row["evidence"] = json.loads(row["evidence"])
    return rows


def report_columns(snapshot: Snapshot, report: Report) -> list[str]:
    """Return the columns of a report in their order, also when it has no rows."""
    return [row["column_name"] for row in snapshot.rows(f"describe {report.sql}")]


_GATE_WORDS: Final = {"not_evaluated": "NOT EVALUATED", "stale": "On STALE data"}


def not_evaluated(snapshot: Snapshot, report: Report | None = None) -> list[str]:
    """Return the rules of the report (of every one without it) that could not be judged, in a sentence for each way of failing.

    Why stands above every report, once: see :func:`pipelines.summary.snapshot_heading`.
    """
    rows = snapshot.rows("select * from marts.rpt_rule_evaluations where gate <> 'evaluated' order by rule_id")
    wanted = [row for row in rows if report is None or report.name in ("findings", row["report"])]
    return [
        f"{words}, because of the sources named above: {', '.join(named)}."
        for gate, words in _GATE_WORDS.items()
        if (named := [f"{row['rule_id']} ({row['title']})" for row in wanted if row["gate"] == gate])
    ]


def as_json(rows: list[Row]) -> str:
    """Return one array of objects; dates are ISO text, amounts decimal text. What steers a terminal is written as an escape."""
    text = json.dumps(rows, indent=2, default=_json_value, ensure_ascii=False)
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1] for character in text
    )


def _json_value(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def as_csv(rows: list[Row], columns: Iterable[str] = ()) -> str:
    """Return CSV whose text cells no spreadsheet takes for a formula; numbers stay numbers.

    ``columns`` come first, those that only some rows have come after them. Every text stands in quotes: a bare carriage return would
    begin a new line for a spreadsheet, and with it a cell that nobody looked at.
    """
    output = io.StringIO()
    names = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    if names:
        writer = csv.DictWriter(output, fieldnames=list(names), lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)
    return output.getvalue()


def csv_cell(value: object) -> object:
    """Return ``value`` as a cell; text that would start a formula gets an apostrophe in front."""
    if isinstance(value, list | dict):
        value = json.dumps(value, default=_json_value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def as_markdown(rows: list[Row]) -> str:
    """Return a Markdown table of the columns that people read."""
    lines = ["| " + " | ".join(title for _, title in _SHOWN_COLUMNS) + " |", "|" + " --- |" * len(_SHOWN_COLUMNS)]
    for row in rows:
        cells = [markdown(_shown(row, name)) for name, _ in _SHOWN_COLUMNS]
        url = str(row.get("record_url") or "")
        if url.startswith("https://"):
            cells[1] = f"[{cells[1]}]({quote(url, safe=_URL_CHARACTERS)})"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def markdown(text: str) -> str:
    """Return vendor text so that Markdown shows it as it is: no markup, no link, no picture, no control characters."""
    for character in "\\|[]<>*_`!~$&@":
        text = text.replace(character, f"\\{character}")
    # what many renderers take for a link without any markup
    text = text.replace("://", "\\://").replace("www.", "www\\.")
    return " ".join(printable(text).split())


def _shown(row: Row, name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if name == "severity" and row.get("status") == "indeterminate":
        return "unknown"
    return value.isoformat() if isinstance(value, date) else str(value)


_STYLES: Final = {"blocker": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
# Below this width seven columns would break words apart; the findings are then listed one below the other.
_TABLE_WIDTH: Final = 150


def print_findings(console: Console, rows: list[Row]) -> None:
    """Print what people read of each finding: as a table where the terminal is wide, else as a list."""
    if console.width >= _TABLE_WIDTH:
        _print_table(console, rows)
    else:
        _print_list(console, rows)


def _print_table(console: Console, rows: list[Row]) -> None:
    table = Table(box=SIMPLE_HEAD, expand=False, pad_edge=False)
    ratios = {"reason": 5, "what_to_do": 4, "subject": 3}
    for name, title in _SHOWN_COLUMNS:
        table.add_column(title, overflow="fold", ratio=ratios.get(name), no_wrap=name in {"severity", "due_on"})
    for row in rows:
        table.add_row(
            *(Text(printable(_shown(row, name)), style=_style(row) if name == "severity" else "") for name, _ in _SHOWN_COLUMNS)
        )
    console.print(table)


def _print_list(console: Console, rows: list[Row]) -> None:
    indent = "          "
    for row in rows:
        shown = {name: printable(_shown(row, name)) for name, _ in _SHOWN_COLUMNS}
        due = f", {'was due' if row.get('is_overdue') else 'due'} {shown['due_on']}" if shown["due_on"] else ""
        head = Text.assemble((f"{shown['severity']:<10}", _style(row)), (shown["subject"], "bold"))
        finding_id = Text(f"  {shown['finding_id']}")
        fits = head.cell_len + finding_id.cell_len <= console.width
        console.print()
        console.print(head + finding_id if fits else head, soft_wrap=fits)
        if not fits:
            # on a line of its own and in one piece, to be copied
            console.print(Text(indent) + finding_id[2:], soft_wrap=True)
        for text in (shown["reason"], f"To do: {shown['what_to_do']} ({shown['owner']}{due})"):
            console.print(Padding(Text(text), (0, 0, 0, len(indent))))
    console.print()


def _style(row: Row) -> str:
    return "dim" if row.get("status") == "indeterminate" else _STYLES.get(row.get("severity", ""), "")


def printable(text: str) -> str:
    """Return ``text`` without control characters: vendor text must not steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
