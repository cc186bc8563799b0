"""The books at Sage Intacct: an invoice for the membership of signed deals, some paid, some in part, and a few that somebody got wrong.

A deal is named by its number or its address in the invoice's reference number, the component by the account of the line.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.state import IntacctState
from pipelines.sandbox.story.calendar import TODAY
from pipelines.sandbox.story.hubspot import deal_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.sandbox.state import HubspotState, Json

INVOICES: Final = "accounts-receivable/invoice"
LINES: Final = "accounts-receivable/invoice-line"
_MEMBERSHIP, _USAGE, _SERVICE = "4000", "4100", "4300"
_WON: Final = frozenset({"1006", "2005"})
_MOST_DEALS: Final = 24
_TERM: Final = timedelta(days=30)


def billed(portal: HubspotState) -> IntacctState:
    """Return the books as somebody has kept them for the deals of ``portal``, the same at every call."""
    signed = sorted(
        (record.properties["contract_start_date"] or "", record.id, float(record.properties.get("amount") or 0))
        for record in portal.objects["deals"].values()
        if record.properties.get("dealstage") in _WON
        and not record.archived
        and "2025-01-01" <= (record.properties.get("contract_start_date") or "") <= TODAY.isoformat()
        and record.properties.get("contract_end_date")
    )
    signed = signed[:: max(1, len(signed) // _MOST_DEALS)][-_MOST_DEALS:]
    books = _Books()
    for number, (start, deal_id, amount) in enumerate(signed):
        began = date.fromisoformat(start)
        until = date(began.year + 1, began.month, min(began.day, 28)) - timedelta(days=1)
        ref = deal_id if number % 2 else deal_url(deal_id)
        half = round(amount / 2, 2)
        lines = [(_MEMBERSHIP, half, began, until), (_USAGE, amount - half, began, until)]
        if number % 5:
            lines = [(_MEMBERSHIP, amount, began, until)]
        paid = (amount, amount, round(amount / 3, 2), 0.0)[number % 4]
        books.invoice(began, ref, lines, paid=paid)
    [*_, (start, deal_id, amount)] = signed
    began = date.fromisoformat(start)
    service = (_SERVICE, 900.0, began, began + timedelta(days=29))
    books.invoice(began, deal_id, [service], state="draft")
    books.invoice(began, deal_id, [service], state="reversed")
    books.invoice(TODAY - timedelta(days=75), "9999", [(_SERVICE, 450.0, None, None)])  # a number that is no deal's
    books.invoice(TODAY - timedelta(days=40), None, [(_SERVICE, 120.5, None, None)])
    late = date(2029, 1, 1)
    books.invoice(TODAY - timedelta(days=20), deal_id, [(_SERVICE, 300.0, late, late + timedelta(days=30))], paid=300.0)
    for _ in range(2):  # the same service twice
        books.invoice(TODAY - timedelta(days=10), deal_id, [service])
    return IntacctState({INVOICES: books.invoices, LINES: books.lines})


class _Books:
    def __init__(self) -> None:
        self.invoices: list[Json] = []
        self.lines: list[Json] = []

    def invoice(
        self,
        on: date,
        ref: str | None,
        lines: Sequence[tuple[str, float, date | None, date | None]],
        *,
        paid: float = 0.0,
        state: str | None = None,
    ) -> None:
        """Write one invoice with a line for each (account, amount, first day, last day) of service."""
        key, total = str(498 + len(self.invoices)), sum(amount for _, amount, _, _ in lines)
        reached = "paid" if paid >= total else "partiallyPaid" if paid else "posted"
        self.invoices.append(
            {
                "key": key,
                "id": key,
                "href": f"/objects/{INVOICES}/{key}",
                "invoiceNumber": f"INV-{key}",
                "state": state or reached,
                "invoiceDate": on.isoformat(),
                "dueDate": (on + _TERM).isoformat(),
                "referenceNumber": ref,
                "currency.txnCurrency": "USD",
                "currency.baseCurrency": "USD",
                "totalTxnAmount": f"{total:.2f}",
                "totalTxnAmountDue": f"{total - paid:.2f}",
                "customer.id": f"C-{key}",
            }
        )
        for number, (account, amount, first, last) in enumerate(lines, 1):
            line_key = str(1200 + len(self.lines))
            line: dict[str, Any] = {
                "key": line_key,
                "id": line_key,
                "href": f"/objects/{LINES}/{line_key}",
                "invoice.key": key,
                "invoice.id": key,
                "invoice.invoiceDate": on.isoformat(),
                "lineNumber": number,
                "glAccount.id": account,
                "txnAmount": f"{amount:.2f}",
                "memo": None,
                "revenueRecognition.startDate": first.isoformat() if first else None,
                "revenueRecognition.endDate": last.isoformat() if last else None,
            }
            self.lines.append(line)
