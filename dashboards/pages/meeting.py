"""A meeting from its first point to its last: what changed since the one before, each report in turn, and what was decided."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import duckdb
import streamlit as st

from dashboards.deciding import pending_words
from dashboards.findings import SEVERITY, show_findings
from dashboards.grids import RECORD, Column, height_of, show_grid, text
from dashboards.journal import pending_decisions
from dashboards.meetings import KINDS, Findings, Meeting, meetings_of, what_changed
from dashboards.parts import counted, day, heading, instant_of, md_escape
from dashboards.queries import SET_ASIDE, opened_reader
from dashboards.snapshots import Kept, kept_snapshots
from pipelines.rules import load_rules

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Reader, Row

TITLE: Final = "Meeting"
QUESTION: Final = "What changed since we last met, and what do we decide today?"
ICON: Final = ":material/diversity_3:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ()

_WHY_WIDTH: Final = 380
_CHANGES: Final = (
    Column("Change", "change", text(110)),
    SEVERITY,
    Column("Subject", "subject", text(210)),
    Column("Why", "reason", text(_WHY_WIDTH)),
    Column("What to do", "what_to_do", text(280)),
    Column("Owner", lambda row: row.get("owner") or "nobody", text(150)),
    RECORD,
)
_DECISIONS: Final = (
    Column("When", lambda row: instant_of(row["at"]), text(160)),
    Column("Finding", "finding_id", text(260)),
    Column("Decided", pending_words, text(200)),
    Column("Reason", "reason", text(420)),
    Column("By", "actor", text(140)),
)


def show(board: Board) -> None:
    """Show the page."""
    by_name = {meeting.name: meeting for meeting in meetings_of(load_rules(board.settings.rules_dir))}
    if not by_name:
        st.info("No meeting is known. rule_meetings.csv has a row for each; add one, and this page goes through its agenda.")
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name: Any = st.selectbox("Meeting", list(by_name), key="meeting", bind="query-params", width=260)
        meeting = by_name.get(name) or next(iter(by_name.values()))
        since = _choose_since(board, meeting)
    st.caption(md_escape(meeting.what_for))
    _show_changes(board, meeting, since)
    _show_agenda(board, meeting)
    _show_decisions(board)


def _choose_since(board: Board, meeting: Meeting) -> Kept | None:
    """Show the snapshots to compare with, bound to ``?since=``; without a choice it is that of the meeting before."""
    kept = {
        snapshot.words: snapshot
        for snapshot in kept_snapshots(board.settings.handoff_home)
        if snapshot.run_id < board.reader.run_id
    }
    if not kept:
        return None
    usual = _of_last_time(list(kept.values()), board.as_of, meeting)
    chosen: Any = st.selectbox(
        "Compare with",
        list(kept),
        index=None,
        key="since",
        placeholder=f"Last time: {usual.words[0].lower()}{usual.words[1:]}",
        bind="query-params",
        width=460,
    )
    return kept.get(chosen, usual)


def _of_last_time(kept: list[Kept], as_of: date, meeting: Meeting) -> Kept:
    """Return the newest snapshot from before the last meeting, or the oldest that there is."""
    last = as_of - timedelta(days=meeting.every_days)
    before = [snapshot for snapshot in kept if snapshot.as_of <= last]
    return before[0] if before else kept[-1]


def _findings(board: Board, reader: Reader, meeting: Meeting) -> Findings:
    """Return the findings of the meeting's reports that fit the filters."""
    listed = [row for row in reader.findings("findings") if row["report"] in meeting.reports]
    aside = [row for row in reader.findings("set-aside") if row["report"] in meeting.reports and row["state"] in SET_ASIDE]
    return Findings(board.filters.keep(listed), board.filters.keep(aside))


def _show_changes(board: Board, meeting: Meeting, since: Kept | None) -> None:
    if since is None:
        heading("What changed")
        st.info("No earlier snapshot is kept yet. After the next sync this says what changed.", icon=":material/info:")
        return
    try:
        then = _findings(board, opened_reader(since.version), meeting)
    except (duckdb.CatalogException, duckdb.BinderException):
        heading("What changed")
        st.info("That snapshot was made by another version of handoff and cannot be compared.", icon=":material/info:")
        return
    changes = what_changed(then, _findings(board, board.reader, meeting))
    heading(
        f"What changed since {day(since.as_of)}",
        "In the reports of this meeting; the most telling first." if changes else "",
        board=board,
        rows=changes,
        name="changes-since",
    )
    counts = Counter(row["change"] for row in changes)
    with st.container(key="counts"):
        for place, kind in zip(st.columns(len(KINDS), gap="small"), KINDS, strict=True):
            with place, st.container(border=True, gap="xxsmall"):
                st.text(kind)
                st.markdown(f"**{counts[kind]:,}**")
    if not changes:
        st.success(f"Nothing was opened, resolved or made worse since {day(since.as_of)}.", icon=":material/check_circle:")
        return
    show_grid(
        changes[:1000],
        _CHANGES,
        name="What changed",
        row_height=height_of((row["reason"] for row in changes), _WHY_WIDTH),
        most_height=360,
    )


def _show_agenda(board: Board, meeting: Meeting) -> None:
    """Show the reports of the meeting, one at a time; a finding in full takes a decision on the spot."""
    points = {f"{number} · {_title(board, report)}": report for number, report in enumerate(meeting.reports, start=1)}
    chosen: Any = st.segmented_control(
        "Agenda", list(points), default=next(iter(points)), key=f"point-{meeting.name}", required=True
    )
    report = points.get(chosen, meeting.reports[0])
    show_findings(board, report, nothing="Nothing to talk about", most_height=420)
    board.link_report(report, "The whole page")


def _title(board: Board, report: str) -> str:
    page = board.report_pages.get(report)
    return board.pages[page].title if page else report.replace("-", " ").capitalize()


def _show_decisions(board: Board) -> None:
    """Show what was decided since the snapshot, newest first: the minutes of the meeting."""
    rows: list[Row] = sorted(pending_decisions(board).values(), key=lambda row: row["at"], reverse=True)
    shown = [{name: row[name] for name in ("at", "finding_id", "kind", "until_on", "reason", "actor")} for row in rows]
    heading(
        "Decided since this snapshot",
        f"{counted(len(shown), 'decision')}, from the ledger; the next `handoff sync` takes them into the reports."
        if shown
        else "",
        board=board,
        rows=shown,
        name="decisions",
    )
    if not shown:
        st.info("Nothing yet. Choose a finding above, then Decide.", icon=":material/how_to_vote:")
        return
    show_grid(shown, _DECISIONS, name="What was decided")
