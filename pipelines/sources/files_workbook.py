"""Reads the sheets of Excel workbooks that people hand in, as the cells of a CSV file would read: .xlsx and .xlsm.

Values are those that the spreadsheet program showed when it saved: dates are 2026-11-16, numbers have Excel's fifteen digits, and of a
formula its last result counts. Hidden sheets, rows without any value, and columns without a name are passed over. A row with an error
(#REF!) or a formula that was never calculated in a column that matters is set aside with its number.

openpyxl reads row by row; what it holds as a whole (texts, formats) is looked at for size first, because a small archive can unpack to
anything. The form is that of https://learn.microsoft.com/openspecs/office_standards/ms-xlsx
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from pipelines.errors import ConfigurationError
from pipelines.sources.files_csv import Quarantined

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

Row = dict[str, Any]

# Titles may stand above the header; further down nobody would look for it
HEADER_WITHIN_ROWS: Final = 20
# What Excel itself can hold: https://support.microsoft.com/office/excel-specifications-and-limits
_MOST_ROWS: Final = 1_048_576
_MOST_COLUMNS: Final = 16_384

_MIB: Final = 1024 * 1024
# A million rows of a dozen columns unpack to some 500 MiB; the texts, and what is no sheet, are held in memory
_MOST_UNPACKED: Final = 1024 * _MIB
_MOST_TEXTS: Final = 96 * _MIB
_MOST_OTHER: Final = 32 * _MIB
# Sheets pack to a twentieth, a page of nothing to a thousandth
_MOST_RATIO: Final = 200
# #N/A is none of them: in counts it says that there is no data, and elsewhere it is no date and no number
_ERRORS: Final = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#GETTING_DATA", "#SPILL!", "#CALC!"})
_TEXTS: Final = "xl/sharedStrings.xml"
_SHEETS: Final = "xl/worksheets/"
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")
_CHUNK: Final = 4 * _MIB
_OVERLAP: Final = 64

# An old binary workbook, or the envelope of an encrypted one: https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb
_COMPOUND_FILE: Final = bytes.fromhex("D0CF11E0A1B11AE1")
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, OSError, EOFError),
    # what openpyxl raises where a part is missing or says what it may not say
    *(KeyError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError, RuntimeError),
)


def sheets_of(path: Path) -> list[tuple[str, bool, list[tuple[int, list[str]]]]]:
    """Return each sheet: its title, whether it can be seen, and its first rows with any value, as (row number, texts).

    Raises ConfigurationError when the file cannot be read as a workbook, or is too large for one.
    """
    with _opened(path) as book:
        return [
            (sheet.title, sheet.sheet_state == "visible", _first_rows(sheet) if sheet.sheet_state == "visible" else [])
            for sheet in book.worksheets
        ]


@dataclass(frozen=True)
class Below:
    """What stands below a header. ``used`` are the names of the columns that matter, in lower case."""

    path: Path
    title: str
    header_row: int
    header: list[str]
    used: frozenset[str]


def sheet_rows(sheet: Below, quarantine: list[Quarantined]) -> Iterator[tuple[int, Row]]:
    """Yield (row number, cells as text by column). Raises ConfigurationError when the workbook breaks off."""
    title, header_row, header, used = sheet.title, sheet.header_row, sheet.header, sheet.used
    columns = [(place, name) for place, name in enumerate(header) if name]
    for number, values, uncalculated in _numbered(sheet.path, title):
        if number <= header_row:
            continue
        cells = {name: text_of(values[place]) if place < len(values) else "" for place, name in columns}
        if not any(cells.values()) and not uncalculated:
            continue
        faults = [(place, name) for place, name in columns if name.strip().lower() in used]
        reason = next(filter(None, (_fault(number, place, values, uncalculated) for place, _ in faults)), None)
        if reason is not None:
            quarantine.append(Quarantined(number, reason, json.dumps(cells), sheet=title))
            continue
        yield number, cells


def text_of(value: object) -> str:
    """Return a cell as a CSV file would hold it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return format(Decimal(f"{value:.15g}"), "f")
    return str(value)


def _fault(number: int, place: int, values: tuple[Any, ...], uncalculated: frozenset[int]) -> str | None:
    cell = f"cell {get_column_letter(place + 1)}{number}"
    if place in uncalculated:
        return f"{cell} holds a formula that was never calculated; open the workbook in a spreadsheet program and save it"
    value = values[place] if place < len(values) else None
    if isinstance(value, str) and value in _ERRORS:
        return f"{cell} holds the error {value}"
    return None


def _first_rows(sheet: ReadOnlyWorksheet) -> list[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # programs write them wrongly
    rows = enumerate(sheet.iter_rows(max_row=HEADER_WITHIN_ROWS, values_only=True), start=1)
    texts = ((number, [text_of(value).strip() for value in values[:_MOST_COLUMNS]]) for number, values in rows)
    return [(number, values) for number, values in texts if any(values)]


def _numbered(path: Path, title: str) -> Iterator[tuple[int, tuple[Any, ...], frozenset[int]]]:
    """Yield each row's number, its values, and the places of formulas in it that have no value."""
    with _opened(path) as book:
        sheet = book[title]
        sheet.reset_dimensions()
        if not _has_formulas(path):
            for number, values in enumerate(sheet.iter_rows(max_row=_MOST_ROWS, values_only=True), start=1):
                yield number, values, frozenset()
            return
        with _opened(path, formulas=True) as told:
            beside = told[title]
            beside.reset_dimensions()
            pairs = zip(sheet.iter_rows(max_row=_MOST_ROWS, values_only=True), beside.iter_rows(max_row=_MOST_ROWS), strict=True)
            for number, (values, cells) in enumerate(pairs, start=1):
                formulas = (place for place, cell in enumerate(cells) if cell.data_type == "f")
                yield number, values, frozenset(place for place in formulas if place >= len(values) or values[place] is None)


@contextmanager
def _opened(path: Path, *, formulas: bool = False) -> Iterator[Any]:
    # it warns of what it leaves out (styles, validations), which no value depends on
    warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
    try:
        _check_size(path)
        book = load_workbook(path, read_only=True, data_only=not formulas, keep_links=False)
    except _BROKEN as error:
        raise _unreadable(path, error) from error
    try:
        yield book
    except _BROKEN as error:
        raise _unreadable(path, error) from error
    finally:
        book.close()


def _check_size(path: Path) -> None:
    """Refuse what would unpack to more than memory and patience have room for. Python's zip reader gives no more than is declared."""
    with zipfile.ZipFile(path) as archive:
        parts = {part.filename: part.file_size for part in archive.infolist()}
    unpacked = sum(parts.values())
    sheets = sum(size for name, size in parts.items() if name.startswith(_SHEETS))
    texts = sum(size for name, size in parts.items() if name.lower() == _TEXTS.lower())
    packed = max(path.stat().st_size, 1)
    if unpacked > _MIB and unpacked > packed * _MOST_RATIO:
        raise ConfigurationError(
            f"{path} would unpack to {unpacked // _MIB:,} MiB, {unpacked // packed:,} times its size, as no spreadsheet does; it was not "
            "opened. Ask where it comes from, or save the sheet as CSV."
        )
    for size, most, what in (
        (unpacked, _MOST_UNPACKED, "unpacks to"),
        (texts, _MOST_TEXTS, "holds texts of"),
        (unpacked - sheets - texts, _MOST_OTHER, "holds pictures and formats of"),
    ):
        if size > most:
            raise ConfigurationError(
                f"{path} {what} {size // _MIB:,} MiB, more than the {most // _MIB:,} MiB that are read of a workbook. Save the sheet as "
                "CSV and give that file."
            )


def _has_formulas(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith(_SHEETS):
                continue
            with archive.open(name) as part:
                before = b""
                while chunk := part.read(_CHUNK):
                    if _FORMULA.search(before + chunk):
                        return True
                    before = chunk[-_OVERLAP:]
    return False


def _unreadable(path: Path, error: BaseException) -> ConfigurationError:
    with path.open("rb") as file:
        start = file.read(len(_COMPOUND_FILE))
        is_encrypted = start == _COMPOUND_FILE and _ENCRYPTED in file.read(64 * _MIB)
    if is_encrypted:
        return ConfigurationError(f"{path} is protected by a password. Save it without one, or save the sheet as CSV.")
    if start == _COMPOUND_FILE:
        return ConfigurationError(f"{path} is a workbook of the old form (.xls) under another name. Save it as .xlsx or CSV.")
    told = " ".join(str(error).split())[:200] or type(error).__name__
    return ConfigurationError(
        f"{path} is not a workbook that can be read ({told}). Open it, save it as .xlsx again, or save it as CSV."
    )
