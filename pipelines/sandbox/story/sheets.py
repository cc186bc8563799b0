"""The cloud-billing spreadsheet: a column for each deal that was signed a while ago, and none yet for the latest ones.

A column holds what each month cost and, below, formulas: the sum, what is passed on by the rate of another tab, and the mean. People call
columns as they like: by the deal's number, its address or its name.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.sheets_formulas import column_letters
from pipelines.sandbox.state import SheetsState
from pipelines.sandbox.story.hubspot import deal_url

if TYPE_CHECKING:
    from pipelines.sandbox.state import HubspotState, Json

SPREADSHEET: Final = "1HandoffDemoCloudBilling0000000000000000000000"
COSTS_TAB: Final = 0
RATES_TAB: Final = 1200000001
_EPOCH: Final = date(1899, 12, 30)
_MONTHS: Final = tuple(date(2025 + month // 12, month % 12 + 1, 1) for month in range(22))
_WON: Final = frozenset({"1006", "2005", "3002"})
_WITHOUT_A_COLUMN: Final = 3
_MOST_COLUMNS: Final = 200
_LINES: Final = 1000  # what a new spreadsheet has
_MONTH: Final = {"type": "DATE", "pattern": "yyyy-mm"}
_DOLLARS: Final = {"type": "CURRENCY", "pattern": "$#,##0.00"}


def kept(portal: HubspotState) -> SheetsState:
    """Return the spreadsheet as somebody has kept it for the deals of ``portal``, the same at every call."""
    signed = sorted(
        (record.properties.get("contract_start_date") or "", record.id, record.properties.get("dealname") or "")
        for record in portal.objects["deals"].values()
        if record.properties.get("dealstage") in _WON and record.properties.get("cloud_paid_by") == "us" and not record.archived
    )
    known = [(deal_id, name) for _, deal_id, name in signed[: max(0, len(signed) - _WITHOUT_A_COLUMN)]][:_MOST_COLUMNS]
    sum_line = len(_MONTHS) + 3
    rows: list[list[Json | None]] = [[_text("Month"), *(_text(_header(*deal)) for deal in known)]]
    for number, month in enumerate(_MONTHS):
        day = _number((month - _EPOCH).days, _MONTH)
        rows.append([day, *(_number(_cost(deal_id, number), _DOLLARS) for deal_id, _ in known)])
    rows.append([])
    columns = [column_letters(number) for number in range(2, len(known) + 2)]
    last = len(_MONTHS) + 1
    rows.append([_text("Sum"), *(_formula(f"=SUM({letters}2:{letters}{last})") for letters in columns)])
    rows.append([_text("Passed on"), *(_formula(f"=ROUND({letters}{sum_line}*Rates!$B$1,2)") for letters in columns)])
    rows.append(
        [
            _text("Mean"),
            *(_formula(f"=IFERROR({letters}{sum_line}/COUNT({letters}$2:{letters}${last}),0)") for letters in columns),
        ]
    )
    tabs = [
        {"sheetId": COSTS_TAB, "title": "Costs", "rowCount": _LINES, "columnCount": len(known) + 4, "rows": rows},
        {"sheetId": RATES_TAB, "title": "Rates", "rowCount": 100, "columnCount": 26, "rows": [[_text("Factor"), _number(1.05)]]},
    ]
    return SheetsState(spreadsheet_id=SPREADSHEET, title="Cloud billing", tabs=tabs)


def _header(deal_id: str, name: str) -> str:
    return (deal_id, f"{name} ({deal_url(deal_id)})", name)[int(deal_id) % 3]


def _cost(deal_id: str, month: int) -> float:
    return (int(deal_id) * 37 + month * 101) % 900 + 100 + 0.25 * (month % 4)


def _text(value: str) -> Json:
    return {"userEnteredValue": {"stringValue": value}}


def _number(value: float, shown_as: Json | None = None) -> Json:
    cell: dict[str, Any] = {"userEnteredValue": {"numberValue": value}}
    return cell | ({"numberFormat": shown_as} if shown_as else {})


def _formula(formula: str) -> Json:
    return {"userEnteredValue": {"formulaValue": formula}, "numberFormat": _DOLLARS}
