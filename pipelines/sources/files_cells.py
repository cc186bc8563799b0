"""The tables in a file that people hand in: a CSV file is one, a workbook has one on each sheet whose columns fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError
from pipelines.sources.files_csv import Quarantined, csv_header, csv_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

Row = dict[str, Any]


WORKBOOKS: Final = frozenset({".xlsx", ".xlsm"})
_OTHER_SPREADSHEETS: Final = frozenset({".xls", ".xlsb", ".ods", ".numbers"})
SHEET: Final = ", sheet "


@dataclass(frozen=True)
class CellTable:
    """A header and the rows below it. ``name`` is what its rows say they are from; ``sheet`` is empty for a CSV file."""

    name: str
    header: list[str]
    read: Callable[[list[Quarantined]], Iterator[tuple[int, Row]]]
    sheet: str = ""

    def set_aside(self, number: int, reason: str, payload: str) -> Quarantined:
        """Return the note of a row of this table that was set aside."""
        return Quarantined(number, reason, payload, sheet=self.sheet)


@dataclass
class CellTables:
    """The tables that fit, and why each other sheet was not read."""

    tables: list[CellTable]
    passed_over: list[str] = field(default_factory=list)


def cell_tables(
    path: Path, complaint: Callable[[list[str], str], str | None], used: Collection[str], *, first_only: bool = False
) -> CellTables:
    """Return the tables of ``path`` whose header ``complaint`` has nothing against. ``used``: the columns that matter, in lower case.

    ``first_only``: a workbook's first visible sheet is meant, whatever the others hold. Raises ConfigurationError where no table fits.
    """
    if path.suffix.lower() in _OTHER_SPREADSHEETS:
        raise ConfigurationError(f"{path} is a spreadsheet of a form that handoff does not read. Save it as .xlsx or CSV.")
    if path.suffix.lower() in WORKBOOKS:
        return _of_a_workbook(path, complaint, frozenset(used), first_only=first_only)
    header = csv_header(path)
    wrong = complaint(header, str(path))
    if wrong is not None:
        raise ConfigurationError(wrong)
    return CellTables([CellTable(path.name, header, partial(csv_rows, path))])


def _of_a_workbook(
    path: Path, complaint: Callable[[list[str], str], str | None], used: frozenset[str], *, first_only: bool
) -> CellTables:
    from pipelines.sources.files_workbook import Below, sheet_rows, sheets_of  # noqa: PLC0415 - a CSV import need not load openpyxl

    found = CellTables([])
    wrong: list[str] = []
    for title, is_visible, rows in sheets_of(path):
        if not is_visible or not rows:
            found.passed_over.append(f"{title} ({'empty' if is_visible else 'hidden'})")
            continue
        if first_only and (found.tables or wrong):
            found.passed_over.append(f"{title} (only the first sheet is read)")
            continue
        place = f"{path}{SHEET}{title}"
        fitting = next(((number, header) for number, header in rows if complaint(header, place) is None), None)
        if fitting is None:
            # of several rows the fullest is most likely meant as the header
            wrong.append(complaint(max(rows, key=lambda row: sum(map(bool, row[1])))[1], place) or "")
            found.passed_over.append(f"{title} (other columns)")
            continue
        number, header = fitting
        # a slash stands in the names of exports only
        name = f"{path.name}{SHEET}{title.replace('/', '_')}"
        found.tables.append(CellTable(name, header, partial(sheet_rows, Below(path, title, number, header, used)), sheet=title))
    if found.tables:
        return found
    if not wrong:
        raise ConfigurationError(f"{path} has no visible sheet with anything on it. Show the sheet, or save it as CSV.")
    others = f" Its other sheets do not fit either: {', '.join(found.passed_over)}." if len(found.passed_over) > 1 else ""
    raise ConfigurationError(f"{wrong[0]}{others}")
