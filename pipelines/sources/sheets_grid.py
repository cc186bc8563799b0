"""What stands in one tab of a spreadsheet, cell by cell: what was entered, what is shown, and the names of its columns.

    GET /v4/spreadsheets/{id}?fields=...                       -> the tabs
    GET /v4/spreadsheets/{id}?ranges=...&ranges=...&fields=... -> the header and 500 lines, as often as there are lines

The cells are asked for as grid data and not as values, because only there a formula, a text that looks like one, a number, a day and an
error are told apart. Every part brings the header along: when it is not the one of the first part, somebody moved columns, and the
reading starts again. https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/cells
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError, GarbageAnswer, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
# asks for parts of the spreadsheet: parameters of spreadsheets.get -> its answer
Ask = Callable[[list[tuple[str, str]]], Json]

_LINES: Final = 500  # a part of a wide sheet stays below a few megabytes
_RESTARTS: Final = 3
_TABS: Final = "properties(title),sheets(properties(sheetId,title,sheetType,gridProperties(rowCount,columnCount)))"
_CELLS: Final = (
    "sheets(properties(sheetId,gridProperties(rowCount,columnCount)),data(startRow,rowData(values("
    "userEnteredValue,effectiveValue,formattedValue,effectiveFormat(numberFormat(type))))))"
)
# a number that is shown in one of these ways is known by what is shown
_SHOWN_OTHERWISE: Final = frozenset({"DATE", "TIME", "DATE_TIME", "CURRENCY", "PERCENT", "SCIENTIFIC"})


@dataclass(frozen=True)
class Tab:
    """One tab; lines and columns count from 1, and so many are in the grid, filled or not."""

    spreadsheet_id: str
    title: str
    tab_id: int
    tab_title: str
    row_count: int
    column_count: int


@dataclass(frozen=True)
class Cell:
    """A cell in which something was entered. ``text`` is what it is called by; ``error`` what it shows instead of a value."""

    text: str
    formula: str | None = None
    error: str | None = None
    constant: Any = None  # what was entered where it is no formula


@dataclass
class Grid:
    """The cells of a tab by line and column; empty ones are left out."""

    tab: Tab
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)

    @property
    def last_column(self) -> int:
        """The last column in which anything was entered; 0 for an empty tab."""
        return max((column for _, column in self.cells), default=0)

    @property
    def headers(self) -> list[str]:
        """The names of the columns up to the last one, empty where a column has none."""
        return [self.header(column) for column in range(1, self.last_column + 1)]

    def header(self, column: int) -> str:
        """Return the name of a column, without spaces around it; empty where it has none."""
        cell = self.cells.get((1, column))
        return cell.text.strip() if cell is not None else ""

    def column(self, number: int) -> dict[int, Cell]:
        """Return the cells of a column below its header, by line."""
        return {line: cell for (line, column), cell in sorted(self.cells.items()) if column == number and line > 1}

    def formulas(self, column: int) -> dict[int, str]:
        """Return the formulas of a column below its header, by line."""
        return {line: cell.formula for line, cell in self.column(column).items() if cell.formula is not None}

    def fingerprint(self, columns: int) -> str:
        """Return what changes when one of the first ``columns`` is renamed or moved, or a formula of the last of them is changed."""
        known = [[self.header(column) for column in range(1, columns + 1)], sorted(self.formulas(columns).items())]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def letters(column: int) -> str:
    """Return what a spreadsheet calls a column: 1 is A, 27 is AA."""
    name = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def read_grid(ask: Ask, spreadsheet_id: str, tab_title: str) -> Grid:
    """Return the tab of that title, or the first, whole. Raises ConfigurationError when there is none, VendorError."""
    for _ in range(_RESTARTS + 1):
        tab = _tab(ask([("fields", _TABS)]), spreadsheet_id, tab_title)
        grid = _cells(ask, tab)
        if grid is not None:
            return grid
    raise Unavailable(
        f"The columns of {tab.tab_title!r} in Google Sheets were moved each time while it was read, so nothing was loaded from it. "
        "Run `handoff sync` again when nobody works in it."
    )


def _tab(answer: Json, spreadsheet_id: str, tab_title: str) -> Tab:
    tabs = [entry.get("properties") or {} for entry in answer["sheets"] if isinstance(entry, dict)]
    grids = [tab for tab in tabs if tab.get("sheetType", "GRID") == "GRID"]
    found = next((tab for tab in grids if not tab_title or tab.get("title") == tab_title), None)
    title = str((answer.get("properties") or {}).get("title", ""))
    if found is None:
        there = ", ".join(repr(tab.get("title")) for tab in grids) or "none"
        raise ConfigurationError(
            f"The spreadsheet {title!r} has no tab {tab_title!r}; there are: {there}. Correct SHEETS_TAB, or unset it for the first."
        )
    size: Json = found.get("gridProperties") or {}
    tab_id, rows, columns = found.get("sheetId", 0), size.get("rowCount"), size.get("columnCount")
    if not (
        isinstance(tab_id, int) and isinstance(rows, int) and isinstance(columns, int) and isinstance(found.get("title"), str)
    ):
        raise _garbage("a tab without its size")
    return Tab(spreadsheet_id, title, tab_id, found["title"], rows, columns)


def _cells(ask: Ask, tab: Tab) -> Grid | None:
    """Return the cells of a tab, or None when somebody moved columns meanwhile."""
    grid = Grid(tab)
    quoted = tab.tab_title.replace("'", "''")
    header = None
    for first in range(1, tab.row_count + 1, _LINES):
        last = min(first + _LINES - 1, tab.row_count)
        ranges = [("ranges", f"'{quoted}'!1:1"), ("ranges", f"'{quoted}'!{first}:{last}")]
        answer = ask([*ranges, ("fields", _CELLS)])
        part = _part(answer, tab, first)
        if part is None:
            return None
        names, lines = part
        named = [(column, cell.text) for _, column, cell in _filled(names, 1)]
        if header is not None and named != header:
            return None
        header = named
        grid.cells.update({(line, column): cell for line, column, cell in _filled(lines, first)})
    return grid


def _part(answer: Json, tab: Tab, first: int) -> tuple[Json, Json] | None:
    """Return the grid data of the header and of the lines from ``first`` on; None when the tab has another size by now."""
    for entry in answer["sheets"]:
        data = entry.get("data") if isinstance(entry, dict) else None
        if not isinstance(data, list) or len(data) != 2 or not all(isinstance(part, dict) for part in data):
            continue
        # zeros are left out
        if [part.get("startRow", 0) for part in data] != [0, first - 1]:
            continue
        properties = entry.get("properties") or {}
        size = properties.get("gridProperties") or {}
        if properties.get("sheetId", 0) != tab.tab_id:
            continue
        if (size.get("rowCount"), size.get("columnCount")) != (tab.row_count, tab.column_count):
            return None
        return data[0], data[1]
    raise _garbage(f"no answer about the lines from {first} on, as if its pages went in a circle")


def _filled(data: Json, first: int) -> Iterator[tuple[int, int, Cell]]:
    """Yield line, column and cell of everything that was entered in one part."""
    for line, row in enumerate(data.get("rowData") or [], start=first):
        for column, cell in enumerate(row.get("values") or [], start=1):
            entered = cell.get("userEnteredValue")
            if entered:
                yield line, column, _cell(cell, entered)


def _cell(cell: Json, entered: Json) -> Cell:
    formula = entered.get("formulaValue")
    constant = None if formula is not None else next(iter(entered.values()))
    value, shown = cell.get("effectiveValue") or {}, str(cell.get("formattedValue", ""))
    if "errorValue" in value:
        told = value["errorValue"]
        return Cell(shown, formula, f"{shown or told.get('type', '#ERROR!')}", constant)
    number = value.get("numberValue")
    kind = ((cell.get("effectiveFormat") or {}).get("numberFormat") or {}).get("type", "")
    if number is not None and kind not in _SHOWN_OTHERWISE:
        return Cell(f"{number:.0f}" if float(number).is_integer() else str(number), formula, None, constant)
    text = value.get("stringValue")
    return Cell(shown if text is None else str(text), formula, None, constant)


def errors_by_column(grid: Grid) -> dict[int, list[tuple[str, str]]]:
    """Return place and error of every cell that shows an error, by column."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for (line, column), cell in sorted(grid.cells.items()):
        if cell.error is not None:
            found[column].append((f"{letters(column)}{line}", cell.error))
    return found


def _garbage(what: str) -> GarbageAnswer:
    return GarbageAnswer(
        f"Google Sheets sent {what}, so nothing was loaded from it. Check SHEETS_BASE_URL, and run `handoff sync` again later."
    )
