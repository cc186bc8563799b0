"""Which engagements are in trouble, and which nobody has said anything about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.grids import RECORD, Column, day_column, show_grid, text
from dashboards.parts import counted, day, heading, md_escape

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Engagements"
QUESTION: Final = "Which engagements are in trouble, and which has nobody reported on?"
ICON: Final = ":material/flag:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ()

_LIGHTS: Final = {"red": "◆ red", "amber": "▲ amber", "yellow": "▲ yellow", "green": "○ green"}
_TROUBLED: Final = {"red", "amber", "yellow"}
# the rules that speak of an old status and of trouble without an action; their thresholds are theirs
_OLD_STATUS: Final = "DV06"
_NO_ACTION: Final = "DV07"


def light_words(row: Row) -> str:
    """Return the light of an engagement in words, with its shape."""
    return _LIGHTS.get(str(row["rag"]).casefold(), f"? {row['rag'] or 'not set'}")


def is_troubled(row: Row) -> bool:
    """Return whether the light is red or amber."""
    return str(row["rag"]).casefold() in _TROUBLED


def _age(row: Row) -> str:
    days = row["last_status_update_days"]
    return "never" if days is None else "today" if days == 0 else f"{counted(days, 'day')} ago"


def _action(row: Row) -> str:
    if not is_troubled(row):
        return ""
    return "✓ yes" if row["has_action"] else "✗ none"


def _columns(old: set[str]) -> tuple[Column, ...]:
    return (
        Column("Light", light_words, text(110)),
        Column("Engagement", "engagement_name", text(264)),
        Column("Status", "status", text(120)),
        Column("Last report", lambda row: f"{'! ' if row['engagement_id'] in old else ''}{_age(row)}", text(130)),
        Column("Action", _action, text(90)),
        Column("Delivery owner", lambda row: row["delivery_owner"] or "nobody", text(180)),
        Column("Starts", "start_on", day_column(104)),
        Column("Ends", "end_on", day_column(104)),
        Column("Next step", lambda row: row["next_step"] or "all done", text(190)),
        RECORD,
    )


def show(board: Board) -> None:
    """Show the page."""
    rows = board.filters.keep(board.reader.records("deliveries"), owners=("deal_owner", "delivery_owner"))
    if not rows:
        heading("Engagements")
        st.info("No engagement fits the filters." if board.filters.are_set else "No engagement is known.", icon=":material/info:")
        return
    findings = board.filters.keep(board.reader.findings("delivery-verification"))
    old = {row["subject_id"] for row in findings if row["rule_id"] == _OLD_STATUS}
    idle = {row["subject_id"] for row in findings if row["rule_id"] == _NO_ACTION}
    _show_numbers(rows, old, idle)
    ordered = sorted(rows, key=lambda row: _order(row, old))
    _show_cards(board, [row for row in ordered if is_troubled(row) or row["engagement_id"] in old])
    heading(
        "Engagements",
        f"{counted(len(rows), 'engagement')}: red and amber first, then those whose last report is old (!), then by when they end.",
        board=board,
        rows=ordered,
        name="engagements",
    )
    show_grid(ordered, _columns(old), name="Engagements, red and amber first", most_height=560)


def _order(row: Row, old: set[str]) -> tuple[int, bool, bool, str]:
    lights = list(_LIGHTS)
    light = str(row["rag"]).casefold()
    place = lights.index(light) if light in _TROUBLED else len(lights)
    return place, row["engagement_id"] not in old, row["end_on"] is None, str(row["end_on"])


def _show_numbers(rows: list[Row], old: set[str], idle: set[str]) -> None:
    with st.container(horizontal=True, gap="large"):
        st.metric("◆ Red", sum(str(row["rag"]).casefold() == "red" for row in rows), width="content")
        st.metric("▲ Amber", sum(is_troubled(row) and str(row["rag"]).casefold() != "red" for row in rows), width="content")
        st.metric("Red or amber without an action", len(idle), width="content")
        st.metric("Last report too old", len(old), width="content")
        st.metric("Without a delivery owner", sum(not row["delivery_owner"] for row in rows), width="content")


def _show_cards(board: Board, rows: list[Row]) -> None:
    heading("Look at these first", "Red or amber, or no report for longer than the rules allow." if rows else "")
    if not rows:
        gaps = [row for row in board.not_evaluated("delivery-verification") if row["rule_id"] in {_OLD_STATUS, _NO_ACTION}]
        if gaps:
            st.info(f"None in what could be evaluated. {md_escape(gaps[0]['gate_reason'] or '')}", icon=":material/help:")
        else:
            st.success(
                f"No engagement is red, amber or without a recent report as of {day(board.as_of)}.",
                icon=":material/check_circle:",
            )
        return
    left, right = st.columns(2, gap="small")
    for number, row in enumerate(rows):
        with left if number % 2 == 0 else right, st.container(border=True, gap="xxsmall"):
            st.markdown(f"**{md_escape(row['engagement_name'])}**")
            action = f", action: {_action(row)}" if is_troubled(row) else ""
            st.text(
                f"{light_words(row)}{action}\n{row['delivery_owner'] or 'nobody'}; last report {_age(row)}; ends {day(row['end_on'])}"
            )
            with st.container(horizontal=True):
                board.link("deliveries", "Steps", engagement=str(row["engagement_name"]))
