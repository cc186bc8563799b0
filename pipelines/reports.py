"""The rows of a report, filtered, and their text as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pipelines.errors import ConfigurationError
from pipelines.report_shapes import SHOWN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipelines.report_shapes import Report
    from pipelines.warehouse import Snapshot

Row = dict[str, Any]


# A spreadsheet runs text that begins with one of these; see OWASP "CSV injection".
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# What may stand in an address without ending a Markdown link or a table cell
_URL_CHARACTERS: Final = "%/:?#@!$&'*+,;=~-._"


# the columns by which a report can be filtered, whichever of them it has
_OWNER_COLUMNS: Final = ("owner", "deal_owner", "delivery_owner")
_SINCE_COLUMNS: Final = ("first_seen_at", "first_seen_on", "seen_at", "quarantined_at")


@dataclass(frozen=True)
class Filters:
    """Which rows of a report are wanted; every filter that is set must fit."""

    owner: str | None = None
    team: str | None = None
    severities: Sequence[str] = field(default=())
    since: date | None = None

    def keep(self, report: Report, columns: Sequence[str], rows: list[Row], timezone: str) -> list[Row]:
        """Return the rows that fit; instants count as days of ``timezone``. Raises ConfigurationError when the report has no such column."""
        chosen: tuple[tuple[str, object, tuple[str, ...]], ...] = (
            ("--owner", self.owner, _OWNER_COLUMNS),
            ("--team", self.team, ("owner_team",)),
            ("--severity", self.severities, ("severity",)),
            ("--since", self.since, _SINCE_COLUMNS),
        )
        for option, wanted, names in chosen:
            known = [name for name in names if name in columns]
            if not wanted:
                continue
            if not known:
                raise ConfigurationError(_no_column(report, option))
            rows = [row for row in rows if any(_fits(row.get(name), wanted, timezone) for name in known)]
        return rows


def _no_column(report: Report, option: str) -> str:
    lacking = {
        "--owner": "names no owner",
        "--team": "names no team",
        "--severity": "has no severity",
        "--since": "does not say since when each row is known",
    }
    return f"The report {report.name} {lacking[option]}, so {option} cannot choose its rows. Leave {option} out."


def _fits(value: object, wanted: Any, timezone: str) -> bool:
    if isinstance(wanted, date):
        day = value.astimezone(ZoneInfo(timezone)).date() if isinstance(value, datetime) else value
        return isinstance(day, date) and day >= wanted
    spelt = [wanted] if isinstance(wanted, str) else wanted
    return value is not None and str(value).casefold() in {str(word).casefold() for word in spelt}


def report_rows(snapshot: Snapshot, report: Report, filters: Filters | None = None) -> list[Row]:
    """Return the rows of a report in its order, findings most severe first; ``evidence`` is parsed JSON."""
    rows = snapshot.rows(report.sql)
    if filters is not None:
        [run] = snapshot.rows("select timezone from marts.rpt_run")
        rows = filters.keep(report, report_columns(snapshot, report), rows, run["timezone"])
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

    Why stands above every report, once, for what a run reads: see :func:`pipelines.summary.snapshot_heading`.
    """
    rows = snapshot.rows("select * from marts.rpt_rule_evaluations where gate <> 'evaluated' and mode = 'on' order by rule_id")
    wanted = [
        row for row in rows if report is None or row["report"] in {report.name, report.rests_on} or report.name == "findings"
    ]
    above = {row["source"] for row in snapshot.rows("select source from ops.source_status where status <> 'complete'")}
    named: dict[tuple[str, str], list[str]] = {}
    for gate, words in _GATE_WORDS.items():
        for row in wanted:
            if row["gate"] == gate:
                is_above = above & {need.strip() for need in row["needs"].split(";")}
                why = ", because of the sources named above" if is_above else f" ({str(row['gate_reason']).rstrip('.')})"
                named.setdefault((words, why), []).append(f"{row['rule_id']} ({row['title']})")
    return [f"{words}{why}: {', '.join(rules)}." for (words, why), rules in named.items()]


def set_aside(snapshot: Snapshot, report: Report) -> list[str]:
    """Return how many findings of the report somebody snoozed or waived, in a sentence; nothing where there are none."""
    rows = snapshot.rows("select report, set_aside_count from marts.rpt_rule_evaluations")
    count = sum(row["set_aside_count"] for row in rows if report.name in {row["report"], "findings"})
    noun = "finding is" if count == 1 else "findings are"
    return [f"{count} more {noun} snoozed or waived; `handoff report set-aside` lists them."] if count else []


def as_json(rows: list[Row] | Row) -> str:
    """Return one array of objects, or one object; dates are ISO text, amounts decimal text. What steers a terminal is written as an escape."""
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


def as_markdown(rows: list[Row], shown: Sequence[tuple[str, str]] = SHOWN_COLUMNS) -> str:
    """Return a Markdown table of the columns that people read; what names the row leads to its record."""
    linked = 1 if shown is SHOWN_COLUMNS else 0
    lines = ["| " + " | ".join(title for _, title in shown) + " |", "|" + " --- |" * len(shown)]
    for row in rows:
        cells = [markdown(shown_text(row, name)) for name, _ in shown]
        cells[linked] = markdown_link(cells[linked], row.get("record_url"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def markdown_link(escaped: str, url: object) -> str:
    """Return ``escaped`` text as a link to ``url``, or as it is when that is no https address."""
    address = str(url or "")
    return f"[{escaped}]({quote(address, safe=_URL_CHARACTERS)})" if address.startswith("https://") else escaped


def markdown(text: str) -> str:
    """Return vendor text so that Markdown shows it as it is: no markup, no link, no picture, no control characters."""
    for character in "\\|[]<>*_`!~$&@":
        text = text.replace(character, f"\\{character}")
    # what many renderers take for a link without any markup
    text = text.replace("://", "\\://").replace("www.", "www\\.")
    return " ".join(printable(text).split())


def shown_text(row: Row, name: str) -> str:
    """Return a value as people read it: nothing for what is not known, ISO dates, thousands apart, shares in percent."""
    value = row.get(name)
    if value is None:
        return ""
    if name == "severity" and row.get("status") == "indeterminate":
        return "unknown"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, date):
        return value.isoformat()
    if name.endswith("_ratio"):
        return f"{value:.0%}"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def printable(text: str) -> str:
    """Return ``text`` without control characters: vendor text must not steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
