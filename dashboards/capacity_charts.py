"""Hours needed against hours there, week by week, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.drawing import AMBER, BLUE, TEAL, axis, ink, label, legend, number, title
from dashboards.parts import day

if TYPE_CHECKING:
    from dashboards.queries import Row

_KINDS: Final = {"● sold": TEAL, "○ proposals": BLUE, "▲ too much": AMBER}
_HEIGHT: Final = 280


def _parts(row: Row) -> list[tuple[str, float]]:
    """Return how a week's demand is made up: what is sold, what proposals add, and what of both there are no hours for."""
    supply, sold, needed = (float(row[name] or 0) for name in ("supply_hours", "committed_hours", "demand_hours"))
    within = min(sold, supply)
    return [
        ("● sold", within),
        ("○ proposals", max(min(needed, supply) - within, 0.0)),
        ("▲ too much", max(needed - supply, 0.0)),
    ]


def demand_and_supply(weeks: list[Row]) -> None:
    """Show for each team a bar a week, and a line for the hours that are there."""
    for team in sorted({str(row["team"]) for row in weeks}):
        rows = [row for row in weeks if str(row["team"]) == team]
        data = pd.DataFrame(
            [
                {
                    "Week": day(row["week_on"]),
                    "From": f"{row['week_on'].day} {row['week_on']:%b}",
                    "Kind": kind,
                    "Hours": hours,
                    "Needed": number(row["demand_hours"]),
                    "There": number(row["supply_hours"]),
                    "Place": place,
                }
                for row in rows
                for place, (kind, hours) in enumerate(_parts(row))
            ]
        )
        x = alt.X("From:O", sort=None, title=None, axis=axis(labelOverlap=True, labelAngle=0))
        bars = (
            alt.Chart(data)
            .mark_bar()
            .encode(
                x=x,
                y=alt.Y("Hours:Q", title="Hours a week", stack="zero", axis=axis()),
                order="Place:O",
                color=alt.Color(
                    "Kind:N", title=None, scale=alt.Scale(domain=list(_KINDS), range=list(_KINDS.values())), legend=legend()
                ),
                tooltip=[
                    alt.Tooltip("Week:N", title="Week from"),
                    "Kind:N",
                    alt.Tooltip("Hours:Q", format=".1f"),
                    alt.Tooltip("Needed:Q", format=".1f"),
                    alt.Tooltip("There:Q", format=".1f"),
                ],
            )
        )
        supply = (
            alt.Chart(data).mark_line(interpolate="step", color=ink(), strokeWidth=2, strokeDash=[6, 3]).encode(x=x, y="There:Q")
        )
        chart = (bars + supply).properties(height=_HEIGHT, title=title(f"Team {label(team)}"))
        st.altair_chart(chart, width="stretch", alt=f"Hours that team {label(team)} needs each week, and hours that are there")
    st.caption("Bar: hours needed. Dashed line: hours there.")
