"""Which invoice must be written, collected or corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.findings import show_findings
from dashboards.grids import RECORD, Column, day_column, number, show_grid, text
from dashboards.parts import counted, day, heading

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Billing"
QUESTION: Final = "Which invoice must be written, collected or corrected?"
ICON: Final = ":material/receipt_long:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ("billing",)

# the rule that speaks of an invoice that is past due
_OVERDUE_RULE: Final = "UB02"


def billed_words(row: Row) -> str:
    """Return in words how far a component is billed; what cannot be compared is not known, and not nothing."""
    missing = row["unbilled_amount"]
    if missing is None:
        return "? not known" if row["expected_amount"] is None else "? other currency"
    if missing <= 0:
        return "✓ billed"
    if row["due_to_bill_on"] is not None and row["due_to_bill_on"] > row["as_of_on"]:
        return "○ not due"
    return "✗ not billed" if not row["invoiced_amount"] else "! billed in part"


_MONTH_COLUMNS: Final = (
    Column("State", billed_words, text(120)),
    Column("Deal", "deal_name", text(170)),
    Column("What", "component", text(96)),
    Column("From", "service_from_on", day_column(104)),
    Column("To", "service_to_on", day_column(104)),
    Column("Bill on", "due_to_bill_on", day_column(104)),
    Column("Expected", "expected_amount", number(100)),
    Column("Billed", "invoiced_amount", number(100)),
    Column("Missing", "unbilled_amount", number(100)),
    Column("Left of advance", "prepaid_balance_amount", number(100)),
    Column("Currency", "currency", text(80)),
    Column("Invoices", lambda row: row["invoice_ids"] or "none", text(118)),
    RECORD,
)
_OVERDUE_COLUMNS: Final = (
    Column("Past due", lambda row: counted(row["days_past_due"], "day") if row["days_past_due"] is not None else "", text(110)),
    Column("Days", "aging", text(110)),
    Column("Invoice", "subject", text(268)),
    Column("Open", "amount", number(120)),
    Column("Currency", "currency", text(90)),
    Column("Was due", lambda row: day(row["due_on"]), text(120)),
    Column("Owner", lambda row: row["owner"] or "nobody", text(180)),
    Column("What to do", "what_to_do", text(300)),
    RECORD,
)


_INVOICE_COLUMNS: Final = (
    Column("Payment", "payment", text(110)),
    Column("Invoice", "invoice_id", text(140)),
    Column("Deal", lambda row: row["deal_name"] or "none", text(250)),
    Column("What", lambda row: row["component"] or "", text(110)),
    Column("Of", "issued_on", day_column(104)),
    Column("Due", "due_on", day_column(104)),
    Column("Past due", lambda row: row["aging"] or "", text(120)),
    Column("Amount", "amount", number(110)),
    Column("Open", "open_amount", number(110)),
    Column("Currency", "currency", text(80)),
    RECORD,
)


def show(board: Board) -> None:
    """Show the page."""
    if _has_invoices(board):
        show_findings(board, "billing", nothing="No invoice is missing, late or wrong", most_height=400)
        _show_overdue(board)
        _show_months(board)
        _show_invoices(board)
    else:
        _show_how_to_import()
        show_findings(board, "billing", nothing="No invoice is missing, late or wrong", most_height=400)


def _has_invoices(board: Board) -> bool:
    """Whether any invoice was imported: what was due is reckoned from the first one on."""
    return bool(board.reader.records("billing-months")) or not board.not_evaluated("billing")


def _show_how_to_import() -> None:
    heading("No invoice is imported yet")
    st.info(
        "So nobody can tell what is unbilled or overdue; an empty list below does not mean that all is paid. Export the invoices of "
        "your accounting as a CSV file, and import it:",
        icon=":material/upload_file:",
    )
    st.code("handoff import invoices invoices.csv", language=None, wrap_lines=True)
    st.markdown(
        "One line for each line of an invoice. Columns: `invoice`, `date`, `amount`, `currency`; where you know them `due`, `deal`, "
        "`component`, `from`, `to` and `paid`. An empty `paid` means that nobody knows, and is not taken for zero."
    )


def _show_overdue(board: Board) -> None:
    rows = [row for row in board.filters.keep(board.reader.findings("billing")) if row["rule_id"] == _OVERDUE_RULE]
    heading("Overdue", "The oldest first." if rows else "", board=board, rows=rows, name="overdue-invoices")
    if rows:
        rows.sort(key=lambda row: -(row["days_past_due"] or 0))
        show_grid(rows, _OVERDUE_COLUMNS, name="Overdue invoices, the oldest first", most_height=320)
    elif any(row["rule_id"] == _OVERDUE_RULE for row in board.not_evaluated("billing")):
        st.info("Not known, see above.", icon=":material/help:")
    else:
        st.success(
            "No imported invoice is known to be overdue for so long that the rules name it.", icon=":material/check_circle:"
        )


def _show_months(board: Board) -> None:
    rows = board.filters.keep(board.reader.records("billing-months"), owners=())
    missing = [row for row in rows if billed_words(row)[0] in "✗!?"]
    heading(
        "What should have been billed",
        f"{counted(len(missing), 'line')} of {len(rows):,} to look at, since the first imported invoice.{board.filters.note_on_people}"
        if rows
        else "",
        board=board,
        rows=rows,
        name="billing-months",
    )
    if rows:
        show_grid(rows, _MONTH_COLUMNS, name="What should have been billed, what is missing first", most_height=480)
    else:
        st.info(
            "Nothing that should have been billed fits the filters." if board.filters.are_set else "Nothing was to be billed.",
            icon=":material/info:",
        )


def _show_invoices(board: Board) -> None:
    rows = board.filters.keep(board.reader.records("invoices"), owners=("deal_owner",))
    heading(
        "Imported invoices",
        f'{counted(len(rows), "line")}; what has been due longest first. An empty "Open" means that nobody says what was paid.'
        if rows
        else "",
        board=board,
        rows=rows,
        name="invoices",
    )
    if rows:
        show_grid(rows, _INVOICE_COLUMNS, name="Imported invoices, what has been due longest first", most_height=480)
