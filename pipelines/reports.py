"""Reports by name: which mart answers which question, its rows, and their text as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipelines.warehouse import Snapshot

Row = dict[str, Any]


class ReportFormat(StrEnum):
    """How a report is written."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"
    xlsx = "xlsx"
    ical = "ical"


class Severity(StrEnum):
    """How bad a finding is; see rule_findings.csv."""

    blocker = "blocker"
    high = "high"
    medium = "medium"
    low = "low"


@dataclass(frozen=True)
class Occasion:
    """What a row puts into a calendar: on the day in ``date_column``, ``words`` and the subject; rows with the same key are one event."""

    kind: str
    date_column: str
    words: str
    key_columns: tuple[str, ...]


_SHOWN_COLUMNS: Final = (
    ("severity", "Severity"),
    ("finding_id", "Finding"),
    ("subject", "Subject"),
    ("reason", "Why"),
    ("what_to_do", "What to do"),
    ("owner", "Owner"),
    ("due_on", "Due"),
)
_DUE: Final = Occasion("due", "due_on", "Due", ("finding_id",))
_END: Final = Occasion("agreement-end", "effective_end_on", "Agreement ends", ("deal_id",))


@dataclass(frozen=True)
class Report:
    """One report: its name, the question it answers, and the SELECT over the marts that answers it.

    ``shown`` are the columns that people read, with their titles; the first names the row, or in a report of findings how bad it is.
    ``rests_on`` is the report of findings whose rules it rests on, by which it says what could not be evaluated.
    """

    name: str
    question: str
    sql: str
    shown: tuple[tuple[str, str], ...] = _SHOWN_COLUMNS
    occasion: Occasion | None = _DUE
    rests_on: str | None = None

    @property
    def is_of_findings(self) -> bool:
        """Whether its rows are findings, with severity, reason and what to do."""
        return self.shown is _SHOWN_COLUMNS


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
            occasion=_END,
        ),
        Report(
            "budget-overruns",
            "Where does cloud spend leave its budget or agreement?",
            f"select * from marts.fct_budget_overruns {_ORDER}",
            occasion=None,
        ),
    )
}

# Reports whose rows are records, not findings.
OVERVIEWS: Final[dict[str, Report]] = {
    report.name: report
    for report in (
        Report(
            "handoff-deals",
            "How far is each handoff?",
            "select * from marts.rpt_handoff_deals order by handoff_score_low_ratio nulls first, handoff_started_on, deal_name, deal_id",
            (
                ("deal_name", "Deal"),
                ("deal_owner", "Owner"),
                ("delivery_owner", "Delivery"),
                ("start_on", "Starts"),
                ("agreement_step", "Agreement"),
                ("request_step", "Request"),
                ("engagement_step", "Engagement"),
                ("breakdown_step", "Breakdown"),
                ("started_step", "Started"),
                ("handoff_score_low_ratio", "Done"),
            ),
            Occasion("agreement-start", "start_on", "Agreement starts", ("deal_id",)),
            "handoff-gaps",
        ),
        Report(
            "intake-deals",
            "Which deals are ready for delivery to be planned?",
            "select * from marts.rpt_intake_deals order by weighted_completeness_ratio nulls first, deal_name, deal_id",
            (
                ("deal_name", "Deal"),
                ("deal_owner", "Owner"),
                ("stage_name", "Stage"),
                ("ok_count", "In order"),
                ("required_count", "Required"),
                ("weighted_completeness_ratio", "Complete"),
                ("missing_fields", "To be asked"),
            ),
            None,
            "missing-intake",
        ),
        Report(
            "agreements",
            "Which agreements end when, and who is renewing them?",
            "select * from marts.fct_renewals_due order by effective_end_on nulls last, deal_name, deal_id",
            (
                ("deal_name", "Agreement"),
                ("deal_owner", "Owner"),
                ("effective_end_on", "Ends"),
                ("window_name", "Window"),
                ("amount", "Amount"),
                ("currency", "Currency"),
                ("renewal_deal_name", "Renewal"),
                ("renewal_stage_name", "Its stage"),
                ("last_contacted_on", "Last contact"),
                ("finding_count", "Findings"),
            ),
            _END,
            "renewals-due",
        ),
        Report(
            "budget-months",
            "Who stays within budget?",
            "select * from marts.fct_budget_months order by month_on desc, variance_usd desc nulls last, gross_usd desc nulls last, subject",
            (
                ("subject", "Subject"),
                ("month_on", "Month from"),
                ("budget_usd", "Budget"),
                ("budget_source", "Budget from"),
                ("gross_usd", "Spent"),
                ("forecast_usd", "Expected"),
                ("uncovered_usd", "Without agreement"),
                ("variance_usd", "Above budget"),
            ),
            None,
            "budget-overruns",
        ),
        Report(
            "sync-health",
            "Which source can be trusted as of now?",
            "select * from marts.rpt_sources order by source",
            (
                ("source_name", "Source"),
                ("status", "Status"),
                ("last_complete_at", "Last complete"),
                ("row_count", "Rows"),
                ("quarantined_count", "Set aside"),
                ("error", "Why not complete"),
            ),
            None,
        ),
        Report(
            "rule-evaluations",
            "Which rules could be judged, and if not, because of which source?",
            "select * from marts.rpt_rule_evaluations order by report, rule_id",
            (
                ("rule_id", "Rule"),
                ("title", "What it says"),
                ("severity", "Severity"),
                ("gate", "Judged"),
                ("gate_reason", "Why not"),
                ("open_count", "Open"),
                ("indeterminate_count", "Unknown"),
                ("what_to_do", "What to do"),
            ),
            None,
        ),
        Report(
            "quarantine",
            "What must be corrected at the vendor or in the rule tables?",
            "select * from marts.rpt_quarantine order by quarantined_at desc, source, table_name, record_ref",
            (
                ("record_ref", "Record"),
                ("source", "Source"),
                ("table_name", "Table"),
                ("reason", "Why it was set aside"),
                ("quarantined_at", "When"),
            ),
            None,
        ),
        Report(
            "drift",
            "What changed lately in the fields that the reports read?",
            "select * from marts.rpt_drift order by seen_at desc, what_to_do is null, source, table_name, field_name, kind",
            (
                ("field_name", "Field"),
                ("source", "Source"),
                ("table_name", "Table"),
                ("kind", "Change"),
                ("before", "Before"),
                ("after", "After"),
                ("seen_at", "Noticed"),
                ("what_to_do", "What to do"),
            ),
            None,
        ),
    )
}

# A spreadsheet runs text that begins with one of these; see OWASP "CSV injection".
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# What may stand in an address without ending a Markdown link or a table cell
_URL_CHARACTERS: Final = "%/:?#@!$&'*+,;=~-._"


def report_named(name: str) -> Report:
    """Return the report called ``name``. Raises ConfigurationError that lists the names."""
    known = REPORTS | OVERVIEWS
    try:
        return known[name]
    except KeyError:
        raise ConfigurationError(f"There is no report called {name!r}. Choose one of {', '.join(known)}.") from None


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

    Why stands above every report, once: see :func:`pipelines.summary.snapshot_heading`.
    """
    rows = snapshot.rows("select * from marts.rpt_rule_evaluations where gate <> 'evaluated' order by rule_id")
    wanted = [
        row for row in rows if report is None or row["report"] in {report.name, report.rests_on} or report.name == "findings"
    ]
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


def as_markdown(rows: list[Row], shown: Sequence[tuple[str, str]] = _SHOWN_COLUMNS) -> str:
    """Return a Markdown table of the columns that people read; what names the row leads to its record."""
    linked = 1 if shown is _SHOWN_COLUMNS else 0
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
