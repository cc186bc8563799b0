"""What leadership opens: a few numbers with what to do about each, and the worst findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.findings import card, totals
from dashboards.parts import counted, heading, md_escape, severity_of, show_not_evaluated, show_nothing

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Summary"
QUESTION: Final = "What needs somebody today, and who?"
ICON: Final = ":material/dashboard:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ()

_WORST_SHOWN: Final = 8
# more make the words beside a number fall apart on a laptop
_NUMBERS_IN_A_ROW: Final = 6


def show(board: Board) -> None:
    """Show the page."""
    with st.container(key="summary"):
        with st.container(key="numbers"):
            _show_numbers(board)
        with st.container():
            _show_worst(board)


def _show_numbers(board: Board) -> None:
    rows = board.reader.summary()
    if not rows:
        return
    places = [place for _ in rows[::_NUMBERS_IN_A_ROW] for place in st.columns(_NUMBERS_IN_A_ROW, gap="small")]
    for place, row in zip(places, rows, strict=False):  # the last row may have room
        with place, st.container(border=True, height="stretch", gap="small"):
            number, _, more = row["value_text"].partition(", ")  # a long number would be cut
            st.metric(md_escape(row["label"]), md_escape(number))
            if more:
                st.caption(md_escape(more))
            st.markdown(md_escape(row["what_to_do"]))
            if row["report"] is not None:
                board.link_report(row["report"])
    if board.filters.are_set:
        st.caption("These numbers are the whole organisation's; the filters apply to the findings.")


def _show_worst(board: Board) -> None:
    rows = board.filters.keep(board.reader.findings("findings"))
    note_md = f"{counted(len(rows), 'finding')}: {totals(rows)}. Each page has its own in full." if rows else ""
    heading("Worst findings first", note_md, board=board, rows=rows, name="findings")
    show_not_evaluated(board, None)
    if not rows:
        show_nothing(board, None, "Nothing is missing, late, due or over budget")
        return
    worst = [row for row in rows if severity_of(row) != "unknown"][:_WORST_SHOWN]
    left, right = st.columns(2, gap="small")
    for number, row in enumerate(worst or rows[:_WORST_SHOWN]):
        with left if number % 2 == 0 else right:
            _show_card(board, row)


def _show_card(board: Board, row: Row) -> None:
    with card(row):
        board.link_report(row["report"], "Evidence", finding=row["finding_id"])
