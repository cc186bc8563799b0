"""The parts of the Budget page that look further than a month: terms, forecasts, and the ledger of coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.budget_charts import forecast_bands, term_bars
from dashboards.grids import RECORD, WRAPPING, Column, day_column, number, percent, share, show_grid, text
from dashboards.parts import counted, day, heading

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from dashboards.parts import Board
    from dashboards.queries import Row

# in the order in which they ask for attention; the first four are what nobody has agreed to pay
CLASSES: Final = {
    "never contracted": "◆ never contracted",
    "lapsed": "▲ lapsed",
    "before contract": "▲ before contract",
    "unattributed": "? unattributed",
    "internal": "○ internal",
    "covered": "✓ covered",
}
_LEDGER_MONTHS: Final = 6


def pace_words(row: Row) -> str:
    """Return in words how the spend of a term stands to its time."""
    if row["burn_ratio"] is None:
        return "? not known"
    if row["burn_ratio"] > 1:
        return "◆ used up"
    if row["used_up_on"] is not None and row["used_up_on"] < row["end_on"]:
        return "▲ ends too early"
    return "✓ lasts"


_TERM_COLUMNS: Final = (
    Column("State", pace_words, text(130)),
    Column("Deal", "deal_name", text(220)),
    Column("From", "start_on", day_column(100)),
    Column("To", "end_on", day_column(100)),
    Column("Budget USD", "budget_usd", number(110)),
    Column("from", "budget_source", text(120)),
    Column("Spent USD", "gross_usd", number(110)),
    Column("of budget", percent("burn_ratio"), share(100)),
    Column("of the term", percent("elapsed_ratio"), share(100)),
    Column("Used up on", "used_up_on", day_column(100)),
    Column("Known from", lambda row: day(row["known_from_on"], missing="its start"), text(100)),
    RECORD,
)


def show_terms(board: Board) -> None:
    """Show what is spent of each term's budget, beside how much of the term has passed."""
    rows = board.filters.keep(board.reader.records("budget-terms"), owners=("deal_owner", "delivery_owner"))
    heading(
        "Burn-down against the term",
        "The cloud budget of the whole agreement. A bar that is longer than its red line burns faster than time passes. Where costs "
        "are known from a later day only, what was spent before comes on top."
        if rows
        else "",
        board=board,
        rows=rows,
        name="budget-terms",
    )
    if rows:
        term_bars(rows)
        show_grid(rows, _TERM_COLUMNS, name="Burn-down against the term", most_height=420)
    else:
        st.info(
            "No running agreement with a budget fits the filters."
            if board.filters.are_set
            else "No running agreement has a cloud budget.",
            icon=":material/info:",
        )


def error_words(row: Row) -> str:
    """Return how far off a method was in the months before, and in how many it could be tried."""
    if row["backtest_error_ratio"] is None:
        return "not tried"
    return f"{row['backtest_error_ratio']:.0%} over {counted(row['backtest_month_count'], 'month')}"


_FORECAST_COLUMNS: Final = (
    Column("Deal", "subject", text(270)),
    Column("Method", "method_name", text(140)),
    Column("Spent USD", "spent_usd", number(110)),
    Column("Expected USD", "forecast_usd", number(120)),
    Column("at least", "low_usd", number(110)),
    Column("at most", "high_usd", number(110)),
    Column("Budget USD", "budget_usd", number(110)),
    Column("Off by, before", error_words, text(150)),
    Column("Why not known", lambda row: row["unknown_reason"] or "", text(240)),
)
_BILL_COLUMNS: Final = (Column("Payer", "subject", text(270)), *_FORECAST_COLUMNS[1:6], *_FORECAST_COLUMNS[7:])


def show_forecasts(board: Board) -> None:
    """Show what this month is expected to come to, the whole bill beside what Cost Explorer itself expects of it."""
    everything = board.reader.records("forecasts")
    rows = [row for row in board.filters.keep(everything, owners=()) if row["subject_type"] == "deal" and row["is_used"]]
    if not rows:
        return
    month, through = rows[0]["month_on"], rows[0]["complete_through_on"]
    until = f", from days up to {day(through)}" if through else ""
    heading(
        f"What {month:%B %Y} will come to",
        f"The method that the rules go by{until}. The band is where four in five months end; off by: the mean error when the "
        "method was tried on earlier months. Every method is in the CSV file.",
        board=board,
        rows=board.filters.keep(everything, owners=()),
        name="forecasts",
    )
    forecast_bands([row for row in rows if row["forecast_usd"] is not None])
    show_grid(rows, _FORECAST_COLUMNS, name="Expected spend of each deal", row_height=WRAPPING, most_height=440)
    bills = [row for row in everything if row["subject_type"] == "payer"]
    if bills and not board.filters.are_set:
        st.markdown("**The whole bill**: what handoff expects, and what Cost Explorer expects of the same bill.")
        show_grid(bills, _BILL_COLUMNS, name="Expected spend of the whole bill, by method", row_height=WRAPPING)


def ledger(rows: Iterable[Row], months: list[date]) -> list[Row]:
    """Return one row for each class with what it cost in each month, and a row for the sum of all."""
    billed: dict[tuple[str, date], float] = {}
    for row in rows:
        key = (str(row["coverage"]), row["month_on"])
        billed[key] = billed.get(key, 0.0) + float(row["billed_cost"] or 0)
    present = {coverage for coverage, _ in billed}
    names = [name for name in CLASSES if name in present] + sorted(present - set(CLASSES))
    lines: list[Row] = [
        {"class": CLASSES.get(name, f"? {name}")} | {month.isoformat(): billed.get((name, month)) for month in months}
        for name in names
    ]
    totals = {month.isoformat(): sum(amount for (_, on), amount in billed.items() if on == month) for month in months}
    return [*lines, {"class": "All"} | totals]


_LEDGER_COLUMNS: Final = (
    Column("Class", lambda row: CLASSES.get(str(row["coverage"]), f"? {row['coverage']}"), text(160)),
    Column("Month", lambda row: f"{row['month_on']:%B %Y}", text(130)),
    Column("Account", "account_name", text(170)),
    Column("Deal", lambda row: row["deal_name"] or "none", text(260)),
    Column("Days", "day_count", number(70, "localized")),
    Column("From", "first_on", day_column(104)),
    Column("To", "last_on", day_column(104)),
    Column("Billed", "billed_cost", number(110)),
    Column("Currency", "currency", text(80)),
    Column("Final", lambda row: "○ estimate" if row["is_estimated"] else "✓ final", text(100)),
)


def show_coverage(board: Board) -> None:
    """Show the ledger of coverage: which days of which bill a signed agreement covers."""
    everything = board.filters.keep(board.reader.records("coverage"), owners=())
    currency = board.run["currency"]
    rows = [row for row in everything if row["currency"] == currency]
    months = sorted({row["month_on"] for row in rows})[-_LEDGER_MONTHS:]
    heading(
        "Coverage ledger",
        f"Every billed day by what covers it, in {_currency_words(currency)}; a signature that comes later moves days to covered."
        if rows
        else "",
        board=board,
        rows=everything,
        name="coverage",
    )
    if not rows:
        st.info("No usage fits the filters." if board.filters.are_set else "No usage is known.", icon=":material/info:")
        return
    columns = [Column("Class", "class", text(200))]
    columns += [Column(f"{month:%B %Y}", month.isoformat(), number(150)) for month in months]
    show_grid(ledger(rows, months), columns, name="Billed by class and month")
    open_rows = [row for row in everything if row["coverage"] != "covered"]
    with st.expander(f"The {counted(len(open_rows), 'row')} that no agreement covers"):
        show_grid(open_rows, _LEDGER_COLUMNS, name="What no agreement covers, by account and month", most_height=420)


def _currency_words(code: object) -> str:
    # a code of three letters; anything else is not shown
    return str(code) if str(code).isalpha() and len(str(code)) == 3 else "the organisation's currency"
