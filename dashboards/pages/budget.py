"""Where cloud spend leaves its budget, or its agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.budgets import show_coverage, show_forecasts, show_terms
from dashboards.charts import budget_bars, daily_costs
from dashboards.findings import show_findings
from dashboards.grids import RECORD, Column, day_column, number, percent, share, show_grid, text
from dashboards.parts import counted, day, heading

if TYPE_CHECKING:
    from datetime import date

    from dashboards.parts import Board

TITLE: Final = "Budget"
QUESTION: Final = "Where does cloud spend leave its budget, or its agreement?"
ICON: Final = ":material/payments:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("budget-overruns",)

_MONTH_COLUMNS: Final = (
    Column("Deal or account", "subject", text(230)),
    Column("Budget USD", "budget_usd", number(100)),
    Column("from", lambda row: row["budget_source"] or "no budget", text(110)),
    Column("Spent USD", "gross_usd", number(100)),
    Column("of budget", percent("burn_ratio"), share(110)),
    Column("Expected USD", "forecast_usd", number(110)),
    Column("Over (under) USD", "variance_usd", number(124)),
    Column("No agreement USD", "uncovered_usd", number(130)),
    Column("After credits USD", "net_usd", number(130)),
    Column("Complete to", "complete_through_on", day_column(104)),
    RECORD,
)
_UNATTRIBUTED_COLUMNS: Final = (
    Column("Month", lambda row: f"{row['month_on']:%B %Y}", text(130)),
    Column("Provider", "provider_name", text(110)),
    Column("Payer", "billing_account_id", text(150)),
    Column("Account", "sub_account_id", text(160)),
    Column("Name", "sub_account_name", text(240)),
    Column("From", "first_on", day_column(110)),
    Column("To", "last_on", day_column(110)),
    Column("Cost", "billed_cost", number(110)),
)


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "budget-overruns", nothing="No overrun and no spend without an agreement", most_height=400)
    _show_months(board)
    show_forecasts(board)
    show_terms(board)
    show_coverage(board)
    _show_days(board)
    _show_unattributed(board)


def _show_months(board: Board) -> None:
    rows = board.filters.keep(board.reader.budget_months(), owners=())  # months have no owner
    months: list[date] = sorted({row["month_on"] for row in rows}, reverse=True)
    if not months:
        heading("Deals and months")
        st.info("No spend fits the filters." if board.filters.are_set else "No spend is known.", icon=":material/info:")
        return
    heading(
        "Deals and months",
        "Spent is usage before credits, which do not hide an overrun. Expected is the end of the month, from complete days "
        f"only.{_owner_note(board)}",
        board=board,
        rows=rows,
        name="budget-months",
    )
    names = [f"{month:%B %Y}" for month in months]
    chosen: Any = st.segmented_control(
        "Month", names, default=names[0], key="month", bind="query-params", required=True, label_visibility="collapsed"
    )
    shown = [row for row in rows if f"{row['month_on']:%B %Y}" == chosen]
    budget_bars(shown)
    show_grid(shown, _MONTH_COLUMNS, name=f"Budget and spend in {chosen}", most_height=420)


def _owner_note(board: Board) -> str:
    return " The owner filter applies to the findings only." if board.filters.owner else ""


def _show_days(board: Board) -> None:
    rows = board.filters.keep(board.reader.daily_costs(), owners=())
    if not rows:
        heading("Usage by day and coverage")
        st.info("No usage fits the filters." if board.filters.are_set else "No usage is known.", icon=":material/info:")
        return
    currency = board.run["currency"]
    mine = [row for row in rows if row["currency"] == currency]
    others = sorted({str(row["currency"]) for row in rows} - {currency})
    estimated = [row["usage_on"] for row in rows if row["is_estimated"]]
    note = f" Figures from {day(min(estimated))} on are estimates of the provider." if estimated else ""
    if others:
        note += f" Usage in {counted(len(others), 'other currency', 'other currencies')} is not drawn."
    heading(
        "Usage by day and coverage", f"On the right, only what no signed agreement covers: nobody has agreed to pay it.{note}"
    )
    everything, uncovered = st.columns(2)
    with everything:
        daily_costs(mine, currency, "All usage")
    with uncovered:
        daily_costs([row for row in mine if row["coverage"] != "covered"], currency, "Not covered by an agreement")


def _show_unattributed(board: Board) -> None:
    rows = board.reader.unattributed()
    heading(
        "Spend that belongs to no deal",
        "Name the deal of each account in map_accounts_to_deals.csv. The filters do not apply here." if rows else "",
        board=board,
        rows=rows,
        name="unattributed",
    )
    if rows:
        show_grid(rows, _UNATTRIBUTED_COLUMNS, name="Spend that belongs to no deal", most_height=320)
    else:
        st.success("Every account with spend belongs to a deal.", icon=":material/check_circle:")
