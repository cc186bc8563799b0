"""Reports as an Excel workbook: a sheet for each report, typed cells, and no cell that a text could turn into a formula or a link.

The form is that of https://learn.microsoft.com/openspecs/office_standards/ms-xlsx; XlsxWriter writes it, given the type of each cell.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import xlsxwriter

from pipelines.reports import csv_cell, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

Row = dict[str, Any]
# The report's name, its columns in order, its rows
Sheet = tuple[str, "Sequence[str]", "Sequence[Row]"]

# Nothing that stands in a cell is interpreted; https://xlsxwriter.readthedocs.io/workbook.html
_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}
# The most that a cell of Excel holds; what is cut says so.
_MOST_CHARACTERS: Final = 32_767
_CUT: Final = " [cut; the CSV file has all of it]"
# Excel counts days from here
_FIRST_DAY: Final = date(1900, 3, 1)
_NARROWEST, _WIDEST = 9, 60
_FORMATS: Final = {
    "date": {"num_format": "yyyy-mm-dd"},
    "instant": {"num_format": "yyyy-mm-dd hh:mm:ss"},
    "money": {"num_format": "#,##0.00"},
    "share": {"num_format": "0%"},
    "head": {"bold": True, "text_wrap": True, "valign": "top"},
}
_SANDBOX: Final = " SANDBOX"
_MOST_SHEET_NAME: Final = 31


def as_workbook(sheets: Iterable[Sheet], heading: Sequence[str], *, is_sandbox: bool, made_at: datetime) -> bytes:
    """Return a workbook with a sheet for each report and one that says whose data it is. Timestamps are UTC.

    The same rows give the same bytes: the workbook says when its run began, not when the file was written.
    """
    output = io.BytesIO()
    with xlsxwriter.Workbook(output, _OPTIONS) as workbook:
        workbook.set_properties({"title": "handoff", "created": made_at.astimezone(UTC).replace(tzinfo=None)})
        formats = {name: workbook.add_format(properties) for name, properties in _FORMATS.items()}
        for name, columns, rows in sheets:
            _add_sheet(workbook, formats, _sheet_name(name, is_sandbox=is_sandbox), columns, rows)
        about = workbook.add_worksheet("About")
        about.set_column(0, 0, 120)
        for number, line in enumerate(heading):
            about.write_string(number, 0, _cell_text(line))
    return output.getvalue()


def _sheet_name(name: str, *, is_sandbox: bool) -> str:
    suffix = _SANDBOX if is_sandbox else ""
    return name[: _MOST_SHEET_NAME - len(suffix)] + suffix


def _add_sheet(workbook: Workbook, formats: dict[str, Format], name: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    sheet = workbook.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column, formats["head"])
        sheet.set_column(place, place, _width(column, rows))
    for number, row in enumerate(rows, start=1):
        for place, column in enumerate(columns):
            _write(sheet, (number, place), row.get(column), formats, is_share=column.endswith("_ratio"))
    if columns:
        sheet.autofilter(0, 0, max(len(rows), 1), len(columns) - 1)


def _width(column: str, rows: Sequence[Row]) -> int:
    longest = max((len(str(row.get(column) or "")) for row in rows), default=0)
    return min(max(_NARROWEST, len(column) + 2, longest + 1), _WIDEST)


def _write(sheet: Worksheet, cell: tuple[int, int], value: object, formats: dict[str, Format], *, is_share: bool) -> None:
    """Write one cell with the type that its value has in the mart."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(*cell, value)
    elif isinstance(value, datetime) and value.date() >= _FIRST_DAY:
        sheet.write_datetime(*cell, value.astimezone(UTC).replace(tzinfo=None), formats["instant"])
    elif isinstance(value, date) and not isinstance(value, datetime) and value >= _FIRST_DAY:
        sheet.write_datetime(*cell, datetime.combine(value, time()), formats["date"])
    elif isinstance(value, Decimal) and value.is_finite():
        sheet.write_number(*cell, float(value), formats["money"])
    elif isinstance(value, int | float) and abs(value) < float("inf"):
        sheet.write_number(*cell, value, formats["share"] if is_share else None)
    else:
        sheet.write_string(*cell, _cell_text(value))


def _cell_text(value: object) -> str:
    """Return text that stays text, also when the sheet is saved as CSV later; line breaks stay, other control characters go."""
    text = str(csv_cell(value if isinstance(value, str | list | dict) else str(value)))
    text = "\n".join(printable(line) for line in text.split("\n"))
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - len(_CUT)] + _CUT
