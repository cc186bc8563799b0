"""Which agreements end next, and whether somebody is talking to the community."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.charts import renewal_timeline
from dashboards.findings import show_findings
from dashboards.grids import RECORD, Column, day_column, number, show_grid, text
from dashboards.parts import counted, day, heading, md_escape

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Renewals"
QUESTION: Final = "Which agreement ends next, and is anyone talking to them?"
ICON: Final = ":material/event_repeat:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("renewals-due",)

_SOURCES: Final = {
    "contract": "",
    "amendment": " (amended)",
    "break": " (break)",
    "auto-renewal": " (renews itself)",
    "target": " (target, not agreed)",
    "none": "",
}


def _ends(row: Row) -> str:
    days = row["days_to_end"]
    if days is None:
        return "not known"
    words = f"{counted(-days, 'day')} ago" if days < 0 else "today" if days == 0 else f"in {counted(days, 'day')}"
    return f"{words}{_SOURCES.get(row['end_source'], '')}"


def _owner(row: Row) -> str:
    return f"{row['deal_owner'] or 'nobody'}{' (inactive)' if row['deal_owner'] and not row['is_owner_active'] else ''}"


def _renewal(row: Row) -> str:
    if not row["renewal_deal_id"]:
        return "✗ none"
    behind = f", {counted(row['stages_behind'], 'stage')} behind" if row["stages_behind"] else ""
    return f"{'▲' if behind else '●'} {row['renewal_stage_name'] or 'exists'}{behind}"


def _per_year(row: Row) -> str:
    return _money(row["annual_amount"], row["currency"])


def _money(amount: Decimal | None, currency: str | None) -> str:
    return "" if amount is None else f"{amount:,.2f} {currency or ''}".rstrip()


def _at_risk(row: Row) -> str:
    return _money(row["at_risk_amount"], row["currency"])


def _chance(row: Row) -> float | None:
    """Return the chance in percent."""
    return None if row["renewal_win_ratio"] is None else 100 * row["renewal_win_ratio"]


_COLUMNS: Final = (
    Column("Window", lambda row: row["window_name"] or "No end date", text(112)),
    Column("Agreement", "deal_name", text(210)),
    Column("Ends", "effective_end_on", day_column(96)),
    Column("That is", _ends, text(100)),
    Column("Renewal deal", _renewal, text(130)),
    Column("Owner", _owner, text(130)),
    Column("Last contact", "last_contacted_on", day_column(96)),
    Column("Notice sent", "expiry_notice_on", day_column(96)),
    Column("Per year", _per_year, text(114, alignment="right")),
    Column("Chance", _chance, number(70, "%.0f %%")),
    Column("At risk", _at_risk, text(114, alignment="right")),
    RECORD,
)
_DRAWN_DAYS: Final = 365
_DRAWN: Final = 20


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "renewals-due", nothing="No renewal is behind", most_height=400)
    chains = board.filters.keep(board.reader.renewals(), owners=("deal_owner",))
    if not chains:
        heading("Agreements by when they end")
        st.info(
            "No agreement fits the filters." if board.filters.are_set else "No signed agreement is known.", icon=":material/info:"
        )
        return
    heading(
        "Agreements by when they end",
        "The last signed agreement of each chain. An agreement whose end is today has not lapsed.",
        board=board,
        rows=chains,
        name="renewals",
    )
    in_order = sorted(
        chains, key=lambda row: (row["window_rank"] is None, row["window_rank"], row["effective_end_on"] or board.as_of)
    )
    _show_windows(in_order)
    show_grid(in_order, _COLUMNS, name="Agreements by when they end", most_height=480)
    _show_timeline(board, in_order)


def _show_windows(chains: list[Row]) -> None:
    windows = Counter(row["window_name"] or "No end date" for row in chains)
    with st.container(horizontal=True, gap="large"):
        for name, count in windows.items():
            st.metric(md_escape(name), count, width="content")
    at_risk: dict[str, Decimal] = defaultdict(Decimal)
    for row in chains:
        if row["is_within_horizon"] and row["at_risk_amount"] is not None:
            at_risk[row["currency"] or "without a currency"] += row["at_risk_amount"]
    if at_risk:
        amounts = ", ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(at_risk.items()))
        st.markdown(
            f"**{md_escape(amounts)} a year at risk** in what has ended or ends soon enough that its renewal work has begun: each "
            "agreement's amount by year times the chance that it is not renewed. The chance is that of the renewal's stage; without a "
            "renewal deal that of renewals in general, and none where the renewal was lost or the community leaves."
        )


def _show_timeline(board: Board, chains: list[Row]) -> None:
    ending = [row for row in chains if row["effective_end_on"] is not None and row["days_to_end"] <= _DRAWN_DAYS]
    if not ending:
        return
    first = (
        f"The first {_DRAWN} of {counted(len(ending), 'agreement')}"
        if len(ending) > _DRAWN
        else counted(len(ending), "agreement")
    )
    heading("Timeline", f"{first} that have ended or end within a year. The dashed line is {day(board.as_of)}.")
    renewal_timeline(ending[:_DRAWN], board.as_of)
