"""Findings as a page shows them: a grid that says why and what to do on every row, cards on a phone, and one finding in full."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.deciding import pending_words, show_decision, with_pending
from dashboards.grids import MOST_CHOOSABLE, RECORD, Column, height_of, show_grid, text
from dashboards.parts import (
    checked_url,
    counted,
    day,
    heading,
    instant_of,
    link_md,
    md_escape,
    severity_of,
    show_not_evaluated,
    show_nothing,
)
from pipelines.reports import printable

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboards.parts import Board
    from dashboards.queries import Row

# word, shape and colour: the shape and the word say it without the colour
SEVERITIES: Final[dict[str, tuple[str, str, str]]] = {
    "blocker": ("◆ Blocker", "#8f1d2c", "red"),
    "high": ("▲ High", "#b4530a", "orange"),
    "medium": ("● Medium", "#7a6a12", "yellow"),
    "low": ("○ Low", "#5f6b76", "gray"),
    "unknown": ("? Unknown", "#6a4fb3", "violet"),
}
_CARDS_SHOWN: Final = 20
_WHY_WIDTH: Final = 300


def severity_badge_md(row: Row) -> str:
    """Return the severity as a Markdown badge."""
    word, _, colour = SEVERITIES[severity_of(row)]
    return f":{colour}-badge[{word}]"


SEVERITY: Final = Column(
    "Severity",
    lambda row: [SEVERITIES[severity_of(row)][0]],
    st.column_config.MultiselectColumn(
        width=112,
        options=[word for word, _, _ in SEVERITIES.values()],
        color=[colour for _, colour, _ in SEVERITIES.values()],
    ),
)


def _due(row: Row) -> str:
    if row.get("due_on") is None:
        return ""
    return f"{day(row['due_on'])}{' (late)' if row.get('is_overdue') else ''}"


def _who(row: Row) -> str:
    return f"{row.get('owner') or 'nobody'} ({row.get('owner_team') or 'no team'})"


# what a reader may ask for, in the words of docs/findings.md
STATES: Final[dict[str, str]] = {
    "open": "open",
    "acknowledged": "acknowledged",
    "indeterminate": "unknown",
    "snoozed": "snoozed",
    "waived": "waived",
}


def _state(row: Row) -> str:
    word = STATES.get(str(row.get("state")), "")
    state = f"{word} until {day(row['snoozed_until_on'])}" if row.get("snoozed_until_on") else word
    pending = pending_words(row.get("pending"))
    return f"{state}, pending: {pending}" if pending else state


def _since(row: Row) -> str:
    return day(row["state_since_at"], missing="")


COLUMNS: Final = (
    SEVERITY,
    Column("Subject", "subject", text(180)),
    Column("Why", "reason", text(_WHY_WIDTH)),
    Column("What to do", "what_to_do", text(232)),
    Column("Owner", _who, text(138)),
    Column("Due", _due, text(98)),
    Column("State", _state, text(110)),
    Column("Since", _since, text(92)),
    RECORD,
)


def totals(rows: list[Row]) -> str:
    """Return how many findings there are of each severity, in words."""
    numbers = Counter(severity_of(row) for row in rows)
    return ", ".join(f"{numbers[key]} {SEVERITIES[key][0][2:].casefold()}" for key in SEVERITIES if numbers[key])


def card(row: Row) -> DeltaGenerator:
    """Show one finding as a card, and return the card for more to be put on it."""
    place = st.container(border=True, gap="xxsmall")
    with place:
        meta_md = " · ".join(
            part
            for part in (
                md_escape(_who(row)),
                f"due {md_escape(_due(row))}" if row.get("due_on") else "",
                link_md("Open the record", row.get("record_url")),
            )
            if part
        )
        st.markdown(
            f"{severity_badge_md(row)} **{md_escape(row['subject'])}**  \n{md_escape(row['reason'])}  \n"
            f"**What to do:** {md_escape(row['what_to_do'])}  \n{meta_md}"
        )
    return place


def show_findings(board: Board, report: str, *, nothing: str, most_height: int = 500) -> None:
    """Show a report's findings that fit the filters, most severe first, and the chosen one in full below.

    What is snoozed or waived is counted, and shown to whoever asks for that state.
    """
    listed = board.filters.keep(board.reader.findings(report))
    aside = board.filters.keep(board.reader.set_aside(report))
    state = _chosen_state([*listed, *aside])
    rows = listed if state is None else [row for row in [*listed, *aside] if row["state"] == state]
    note_md = f"{counted(len(rows), 'finding')}: {totals(rows)}." if rows else ""
    aside_md = f" {counted(len(aside), 'finding')} set aside." if aside and state is None else ""
    heading("Findings", f"{note_md}{aside_md}".strip(), board=board, rows=rows, name=report)
    show_not_evaluated(board, report)
    if not rows and state is not None:
        st.info(f"No finding is {md_escape(STATES[state])}.", icon=":material/info:")
        return
    if not rows:
        show_nothing(board, report, nothing)
        return
    show_list(board, report, rows, most_height=most_height)


def show_list(board: Board, name: str, rows: list[Row], *, most_height: int = 500) -> None:
    """Show findings as a grid, or as cards on a phone, and the chosen one in full."""
    with st.container(key=f"wide-{name}"):
        chosen = _grid(board, name, with_pending(board, rows), most_height)
        if chosen is None:
            st.caption("Choose a row for its evidence; the address then names it.")
    if chosen is not None:
        show_finding(board, chosen)
    with st.container(key=f"narrow-{name}"):
        for row in rows[:_CARDS_SHOWN]:
            with card(row):
                link_to_evidence(board, row)
        if len(rows) > _CARDS_SHOWN:
            st.caption(f"{len(rows) - _CARDS_SHOWN:,} more on a wider screen and in the CSV file.")


def link_to_evidence(board: Board, row: Row) -> None:
    """Show the links from a card to the finding in full and to its deal."""
    with st.container(horizontal=True, gap="small"):
        board.link_report(row["report"], "Evidence", finding=row["finding_id"])
        link_to_deal(board, row)


def link_to_deal(board: Board, row: Row) -> None:
    """Show the link to everything about the deal of a row; nothing where it is about none."""
    if row.get("deal_id") and "deal" in board.pages:
        board.link("deal", "The deal", deal=str(row["deal_id"]))


def _chosen_state(rows: list[Row]) -> str | None:
    """Show the states that there are, bound to ``?state=``, and return the chosen one; None while nothing is chosen."""
    present = {str(row["state"]) for row in rows}
    asked = st.query_params.get("state")
    # a link may name a state that nothing is in any more
    words = [word for state, word in STATES.items() if state in present or word == asked]
    if len(words) < 2:
        return None
    chosen = st.segmented_control("State", words, key="state", bind="query-params")
    return next((state for state, word in STATES.items() if word == chosen), None)


def _grid(board: Board, report: str, rows: list[Row], most_height: int) -> Row | None:
    """Show the grid and return the chosen row; ``?finding=`` chooses one from outside."""
    shown = rows[:MOST_CHOOSABLE]
    asked = st.query_params.get("finding")
    place = next((number for number, row in enumerate(rows) if row["finding_id"] == asked), None)
    is_shown = place is not None and place < len(shown)
    event: Any = show_grid(
        shown,
        COLUMNS,
        name=f"Findings of {report}",
        row_height=height_of((row["reason"] for row in shown), _WHY_WIDTH),
        most_height=most_height,
        key=f"grid-{report}-{board.reader.run_id}-{board.filters.words}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [place]}} if is_shown else None,
    )
    if len(rows) > len(shown):
        st.caption(
            f"The first {len(shown):,} of {len(rows):,}, the most severe. Filter, or download the CSV file, for the others."
        )
    selected = event.selection.rows
    if not selected or selected[0] >= len(shown):
        if is_shown:
            del st.query_params["finding"]
        return None if place is None or is_shown else rows[place]
    row: Row = shown[selected[0]]
    if row["finding_id"] != asked:
        st.query_params["finding"] = row["finding_id"]
    return row


def show_finding(board: Board, row: Row) -> None:
    """Show everything that is known about one finding."""
    rule = next((known for known in board.evaluations if known["rule_id"] == row["rule_id"]), None)
    with st.container(border=True):
        st.markdown(f"{severity_badge_md(row)} **{md_escape(row['subject'])}**")
        title = f": {rule['title']}. {rule['reason']}" if rule else ""
        st.text(f"{row['rule_id']}{title}")
        why, todo = st.columns(2)
        with why:
            st.markdown("**Why**")
            st.text(printable(row["reason"]))
        with todo:
            st.markdown("**What to do**")
            st.text(f"{printable(row['what_to_do'])}\n{_who(row)}{', due ' + _due(row) if row.get('due_on') else ''}")
        _show_evidence(row)
        with st.container(horizontal=True):
            url = checked_url(row.get("record_url"))
            if url:
                st.link_button("Open the record", url, icon=":material/open_in_new:")
            if row.get("fix_action"):
                board.link("fixes", "A fix is proposed")
            link_to_deal(board, row)
        if row.get("decided_by"):
            st.text(
                f"State: {_state(row | {'pending': None})}, by {printable(row['decided_by'])}: {printable(row['decision_reason'] or '')}"
            )
        show_decision(board, row)
        st.text(f"Finding {printable(row['finding_id'])}; the address of this page shows it again.")


def _show_evidence(row: Row) -> None:
    evidence = row.get("evidence")
    if not isinstance(evidence, list) or not evidence:
        return
    st.markdown("**Evidence**")
    show_grid(
        [item if isinstance(item, dict) else {"value": str(item)} for item in evidence],
        [
            Column("Field", "field", text(220)),
            Column("Value", lambda item: "(empty)" if item.get("value") in {None, ""} else str(item["value"]), text(420)),
            Column("Source", "source", text(160)),
            Column("Seen at", lambda item: instant_of(item["seen_at"]) if item.get("seen_at") else "", text(220)),
        ],
        name="Evidence",
    )
