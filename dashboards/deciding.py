"""Decisions on the spot: acknowledge, snooze, waive or reopen a finding, as `handoff decide` does, and what was decided since the snapshot.

Nothing is written to a vendor: a decision is a row of the ledger, with its author. The dashboard has no log-in, so the author is the
user who serves it, or the name that is given; the ledger does not take that for proof.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.commands import user
from dashboards.journal import pending_decisions
from dashboards.parts import day, instant_of, md_escape
from pipelines.decisions import Decision, DecisionKind, decide
from pipelines.errors import HandoffError
from pipelines.reports import printable
from pipelines.rules import load_rules
from pipelines.sync import as_of_date

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

_WORDS: Final[dict[str, DecisionKind]] = {
    "Acknowledge": DecisionKind.ack,
    "Snooze": DecisionKind.snooze,
    "Waive": DecisionKind.waive,
    "Reopen": DecisionKind.reopen,
}
_MEANINGS: Final[dict[DecisionKind, str]] = {
    DecisionKind.ack: "Somebody knows of it. It stays in every list until it is resolved.",
    DecisionKind.snooze: "It is left out of the lists until that day, or until its evidence changes.",
    DecisionKind.waive: "It is left out of the lists for good, until its evidence changes in what matters.",
    DecisionKind.reopen: "What was decided is taken back, and it is open again.",
}
_DEEDS: Final = {"ack": "acknowledged", "snooze": "snoozed", "waive": "waived", "reopen": "reopened"}
_A_WEEK: Final = timedelta(days=7)


def pending_words(decision: Row | None) -> str:
    """Return what was decided since the snapshot, in words; nothing where nothing was."""
    if decision is None:
        return ""
    until = f" until {day(date.fromisoformat(decision['until_on']))}" if decision["until_on"] else ""
    return f"{_DEEDS.get(decision['kind'], decision['kind'])}{until}"


def with_pending(board: Board, rows: list[Row]) -> list[Row]:
    """Return findings, each with what was decided about it since the snapshot as ``pending``."""
    pending = pending_decisions(board)
    return [row | {"pending": pending.get(row["finding_id"])} for row in rows]


def show_decision(board: Board, row: Row) -> None:
    """Show what was decided about a finding since the snapshot, and the form that decides."""
    pending = pending_decisions(board).get(row["finding_id"])
    if pending is not None:
        why = f": {printable(pending['reason'])}" if pending["reason"] else ""
        st.info(
            md_escape(f"Recorded {instant_of(pending['at'])} by {pending['actor']}: {pending_words(pending)}{why}.")
            + " The next `handoff sync` takes it into the lists and numbers.",
            icon=":material/how_to_vote:",
        )
    if board.is_latest:
        with st.expander("Decide", icon=":material/how_to_vote:", expanded=st.session_state.get("deciding") == row["finding_id"]):
            _show_form(board, row, pending)


def _show_form(board: Board, row: Row, pending: Row | None) -> None:
    finding_id = row["finding_id"]
    is_decided = bool(row.get("decided_by")) or (pending is not None and pending["kind"] != DecisionKind.reopen)
    words = [word for word, kind in _WORDS.items() if kind is not DecisionKind.reopen or is_decided]
    word: Any = st.segmented_control(
        "Decide", words, default=words[0], key=f"kind-{finding_id}", label_visibility="collapsed", required=True
    )
    kind = _WORDS[word or words[0]]
    st.caption(md_escape(_MEANINGS[kind]))
    today = as_of_date(board.settings, load_rules(board.settings.rules_dir), None)
    with st.form(f"decide-{finding_id}", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            until = None
            if kind is DecisionKind.snooze:
                until = st.date_input(
                    "Until", value=today + _A_WEEK, min_value=today + timedelta(days=1), format="YYYY-MM-DD", width=150
                )
            reason = st.text_input("Reason", placeholder="Why, for whoever reads it later", width=420)
            by = st.text_input("In the name of", value=user(board), width=200, disabled=board.person is not None)
            is_sent = st.form_submit_button("Record", icon=":material/save:")
        statement = (
            ""
            if board.person is not None
            else f" A name here is a statement and no log-in: {md_escape(user(board))} serves this page."
        )
        st.caption(f"The ledger keeps the name, the time and the reason.{statement}")
    if is_sent:
        _record(
            board,
            Decision(
                finding_id,
                kind,
                reason,
                until=until if isinstance(until, date) else None,
                by=user(board) if board.person is not None else by,
            ),
            today,
        )


def _record(board: Board, decision: Decision, today: date) -> None:
    if decision.kind is not DecisionKind.reopen and not decision.reason.strip():
        st.warning("Give a reason that others can read later. Nothing was recorded.", icon=":material/warning:")
        return
    try:
        decide(board.settings.handoff_home, decision, today=today)
    except HandoffError as error:
        st.warning(md_escape(error.sentence), icon=":material/warning:")
        return
    st.session_state["deciding"] = None
    st.rerun()
