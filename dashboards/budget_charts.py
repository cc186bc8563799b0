"""Terms and forecasts, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.drawing import AMBER, RED, TEAL, axis, draw, ink, label, legend, names_axis, number

if TYPE_CHECKING:
    from dashboards.queries import Row

_DRAWN: Final = 15
_BAR: Final = 14
_FAST: Final = "▲ faster than time passes"
_SLOW: Final = "● not faster"


def term_bars(rows: list[Row]) -> None:
    """Show for each term how much of its budget is spent, and a line for how much of it has passed."""
    known = [row for row in rows if row["burn_ratio"] is not None and row["elapsed_ratio"] is not None][:_DRAWN]
    if not known:
        return
    data = pd.DataFrame(
        {
            "Deal": [label(row["deal_name"]) for row in known],
            "Spent": [float(row["burn_ratio"]) for row in known],
            "Passed": [float(row["elapsed_ratio"]) for row in known],
            "State": [_FAST if row["burn_ratio"] > row["elapsed_ratio"] else _SLOW for row in known],
        }
    )
    y = alt.Y("Deal:N", sort=list(data["Deal"]), title=None, axis=names_axis())
    tooltip = ["Deal:N", *(alt.Tooltip(f"{name}:Q", format=".0%") for name in ("Spent", "Passed")), "State:N"]
    base = alt.Chart(data)
    bars = base.mark_bar(height=_BAR).encode(
        x=alt.X("Spent:Q", title="Share of the budget, and of the term", axis=axis(format=".0%", tickCount=8)),
        y=y,
        color=alt.Color("State:N", title=None, scale=alt.Scale(domain=[_FAST, _SLOW], range=[AMBER, TEAL]), legend=legend()),
        tooltip=tooltip,
    )
    passed = base.mark_tick(thickness=3, height=20, color=RED).encode(x="Passed:Q", y=y, tooltip=tooltip)
    draw(bars + passed, len(data), "Share of each budget that is spent, beside the share of the term that has passed")
    st.caption("Bar: spent of the budget. Red line: passed of the term.")


def forecast_bands(rows: list[Row]) -> None:
    """Show the expected spend of each deal as a point in its band, and its budget as a line; what is furthest above it first."""
    ordered = sorted(rows, key=lambda row: -float(row["forecast_usd"]) / float(row["budget_usd"] or row["forecast_usd"] or 1))[
        :_DRAWN
    ]
    if not ordered:
        return
    data = pd.DataFrame(
        {
            "Deal": [label(row["subject"]) for row in ordered],
            "Spent": [number(row["spent_usd"]) for row in ordered],
            "Expected": [number(row["forecast_usd"]) for row in ordered],
            "Low": [number(row["low_usd"]) for row in ordered],
            "High": [number(row["high_usd"]) for row in ordered],
            "Budget": [number(row["budget_usd"]) for row in ordered],
        }
    )
    y = alt.Y("Deal:N", sort=list(data["Deal"]), title=None, axis=names_axis())
    names = ("Spent", "Expected", "Low", "High", "Budget")
    tooltip = ["Deal:N", *(alt.Tooltip(f"{name}:Q", title=f"{name} USD", format=",.2f") for name in names)]
    base = alt.Chart(data)
    spent = base.mark_bar(height=_BAR, color=TEAL).encode(
        x=alt.X("Spent:Q", title="USD", axis=axis(format=",.0f", tickCount=8)), y=y, tooltip=tooltip
    )
    band = base.mark_rule(strokeWidth=6, opacity=0.5, color=AMBER).encode(x="Low:Q", x2="High:Q", y=y, tooltip=tooltip)
    expected = base.mark_point(shape="diamond", filled=True, size=90, color=AMBER, stroke=ink(), opacity=1).encode(
        x="Expected:Q", y=y, tooltip=tooltip
    )
    budget = base.mark_tick(thickness=3, height=20, color=RED).encode(x="Budget:Q", y=y, tooltip=tooltip)
    draw(spent + band + expected + budget, len(data), "Expected spend of the month with its band, and the budget of each deal")
    st.caption("Bar: spent. Diamond: expected, in its band. Red line: budget. What is furthest above its budget first.")
