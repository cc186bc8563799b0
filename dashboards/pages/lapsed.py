"""What is in use without an agreement, and the day by which somebody must decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.findings import show_findings
from dashboards.grids import RECORD, Column, day_column, number, show_grid, text
from dashboards.parts import counted, day, heading, md_escape, show_nothing

if TYPE_CHECKING:
    from datetime import date

    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Lapsed"
QUESTION: Final = "What is still in use without an agreement, and by when must we decide?"
ICON: Final = ":material/timer:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("lapsed-but-active",)

_RESIDUAL: Final = "residual"


def clock_words(row: Row, as_of: date) -> str:
    """Return how long there is to decide, or since when the decision is due, in words and with a shape."""
    due = row["decision_due_on"]
    if due is None:
        return "◆ now: never contracted"
    days = (due - as_of).days
    if days < 0:
        return f"◆ {counted(-days, 'day')} late"
    return "▲ today" if days == 0 else f"● in {counted(days, 'day')}"


def signal_words(row: Row) -> str:
    """Return what shows that it is in use; a residue of storage is said to be one."""
    words = str(row["signals"] or "")
    return f"{words} (storage only)" if row["cost_class"] == _RESIDUAL else words


def _columns(as_of: date) -> tuple[Column, ...]:
    return (
        Column("Decide", lambda row: clock_words(row, as_of), text(165)),
        Column("By", "decision_due_on", day_column(100)),
        Column("Service", "deal_name", text(240)),
        Column("Owner", lambda row: row["deal_owner"] or "nobody", text(130)),
        Column("Ended", "effective_end_on", day_column(100)),
        Column("In use by", signal_words, text(125)),
        Column("USD a day", "daily_burn_usd", number(86)),
        Column("Not covered USD", "uncovered_cost_to_date_usd", number(116)),
        Column("By the decision", "projected_to_decision_usd", number(110)),
        Column("Renewal", lambda row: row["renewal_state"] or row["renewal_status"] or "none", text(100)),
        RECORD,
    )


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "lapsed-but-active", nothing="Nothing is in use without an agreement", most_height=400)
    services = board.filters.keep(board.reader.records("lapsed-services"), owners=("deal_owner", "delivery_owner"))
    if not services:
        heading("Decision clock")
        show_nothing(board, "lapsed-but-active", "No service runs without an agreement")
        return
    heading(
        "Decision clock",
        f"{counted(len(services), 'service')} in use after the agreement ended, or without one. The amounts are what nobody has agreed "
        "to pay so far, and by the day of the decision if nothing changes. A signed renewal that covers the days takes the row away.",
        board=board,
        rows=services,
        name="lapsed-services",
    )
    _show_buckets(services, board.as_of)
    with st.container(key="wide-lapsed"):
        show_grid(services, _columns(board.as_of), name="Services in use without an agreement, the first decision first")
    with st.container(key="narrow-lapsed"):
        for row in services:
            _show_card(row, board.as_of)


def _show_buckets(services: list[Row], as_of: date) -> None:
    late = sum(row["decision_due_on"] is None or row["decision_due_on"] < as_of for row in services)
    burn = sum(float(row["daily_burn_usd"] or 0) for row in services)
    lost = sum(float(row["uncovered_cost_to_date_usd"] or 0) for row in services)
    with st.container(horizontal=True, gap="large"):
        st.metric("Decisions late", late, width="content")
        st.metric("Spend a day", f"{burn:,.2f} USD", width="content")
        st.metric("Not covered so far", f"{lost:,.2f} USD", width="content")


def _show_card(row: Row, as_of: date) -> None:
    with st.container(border=True, gap="xxsmall"):
        st.markdown(f"**{md_escape(row['deal_name'])}**")
        burn = "no known cost" if row["daily_burn_usd"] is None else f"{row['daily_burn_usd']:,.2f} USD a day"
        st.text(
            f"Decide: {clock_words(row, as_of)} ({day(row['decision_due_on'])})\n"
            f"Ended: {day(row['effective_end_on'], missing='never contracted')}\nIn use by {signal_words(row)}; {burn}"
        )
