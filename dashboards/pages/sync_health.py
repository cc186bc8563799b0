"""Whether the reports can be believed: sources, what was set aside, what was not evaluated, and the runs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.grids import WRAPPING, Column, number, show_grid, text
from dashboards.parts import counted, heading, instant, md_escape
from pipelines.drift import KEPT_DAYS
from pipelines.errors import HandoffError
from pipelines.ledger import Ledger
from pipelines.reports import printable

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Sync health"
QUESTION: Final = "Can what the other pages say be believed?"
ICON: Final = ":material/monitor_heart:"
HAS_FILTERS: Final = False
REPORTS: Final[tuple[str, ...]] = ()

_STATUSES: Final = {"complete": "✓ complete", "stale": "! stale", "never": "✗ never loaded"}
_GATES: Final = {"stale": "! stale", "not_evaluated": "✗ not evaluated"}
_OUTCOMES: Final = {"published": "✓ published", "held": "! held back", "failed": "✗ failed"}
_RUNS_SHOWN: Final = 60

_SOURCE_COLUMNS: Final = (
    Column("Source", lambda row: f"{row['source_name']}{' (SANDBOX)' if row['is_sandbox'] else ''}", text(170)),
    Column("State", lambda row: _STATUSES.get(row["status"], "✗ never loaded"), text(120)),
    Column("Last complete", lambda row: instant(row["last_complete_at"]), text(170)),
    Column("Last attempt", lambda row: instant(row["last_attempt_at"]), text(170)),
    Column("Rows", "row_count", number(80, "localized")),
    Column("Requests", "request_count", number(80, "localized")),
    Column("Paid calls", lambda row: f"{row['paid_call_count']}, ${row['paid_usd']}" if row["paid_call_count"] else "", text(90)),
    Column("Retries", "retry_count", number(70, "localized")),
    Column("Set aside", "quarantined_count", number(80, "localized")),
    Column("Seconds", "load_seconds", number(80, "%.1f")),
    Column("Error", lambda row: row["error"] or "", text(220)),
)
_RULE_COLUMNS: Final = (
    Column("Rule", "rule_id", text(120)),
    Column("State", lambda row: _GATES.get(row["gate"], "✗ not evaluated"), text(130)),
    Column("What it says", "title", text(280)),
    Column("Needs", lambda row: str(row["needs"]).replace(";", ", "), text(180)),
    Column("Because", lambda row: row["gate_reason"] or "", text(480)),
)
_QUARANTINE_COLUMNS: Final = (
    Column("Source", "source", text(100)),
    Column("Table", "table_name", text(140)),
    Column("Record id", "record_ref", text(220)),
    Column("Why it was set aside", "reason", text(340)),
    Column("What it held", "payload", text(300)),
    Column("When", lambda row: instant(row["quarantined_at"]), text(160)),
)
_DRIFT_COLUMNS: Final = (
    Column("Source", "source", text(90)),
    Column("Table", "table_name", text(120)),
    Column("Field", lambda row: row["field_name"] or row["field"], text(160)),
    Column("What happened", lambda row: str(row["kind"]).replace("_", " "), text(120)),
    Column("Before", lambda row: row["before"] or "", text(140)),
    Column("After", lambda row: row["after"] or "", text(140)),
    Column("What to do", lambda row: row["what_to_do"] or "", text(330)),
    Column("Field id", "field", text(120)),
    Column("Seen", lambda row: instant(row["seen_at"]), text(140)),
)
_RUN_COLUMNS: Final = (
    Column("Run", "run_id", text(250)),
    Column("What", "what", text(120)),
    Column("As of", "as_of_on", text(100)),
    Column("Outcome", "outcome", text(140)),
    Column("Exit code", "exit_code", text(80)),
    Column("Seconds", "seconds", number(80, "%.1f")),
    Column("Rows", "rows", number(80, "localized")),
    Column("Why", "held", text(420)),
)


def show(board: Board) -> None:
    """Show the page."""
    _show_sources(board)
    _show_not_evaluated(board)
    _show_quarantine(board)
    _show_drift(board)
    _show_runs(board)
    run = board.run
    st.text(
        printable(
            f"Snapshot {board.reader.run_id}, rules profile {run['rules_profile']}, handoff {run['version']}; "
            f"times in UTC, dates in {run['timezone']}."
        )
    )


def _show_sources(board: Board) -> None:
    heading("Sources")
    show_grid(board.sources, _SOURCE_COLUMNS, name="Sources")
    with st.expander("Rows by table"):
        tables = board.reader.source_tables()
        show_grid(
            tables,
            [
                Column("Source", "source", text(160)),
                Column("Table", "table_name", text(300)),
                Column("Rows", "row_count", number(120, "localized")),
                Column("Read", lambda row: row["reading_mode"] or "full", text(120)),
                Column("Why so", lambda row: row["reading_reason"] or "as at every sync", text(260)),
                Column("Last read in full", lambda row: instant(row["fully_read_at"]) if row["fully_read_at"] else "", text(170)),
            ],
            name="Rows by table",
            most_height=400,
        )


def _show_not_evaluated(board: Board) -> None:
    heading("Rules that could not be evaluated")
    rows = board.not_evaluated()
    if rows:
        show_grid(rows, _RULE_COLUMNS, name="Rules that could not be evaluated")
    else:
        st.success(
            f"All {counted(len(board.evaluations), 'rule')} were evaluated on complete data.", icon=":material/check_circle:"
        )


def _show_quarantine(board: Board) -> None:
    rows = board.reader.quarantine()
    heading(
        "Records set aside",
        "These could not be read and are in no report. Mend them at the source; the next sync reads them again." if rows else "",
        board=board,
        rows=rows,
        name="quarantine",
    )
    if rows:
        show_grid(rows, _QUARANTINE_COLUMNS, name="Records set aside", most_height=320)
    else:
        st.success("Every record that was read is in the reports.", icon=":material/check_circle:")


def _show_drift(board: Board) -> None:
    rows = board.reader.drift()
    used = sum(bool(row["what_to_do"]) for row in rows)
    heading(
        "What changed in the vendors' fields",
        f"Noticed in the last {KEPT_DAYS} days; {counted(used, 'change')} in fields that the reports read." if rows else "",
        board=board,
        rows=rows,
        name="drift",
    )
    if rows:
        show_grid(rows, _DRIFT_COLUMNS, name="What changed in the vendors' fields", row_height=WRAPPING, most_height=320)
    else:
        since = instant(board.run["started_at"] - timedelta(days=KEPT_DAYS))
        st.success(
            f"No field was added, renamed or removed since {since}, or since the first sync if that is later.",
            icon=":material/check_circle:",
        )


def run_lines(ledger_rows: list[Row]) -> list[Row]:
    """Return one row for each run, newest first; a run that never ended was killed, or is running now."""
    runs: dict[str, Row] = {}
    for entry in ledger_rows:
        run = runs.setdefault(entry["run_id"], {"run_id": entry["run_id"], "outcome": "? did not end, or runs now"})
        if entry["phase"] == "started":
            run.update(what=entry["what"], as_of_on=entry["as_of_on"])
        else:
            details: dict[str, Any] = json.loads(entry["details"] or "{}")
            run.update(
                outcome=_OUTCOMES.get(entry["outcome"], entry["outcome"]),
                exit_code=entry["exit_code"],
                seconds=details.get("seconds"),
                rows=sum(source.get("rows") or 0 for source in details.get("sources") or []),
                held=details.get("held") or "",
            )
    return list(runs.values())


def _show_runs(board: Board) -> None:
    try:
        ledger = Ledger.existing(board.settings.handoff_home)
        if ledger is None:
            heading("Runs")
            st.info("No run is recorded here yet.", icon=":material/info:")
            return
        with ledger:
            rows = ledger.run_rows(limit=2 * _RUNS_SHOWN)
            found = ledger.verify()
    except HandoffError as error:
        heading("Runs")
        st.error(md_escape(error.sentence), icon=":material/error:")
        return
    if found.problem is None:
        heading(
            "Runs",
            f"The ledger is as it was written: {counted(found.row_count, 'row')}, the last one {md_escape(found.head[:16])}.",
        )
    else:
        heading("Runs")
        st.error(md_escape(found.problem), icon=":material/error:")
    show_grid(run_lines(rows)[:_RUNS_SHOWN], _RUN_COLUMNS, name="Runs", most_height=360)
