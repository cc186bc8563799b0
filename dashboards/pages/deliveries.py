"""Whether what was sold was delivered, and what shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.choices import choose
from dashboards.findings import show_findings
from dashboards.grids import RECORD, Column, day_column, show_grid, text
from dashboards.parts import checked_url, counted, day, heading, md_escape

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Verification"
QUESTION: Final = "Was what we sold delivered, and how do we know?"
ICON: Final = ":material/fact_check:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("delivery-verification",)

STEPS: Final = {
    "done": "✓ done", "open": "○ open", "late": "! late", "regressed": "▼ was done, is not", "unknown": "? unknown", "n_a": "- not for this",
}  # fmt: skip


def step_words(status: object) -> str:
    """Return the state of a step in words, with its shape."""
    return STEPS.get(str(status), f"? {status}")


def value_words(row: Row) -> str:
    """Return how long it took until people used the hub; who still waits is not counted as a number of days."""
    if not row["is_hub"]:
        return "no hub"
    if row["tfv_days"] is not None:
        return f"{'' if row['is_tfv_exact'] else 'at most '}{counted(row['tfv_days'], 'day')}"
    if row["tfv_waiting_days"] is not None:
        return f"waiting, {counted(row['tfv_waiting_days'], 'day')} so far"
    return "not known"


_DELIVERY_COLUMNS: Final = (
    Column("Next step", lambda row: row["next_step"] or "none: all done", text(190)),
    Column("It is", lambda row: step_words(row["next_step_status"]) if row["next_step"] else "✓ done", text(110)),
    Column("Due", "next_due_on", day_column(100)),
    Column("Engagement", "engagement_name", text(250)),
    Column("Delivery owner", lambda row: row["delivery_owner"] or "nobody", text(160)),
    Column("Steps done", lambda row: f"{row['done_step_count']} of {row['step_count']}", text(90)),
    Column("Late", "late_step_count", st.column_config.NumberColumn(width=60)),
    Column("Delivered", lambda row: f"{row['delivered_item_count']} of {row['promised_item_count']}", text(90)),
    Column("Until in use", value_words, text(160)),
    Column("Findings", "finding_count", st.column_config.NumberColumn(width=80)),
    RECORD,
)
_STEP_COLUMNS: Final = (
    Column("Step", "step_name", text(240)),
    Column("State", lambda row: step_words(row["step_status"]), text(140)),
    Column("Shown by", lambda row: row["evidence_type"] or "nothing yet", text(280)),
    Column("On", "evidence_on", day_column(110)),
    Column("Vouched for by", lambda row: row["verified_by"] or "", text(200)),
    Column("Due", "due_on", day_column(110)),
    Column("Evidence", lambda row: checked_url(row["evidence_url"]), st.column_config.LinkColumn(width=90, display_text="Open")),
)


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "delivery-verification", nothing="Every delivery adds up", most_height=400)
    rows = board.filters.keep(board.reader.records("deliveries"), owners=("deal_owner", "delivery_owner"))
    if not rows:
        heading("Deliveries")
        st.info("No delivery fits the filters." if board.filters.are_set else "No delivery is known.", icon=":material/info:")
        return
    _show_time_to_value(board, rows)
    _show_deliveries(board, rows)
    _show_one(board, rows)


def _show_time_to_value(board: Board, rows: list[Row]) -> None:
    known = board.reader.records("time-to-value")
    with st.container(horizontal=True, gap="large"):
        st.metric("Deliveries with a late step", sum(bool(row["late_step_count"]) for row in rows), width="content")
        st.metric("All steps done", sum(row["done_step_count"] == row["step_count"] for row in rows), width="content")
        if known:
            value = known[0]
            st.metric("Hubs in use", f"{value['reached_count']:,} of {value['hub_count']:,}", width="content")
            if value["reached_count"]:
                st.metric("Days until in use", md_escape(str(value["median_days"] or "not known")), width="content")
    if known and known[0]["unknown_count"]:
        st.info(
            f"Whether people use it is not known of {counted(known[0]['unknown_count'], 'hub')}: no usage was imported for them. "
            "`handoff import usage FILE` takes the daily users of each hub.",
            icon=":material/help:",
        )


def _show_deliveries(board: Board, rows: list[Row]) -> None:
    heading(
        "Deliveries",
        f"{counted(len(rows), 'engagement')}, those with a late step first. A step is done when something shows it: a date, a closed "
        "issue, or people who use the hub.",
        board=board,
        rows=rows,
        name="deliveries",
    )
    show_grid(rows, _DELIVERY_COLUMNS, name="Deliveries, late ones first", most_height=480)


def _show_one(board: Board, rows: list[Row]) -> None:
    heading("One delivery", "Every step with what shows it.")
    chosen = choose("Engagement", rows, key="engagement", name="engagement_name", identity="engagement_id")
    if chosen is None:
        return
    steps = [row for row in board.reader.records("delivery-steps") if row["engagement_id"] == chosen["engagement_id"]]
    if chosen["requested_on"] is not None:
        st.text(f"Requested on {day(chosen['requested_on'])}. Until in use: {value_words(chosen)}.")
    show_grid(steps, _STEP_COLUMNS, name=f"Steps of {chosen['engagement_name']}")
