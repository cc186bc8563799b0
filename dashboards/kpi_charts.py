"""Monthly revenue, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.drawing import AMBER, RED, TEAL, axis, instant, label, legend

if TYPE_CHECKING:
    from datetime import date

    from dashboards.queries import Row

_HEIGHT: Final = 280
_COLOURS: Final = (TEAL, AMBER)
_DASHES: Final = ([1, 0], [6, 3])


def revenue_lines(months: dict[str, list[Row]], present: date, currency: str) -> None:
    """Show each revenue by month; lines differ in dashes as well as in colour, and a rule marks the present month."""
    names = [label(mine[0]["kpi_name"]) for mine in months.values()]
    data = pd.DataFrame(
        [
            {"Month": instant(row["month_on"]), "KPI": name, "Value": float(row["value"])}
            for name, mine in zip(names, months.values(), strict=True)
            for row in mine
            if row["value"] is not None
        ]
    )
    if data.empty:
        return
    scale = alt.Scale(domain=names, range=list(_COLOURS[: len(names)]))
    lines = (
        alt.Chart(data)
        .mark_line(strokeWidth=2.5, point={"size": 40})
        .encode(
            x=alt.X("yearmonthdate(Month):T", title=None, axis=axis(format="%b %Y", labelOverlap=True)),
            y=alt.Y("Value:Q", title=f"{label(currency)} a month", axis=axis(format=",.0f")),
            color=alt.Color("KPI:N", title=None, scale=scale, legend=legend(is_stacked=True)),
            strokeDash=alt.StrokeDash("KPI:N", scale=alt.Scale(domain=names, range=list(_DASHES[: len(names)])), legend=None),
            tooltip=[alt.Tooltip("Month:T", format="%B %Y"), "KPI:N", alt.Tooltip("Value:Q", format=",.2f")],
        )
    )
    now = (
        alt.Chart(pd.DataFrame({"Month": [instant(present)]}))
        .mark_rule(strokeDash=[4, 3], color=RED, size=2)
        .encode(x="yearmonthdate(Month):T")
    )
    chart = (lines + now).properties(height=_HEIGHT)
    st.altair_chart(chart, width="stretch", alt="Committed and forecast monthly revenue; the table below has the numbers")
    st.caption("Dashed red line: this month.")
