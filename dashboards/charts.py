"""The charts of renewals and spend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.drawing import AMBER, GREY, RED, TEAL, axis, draw, ink, instant, label, legend, names_axis, number

if TYPE_CHECKING:
    from datetime import date

    from dashboards.queries import Row

_COVERAGES: Final = {
    "covered": TEAL,
    "before contract": "#5b6bb0",
    "lapsed": AMBER,
    "never contracted": RED,
    "internal": "#3d4651",
    "unattributed": GREY,
}
_RENEWAL_STATES: Final = {"▲ has a finding": AMBER, "● renewal deal exists": TEAL, "○ no renewal deal yet": GREY}
_SUBJECTS_DRAWN: Final = 15


def renewal_timeline(chains: list[Row], as_of: date) -> None:
    """Show when each agreement ends: a bar to the end, and a line for the date of the report."""
    data = pd.DataFrame(
        {
            "Agreement": [label(row["deal_name"]) for row in chains],
            "Start": [instant(max(row["start_on"] or as_of, _year_before(as_of))) for row in chains],
            "End": [instant(row["effective_end_on"]) for row in chains],
            "Window": [label(row["window_name"]) for row in chains],
            "State": [_renewal_state(row) for row in chains],
        }
    )
    order = list(data.sort_values("End")["Agreement"])
    y = alt.Y("Agreement:N", sort=order, title=None, axis=names_axis())
    colour = alt.Color(
        "State:N",
        title=None,
        scale=alt.Scale(domain=list(_RENEWAL_STATES), range=list(_RENEWAL_STATES.values())),
        legend=legend(),
    )
    tooltip = ["Agreement:N", "Window:N", "State:N", alt.Tooltip("End:T", format="%-d %b %Y")]
    bars = (
        alt.Chart(data)
        .mark_bar(height=10, cornerRadius=2)
        .encode(x=alt.X("Start:T", title=None, axis=axis(format="%b %Y")), x2="End:T", y=y, color=colour, tooltip=tooltip)
    )
    ends = (
        alt.Chart(data)
        .mark_text(align="left", dx=6, fontSize=12, color=ink())
        .encode(x="End:T", y=y, text=alt.Text("End:T", format="%-d %b %Y"))
    )
    today = alt.Chart(pd.DataFrame({"Day": [instant(as_of)]})).mark_rule(strokeDash=[4, 3], color=RED, size=2).encode(x="Day:T")
    draw(today + bars + ends, len(data), f"When agreements end, as of {as_of.isoformat()}")


def _renewal_state(row: Row) -> str:
    place = 0 if row["finding_count"] else 1 if row["renewal_deal_id"] else 2
    return list(_RENEWAL_STATES)[place]


def _year_before(as_of: date) -> date:
    return as_of.replace(year=as_of.year - 1, day=min(as_of.day, 28))


def budget_bars(months: list[Row]) -> None:
    """Show spend and expected spend of one month against the budget of each subject, the worst first."""
    rows = [row for row in months if row["gross_usd"]][:_SUBJECTS_DRAWN]
    if not rows:
        return
    data = pd.DataFrame(
        {
            "Subject": [label(row["subject"]) for row in rows],
            "Spent": [float(row["gross_usd"]) for row in rows],
            "Expected": [number(row["forecast_usd"]) for row in rows],
            "Budget": [number(row["budget_usd"]) for row in rows],
        }
    )
    data["State"] = ["✗ above budget" if over else "● within, or no budget" for over in data["Spent"] > data["Budget"]]
    y = alt.Y("Subject:N", sort=list(data["Subject"]), title=None, axis=names_axis())
    money: dict[str, Any] = {"format": ",.2f"}
    tooltip = ["Subject:N", *(alt.Tooltip(f"{name}:Q", title=f"{name} USD", **money) for name in ("Spent", "Expected", "Budget"))]
    x = alt.X("Spent:Q", title="USD", axis=axis(format=",.0f", tickCount=8))
    base = alt.Chart(data)
    expected = base.mark_bar(height=14, color=GREY, opacity=0.35).encode(x=alt.X("Expected:Q", title="USD"), y=y, tooltip=tooltip)
    spent = base.mark_bar(height=14).encode(
        x=x,
        y=y,
        color=alt.Color(
            "State:N",
            title=None,
            scale=alt.Scale(domain=["✗ above budget", "● within, or no budget"], range=[AMBER, TEAL]),
            legend=legend(),
        ),
        tooltip=tooltip,
    )
    budget = base.mark_tick(thickness=3, height=20, color=RED).encode(x="Budget:Q", y=y, tooltip=tooltip)
    draw(expected + spent + budget, len(data), "Spend of the month, expected spend and budget")
    st.caption("Bar: spent. Pale bar: expected at the end of the month. Red line: budget. The worst first.")


def daily_costs(rows: list[Row], currency: str, title: str) -> None:
    """Show usage by day, stacked by what covers it."""
    if not rows:
        st.markdown(f"**{title}**: none.")
        return
    data = pd.DataFrame(
        {
            "Day": [instant(row["usage_on"]) for row in rows],
            "Coverage": [str(row["coverage"]) for row in rows],
            "Cost": [float(row["billed_cost"] or 0) for row in rows],
        }
    )
    data = data.groupby(["Day", "Coverage"])["Cost"].sum().reset_index()
    chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X("yearmonthdate(Day):T", title=None, axis=axis(format="%-d %b", tickCount={"interval": "week", "step": 1})),
            y=alt.Y("Cost:Q", title=currency, stack="zero", axis=axis()),
            color=alt.Color(
                "Coverage:N",
                title=None,
                scale=alt.Scale(domain=list(_COVERAGES), range=list(_COVERAGES.values())),
                legend=legend(),
            ),
            tooltip=[
                alt.Tooltip("Day:T", format="%-d %b %Y"),
                "Coverage:N",
                alt.Tooltip("Cost:Q", title=currency, format=",.2f"),
            ],
        )
        .properties(height=260, title=alt.TitleParams(title, color=ink(), fontSize=14))
    )
    st.altair_chart(chart, width="stretch", alt=f"Usage by day in {currency}, by what covers it")
