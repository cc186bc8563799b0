"""Whether delivery has the hours for what is sold and what may be sold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.capacity_charts import demand_and_supply
from dashboards.choices import choose
from dashboards.grids import RECORD, Column, day_column, number, show_grid, text
from dashboards.parts import counted, day, heading

if TYPE_CHECKING:
    from datetime import date

    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Capacity"
QUESTION: Final = "Does delivery have the hours for what is sold, and for what may be sold?"
ICON: Final = ":material/group:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ()

_SCENARIOS: Final = {
    "confirmed": "Sold",
    "weighted": "Sold, and proposals by their chance",
    "exposure": "Sold, and every proposal won",
}
_LIGHTS: Final = {"green": "○ room", "amber": "● nearly full", "red": "▲ too much"}
_VERDICTS: Final = {"fits": "✓ fits", "tight": "● tight", "overload": "▲ too much", "unknown": "? unknown"}


def _percent(value: float | None) -> str:
    return "not known" if value is None else f"{value:.0%}"


def _fullest(row: Row) -> str:
    if row["highest_utilisation_ratio"] is None:
        return str(row["why_unknown"] or "not known")
    return f"{row['highest_utilisation_ratio']:.0%}, {day(row['tightest_week_on'])}"


_WEEK_COLUMNS: Final = (
    Column("State", lambda row: _LIGHTS.get(str(row["light"]), "? unknown"), text(130)),
    Column("Team", "team", text(70)),
    Column("Week from", "week_on", day_column(110)),
    Column("Hours there", "supply_hours", number(100, "%.1f")),
    Column("Sold", "committed_hours", number(90, "%.1f")),
    Column("Needed", "demand_hours", number(90, "%.1f")),
    Column("Share", lambda row: _percent(row["utilisation_ratio"]), text(80, alignment="right")),
    Column("Most of it", "drivers", text(600)),
)
_MONTH_COLUMNS: Final = (
    Column("State", lambda row: _LIGHTS.get(str(row["light"]), "? unknown"), text(150)),
    Column("Team", "team", text(90)),
    Column("Month", lambda row: f"{row['month_on']:%B %Y}", text(180)),
    Column("Weeks", "weeks", number(90, "localized")),
    Column("Hours there", "supply_hours", number(140, "%.1f")),
    Column("Sold", "committed_hours", number(140, "%.1f")),
    Column("Needed", "demand_hours", number(140, "%.1f")),
    Column("Share", lambda row: _percent(row["utilisation_ratio"]), text(120, alignment="right")),
    Column("Weeks with too much", "overloaded", number(170, "localized")),
)
_VERDICT_COLUMNS: Final = (
    Column("Verdict", lambda row: _VERDICTS.get(str(row["verdict"]), "? unknown"), text(120)),
    Column("Deal", "deal_name", text(250)),
    Column("Owner", lambda row: row["deal_owner"] or "nobody", text(140)),
    Column("Stage", "stage_name", text(110)),
    Column("Starts", "start_on", day_column(100)),
    Column("Hours in all", "planned_hours", number(100, "%.1f")),
    Column("Chance", lambda row: f"{_percent(row['win_ratio'])} ({row['win_ratio_source']})", text(185)),
    Column("Fullest week", _fullest, text(150)),
    Column("Delivery asked", lambda row: day(row["checked_on"]) if row["checked_on"] else "✗ not yet", text(110)),
    RECORD,
)
_DEMAND_COLUMNS: Final = (
    Column("For", "subject", text(330)),
    Column("Team", "team", text(80)),
    Column("Hours", "hours", number(100, "%.1f")),
    Column("By its chance", "weighted_hours", number(120, "%.1f")),
    Column("Sold", lambda row: "✓ sold" if row["is_committed"] else "○ proposal", text(110)),
    Column("Chance", lambda row: f"{_percent(row['win_ratio'])} ({row['win_ratio_source']})", text(230)),
    Column("Reckoned by", lambda row: f"{row['basis']}{', overspent' if row['is_overspent'] else ''}", text(170)),
    RECORD,
)


def months_of(weeks: list[Row]) -> list[Row]:
    """Return the weeks of one scenario added up by team and by the month in which they begin; the fullest week gives the state."""
    months: dict[tuple[str, date], Row] = {}
    for week in weeks:
        month_on = week["week_on"].replace(day=1)
        month = months.setdefault(
            (week["team"], month_on),
            {
                "team": week["team"], "month_on": month_on, "weeks": 0, "supply_hours": 0.0, "committed_hours": 0.0,
                "demand_hours": 0.0, "overloaded": 0, "light": "green",
            },
        )  # fmt: skip
        month["weeks"] += 1
        for name in ("supply_hours", "committed_hours", "demand_hours"):
            month[name] += week[name] or 0.0
        month["overloaded"] += week["light"] == "red"
        month["light"] = max(month["light"], week["light"], key=_worst_last)
    for month in months.values():
        month["utilisation_ratio"] = month["demand_hours"] / month["supply_hours"] if month["supply_hours"] else None
    return [months[key] for key in sorted(months)]


def _worst_last(light: str) -> int:
    return list(_LIGHTS).index(light) if light in _LIGHTS else len(_LIGHTS)


def show(board: Board) -> None:
    """Show the page."""
    weeks = [row for row in board.reader.records("capacity") if board.filters.team in {None, row["team"]}]
    if not weeks:
        heading("Hours by week")
        st.info(
            "No hours of this team are known."
            if board.filters.team
            else "Nobody's hours are known: name them in rule_capacity.csv.",
            icon=":material/info:",
        )
    else:
        _show_weeks(board, weeks)
    _show_verdicts(board)
    _show_demand(board)


def _show_weeks(board: Board, weeks: list[Row]) -> None:
    names = [name for name in _SCENARIOS if any(row["scenario"] == name for row in weeks)]
    heading(
        "Hours needed and hours there",
        "By week, for delivery. Sold: what open engagements still need, and what is won. Chance: the share of such deals that were won.",
        board=board,
        rows=weeks,
        name="capacity",
    )
    words = [_SCENARIOS[name] for name in names]
    default = _SCENARIOS["weighted"] if "weighted" in names else words[0] if words else None
    if default is None:
        return
    chosen: Any = st.segmented_control(
        "What is counted", words, default=default, key="counted", bind="query-params", required=True, label_visibility="collapsed"
    )
    shown = sorted(
        (row for row in weeks if _SCENARIOS.get(str(row["scenario"])) == chosen), key=lambda row: (row["team"], row["week_on"])
    )
    if not shown:
        return
    _show_state(shown)
    demand_and_supply(shown)
    months = months_of(shown)
    show_grid(months, _MONTH_COLUMNS, name="Hours by month")
    with st.expander("By week"):
        show_grid(shown, _WEEK_COLUMNS, name="Hours by week", most_height=480)


def _show_state(weeks: list[Row]) -> None:
    first = next((row["first_overload_on"] for row in weeks if row["first_overload_on"]), None)
    overloaded = sum(row["light"] == "red" for row in weeks)
    with st.container(horizontal=True, gap="large"):
        st.metric("First week with too much", day(first, missing="none"), width="content")
        st.metric("Weeks with too much", f"{overloaded:,} of {len(weeks):,}", width="content")
        st.metric("Hours without dates", f"{weeks[0]['undated_hours'] or 0:,.0f}", width="content")
        st.metric("Taken from a template", counted(weeks[0]["unestimated_count"] or 0, "estimate"), width="content")


def _show_verdicts(board: Board) -> None:
    rows = board.filters.keep(board.reader.records("capacity-verdicts"), owners=("deal_owner",))
    order = ["overload", "tight", "unknown", "fits"]
    rows = sorted(rows, key=lambda row: order.index(row["verdict"]) if row["verdict"] in order else len(order))
    heading(
        "Does each proposal fit?",
        "What the fullest week of its dates would come to if it is won. A deal that is sold and not planned yet is here as well."
        if rows
        else "",
        board=board,
        rows=rows,
        name="capacity-verdicts",
    )
    if rows:
        show_grid(rows, _VERDICT_COLUMNS, name="Whether each proposal fits", most_height=480)
    else:
        st.info(
            "No proposal fits the filters." if board.filters.are_set else "No proposal needs a verdict.", icon=":material/info:"
        )


def _show_demand(board: Board) -> None:
    rows = [row for row in board.reader.records("capacity-demand") if board.filters.team in {None, row["team"]}]
    if not rows:
        return
    weeks = sorted({row["week_on"] for row in rows if row["week_on"] is not None})
    labels = [{"name": f"Week from {day(week)}", "id": week} for week in weeks]
    if any(row["week_on"] is None for row in rows):
        labels.append({"name": "Without dates", "id": None})
    heading("What takes the hours of a week", "The largest first. Work without dates is in no week, and is not forgotten.")
    chosen = choose("Week", labels, key="week", name="name", identity="id")
    if chosen is None:
        return
    mine = sorted((row for row in rows if row["week_on"] == chosen["id"]), key=lambda row: -(row["weighted_hours"] or 0))
    show_grid(mine, _DEMAND_COLUMNS, name=f"What takes the hours: {chosen['name']}", most_height=420)
