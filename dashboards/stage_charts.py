"""How long deals stay in the stages of a pipeline, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.drawing import AMBER, GREY, RED, TEAL, axis, draw, ink, label, names_axis, number

if TYPE_CHECKING:
    from dashboards.queries import Row

_BAR: Final = 14


def time_in_stages(stages: list[Row]) -> None:
    """Show for each stage where a deal can wait the median, the time of four in five, what is agreed, and the longest of now."""
    highest = max(row["stage_rank"] for row in stages)
    rows = [
        row
        for row in stages
        if row["stage_rank"] not in {0, highest} and (row["median_days"] is not None or row["longest_open_days"] is not None)
    ]
    if not rows:
        return
    data = pd.DataFrame(
        {
            "Stage": [label(row["stage_name"]) for row in rows],
            "Median": [number(row["median_days"]) for row in rows],
            "Four in five": [number(row["p80_days"]) for row in rows],
            "Agreed": [number(row["sla_days"]) for row in rows],
            "Longest now": [number(row["longest_open_days"]) for row in rows],
        }
    )
    y = alt.Y("Stage:N", sort=list(data["Stage"]), title=None, axis=names_axis())
    tooltip = [
        "Stage:N",
        *(alt.Tooltip(f"{name}:Q", format=".0f") for name in ("Median", "Four in five", "Agreed", "Longest now")),
    ]
    x = alt.X("Four in five:Q", title="Days", axis=axis(tickCount=8))
    base = alt.Chart(data)
    pale = base.mark_bar(height=_BAR, color=GREY, opacity=0.35).encode(x=x, y=y, tooltip=tooltip)
    median = base.mark_bar(height=_BAR, color=TEAL).encode(x="Median:Q", y=y, tooltip=tooltip)
    agreed = base.mark_tick(thickness=3, height=20, color=RED).encode(x="Agreed:Q", y=y, tooltip=tooltip)
    longest = base.mark_point(shape="diamond", filled=True, size=90, color=AMBER, stroke=ink(), opacity=1).encode(
        x="Longest now:Q", y=y, tooltip=tooltip
    )
    draw(pale + median + agreed + longest, len(data), "Days in each stage: median, four in five, agreed, and the longest of now")
    st.caption("Bar: median. Pale bar: four in five. Red line: agreed days. Diamond: the longest that a deal is there now.")
