"""What is committed, what is likely, and who stays: the figures of the quarterly report, with why one is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.choices import choose
from dashboards.grids import WRAPPING, Column, show_grid, text
from dashboards.kpi_charts import revenue_lines
from dashboards.parts import counted, heading

if TYPE_CHECKING:
    from datetime import date

    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "KPIs"
QUESTION: Final = "What is committed, what is likely, and who stays?"
ICON: Final = ":material/monitoring:"
HAS_FILTERS: Final = False
REPORTS: Final[tuple[str, ...]] = ()

_REVENUE: Final = ("cmrr", "fmrr")


def value_words(value: object, unit: str) -> str:
    """Return a figure with its unit."""
    if value is None:
        return "not known"
    figure = float(str(value))
    if unit == "ratio":
        return f"{figure:.0%}"
    if unit == "count":
        return f"{figure:,.0f}"
    if unit == "months":
        return f"{figure:,.1f} months"
    return f"{figure:,.0f} {unit}"


def target_words(row: Row) -> str:
    """Return the target, and in words whether it is met; no figure meets no target."""
    if row["target"] is None:
        return "none"
    target = value_words(row["target"], str(row["unit"]))
    if row["value"] is None:
        return f"? at least {target}"
    return f"{'✓ at least' if row['value'] >= row['target'] else '▲ below'} {target}"


def _trend(months: list[Row]) -> list[float]:
    known = [float(row["value"]) for row in months if row["value"] is not None and not row["is_ahead"]]
    return known if len(known) > 1 else []  # one point is no trend


def _change(months: list[Row]) -> str:
    """Return how the last month differs from the one before it."""
    known = [row for row in months if not row["is_ahead"]][-2:]
    if len(known) < 2 or known[0]["value"] is None or known[1]["value"] is None:
        return ""
    difference = float(known[1]["value"]) - float(known[0]["value"])
    if round(difference, 4) == 0:
        return "= unchanged"
    unit = str(known[1]["unit"])
    words = f"{abs(difference) * 100:,.1f} points" if unit == "ratio" else value_words(abs(difference), unit)
    return f"{'▲ up' if difference > 0 else '▼ down'} {words}"


_COLUMNS: Final = (
    Column("KPI", "kpi_name", text(300)),
    Column("Now", lambda row: value_words(row["value"], str(row["unit"])), text(130, alignment="right")),
    Column("Since last month", "change", text(146)),
    Column("Target", target_words, text(150)),
    Column("Trend", "trend", st.column_config.LineChartColumn(width=170)),
    Column("Out of", "sample_count", st.column_config.NumberColumn(width=70)),
    Column("Reckoned from, or why it is not known", lambda row: row["unknown_reason"] or row["basis"] or "", text(390)),
)
_MONTH_COLUMNS: Final = (
    Column("Month", lambda row: f"{row['month_on']:%B %Y}", text(150)),
    Column("Value", lambda row: value_words(row["value"], str(row["unit"])), text(150, alignment="right")),
    Column("Lies", lambda row: "○ ahead" if row["is_ahead"] else "● past or present", text(140)),
    Column("Out of", "sample_count", st.column_config.NumberColumn(width=80)),
    Column("Reckoned from, or why it is not known", lambda row: row["unknown_reason"] or row["basis"] or "", text(840)),
)


def show(board: Board) -> None:
    """Show the page."""
    rows = board.reader.records("kpis")
    if not rows:
        heading("This month")
        st.info("No KPI is known.", icon=":material/info:")
        return
    months: dict[str, list[Row]] = {}
    for row in rows:
        months.setdefault(str(row["kpi_key"]), []).append(row)
    present = board.as_of.replace(day=1)
    lines = [_line(mine, present) for mine in months.values()]
    unknown = sum(line["value"] is None for line in lines)
    heading(
        f"{present:%B %Y}",
        f"{counted(len(lines), 'figure')}, {unknown:,} not known; each says what it was reckoned from, or why it is not known. Trend: "
        "the months up to this one of which it is known.",
        board=board,
        rows=rows,
        name="kpis",
    )
    with st.container(key="wide-kpis"):
        show_grid(lines, _COLUMNS, name="KPIs of this month", row_height=WRAPPING, most_height=1320)
    with st.container(key="narrow-kpis"):
        st.text("\n".join(f"{row['kpi_name']}: {value_words(row['value'], str(row['unit']))}" for row in lines))
    drawn = {name: months[name] for name in _REVENUE if name in months}
    if drawn:
        heading(
            "Monthly revenue",
            "Committed: signed agreements by day. Forecast: with open renewals and open new business by their chance.",
        )
        revenue_lines(drawn, present, str(board.run["currency"]))
    heading("Month by month")
    chosen = choose("KPI", [mine[0] for mine in months.values()], key="kpi", name="kpi_name", identity="kpi_key")
    if chosen is not None:
        show_grid(months[str(chosen["kpi_key"])], _MONTH_COLUMNS, name=f"Months of {chosen['kpi_name']}", most_height=480)


def _line(months: list[Row], present: date) -> Row:
    """Return the row of a KPI: its present month, or its last one, with the months before it."""
    now = next((row for row in months if row["month_on"] == present), months[-1])
    return {**now, "trend": _trend(months), "change": _change([row for row in months if row["month_on"] <= present])}
