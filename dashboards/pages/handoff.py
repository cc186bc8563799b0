"""What was sold and has not reached delivery: gaps first, then every deal in handoff with its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.findings import show_findings
from dashboards.grids import RECORD, Column, day_column, show_grid, text
from dashboards.parts import counted, heading

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Handoff"
QUESTION: Final = "What did we sell that has not reached delivery?"
ICON: Final = ":material/swap_horiz:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("handoff-gaps",)

_STEPS: Final = {"done": "✓ done", "missing": "✗ missing", "late": "! late", "not due": "○ not due", "unknown": "? unknown"}


def _step(column: str) -> Any:
    return lambda row: _STEPS.get(str(row[column]), "? unknown")


def score_words(row: Row) -> str:
    """Return the score in words; a range where something is not known."""
    low, high = row["handoff_score_low_ratio"], row["handoff_score_ratio"]
    if high is None:
        return "not known"
    return f"{high:.0%}" if low is None or round(low, 2) == round(high, 2) else f"{low:.0%} to {high:.0%}"


_COLUMNS: Final = (
    Column("Deal", "deal_name", text(230)),
    Column("Stage", "stage_name", text(110)),
    Column("In handoff since", "handoff_started_on", day_column(110)),
    Column("Start", "start_on", day_column(100)),
    Column("Agreement", _step("agreement_step"), text(92)),
    Column("Request", _step("request_step"), text(92)),
    Column("Engagement", _step("engagement_step"), text(96)),
    Column("Breakdown", _step("breakdown_step"), text(92)),
    Column("Started", _step("started_step"), text(92)),
    Column("Score", score_words, text(96)),
    Column("Delivery owner", lambda row: row["delivery_owner"] or "nobody", text(140)),
    RECORD,
)


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "handoff-gaps", nothing="No handoff gaps")
    deals = board.filters.keep(board.reader.handoff_deals(), owners=("deal_owner", "delivery_owner"))
    if not deals:
        heading("Deals in handoff")
        st.info(
            "No deal in handoff fits the filters." if board.filters.are_set else "No deal is in handoff.", icon=":material/info:"
        )
        return
    complete = sum(row["handoff_score_low_ratio"] == 1 for row in deals)
    heading(
        "Deals in handoff",
        f"{counted(len(deals), 'deal')}, {complete:,} complete; the least complete first. The score is the weight of the steps that "
        "are done, of those that are due; it is a range while something is unknown.",
        board=board,
        rows=deals,
        name="handoff-deals",
    )
    show_grid(deals, _COLUMNS, name="Deals in handoff with their steps")
