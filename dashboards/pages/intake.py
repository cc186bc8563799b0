"""What must be asked of which community before delivery, one call at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.choices import choose
from dashboards.findings import show_findings
from dashboards.grids import RECORD, WRAPPING, Column, day_column, percent, share, show_grid, text
from dashboards.parts import counted, day, heading
from pipelines.reports import printable

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Intake"
QUESTION: Final = "What must we still ask the community before delivery can be planned?"
ICON: Final = ":material/contact_page:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("missing-intake",)

# longer text needs a second line in its column
_ONE_LINE: Final = 64

_FIELD_STATUSES: Final = {
    "ok": "✓ ok",
    "missing": "✗ missing",
    "placeholder": "✗ placeholder",
    "invalid": "! not usable",
    "conflict": "! sources differ",
    "duplicate": "! used twice",
    "indeterminate": "? unknown",
}
_DEAL_COLUMNS: Final = (
    Column("Deal", "deal_name", text(230)),
    Column("Stage", "stage_name", text(120)),
    Column("Owner", lambda row: row["deal_owner"] or "nobody", text(150)),
    Column("Complete", percent("completeness_ratio"), share(120)),
    Column("By weight", percent("weighted_completeness_ratio"), share(120)),
    Column("What to ask", lambda row: row["missing_fields"] or "nothing", text(430)),
    RECORD,
)
_FIELD_COLUMNS: Final = (
    Column("Field", "field_label", text(250)),
    Column("State", lambda row: _FIELD_STATUSES.get(str(row["field_status"]), "? unknown"), text(130)),
    Column("Value", lambda row: row["value_shown"] or "(empty)", text(280)),
    Column("From", "source_used", text(120)),
    Column("Elsewhere", "other_values", text(260)),
    Column("Required since", "required_since_on", day_column(120)),
)


def show(board: Board) -> None:
    """Show the page."""
    show_findings(board, "missing-intake", nothing="No intake field is missing", most_height=400)
    deals = board.filters.keep(board.reader.intake_deals(), owners=("deal_owner",))
    if not deals:
        heading("Deals that owe intake")
        st.info(
            "No deal that owes intake fits the filters." if board.filters.are_set else "No deal owes intake.",
            icon=":material/info:",
        )
        return
    owing = [row for row in deals if row["ok_count"] < row["required_count"]]
    heading(
        "What to ask, by deal",
        f"{counted(len(owing), 'deal')} of {len(deals):,} with something to ask; the least complete first.",
        board=board,
        rows=deals,
        name="intake-deals",
    )
    long_list = any(len(row["missing_fields"] or "") > _ONE_LINE for row in owing)
    show_grid(owing, _DEAL_COLUMNS, name="What to ask, by deal", row_height=WRAPPING if long_list else 36, most_height=420)
    _show_one_deal(board, deals)


def questions(deal: Row, fields: list[Row]) -> str:
    """Return what to ask about a deal as plain text for a mail or a call."""
    lines = [f"{printable(deal['deal_name'])}, as of {day(deal['as_of_on'])}:"]
    for row in fields:
        if row["field_status"] in {"ok", "indeterminate"}:
            continue
        now = f' (now "{printable(row["value_shown"])}")' if row["value_shown"] else ""
        lines.append(f"- {printable(row['field_label'])}{now}")
    return "\n".join(lines)


def _show_one_deal(board: Board, deals: list[Row]) -> None:
    heading("One deal", "Every field that it owes, and what to ask, ready to copy.")
    deal = choose("Deal", deals, key="deal", name="deal_name", identity="deal_id")
    if deal is None:
        return
    fields = [row for row in board.reader.intake_fields() if row["deal_id"] == deal["deal_id"]]
    wanted = questions(deal, fields)
    if "\n" in wanted:
        st.code(wanted, language=None, wrap_lines=True)
    show_grid(fields, _FIELD_COLUMNS, name=f"Intake fields of {deal['deal_name']}", most_height=520)
