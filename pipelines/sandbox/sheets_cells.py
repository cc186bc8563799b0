"""The cells of the sandbox's spreadsheet: areas by their names, what cells show, and the changes that a batch makes.

Evidence: https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/cells, .../spreadsheets/request and
https://developers.google.com/workspace/sheets/api/guides/concepts (A1 notation). Only columns are inserted and deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.exchange import misfit
from pipelines.sandbox.sheets_formulas import (
    CellError,
    NotBuilt,
    Value,
    checked,
    column_letters,
    column_number,
    evaluated,
    moved,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

# Serial numbers count the days since this one
_EPOCH: Final = date(1899, 12, 30)
_A1: Final = re.compile(
    r"(?:(?:'(?P<quoted>(?:[^']|'')+)'|(?P<tab>[A-Za-z_]\w*))(?:!|$))?"
    r"(?P<first>[A-Za-z]{0,3}\d*)(?::(?P<last>[A-Za-z]{0,3}\d*))?"
)
_ENTERED: Final = {"numberValue": (int, float), "stringValue": (str,), "boolValue": (bool,), "formulaValue": (str,)}
_PATTERNS: Final = {
    "yyyy-mm": lambda number: f"{_day(number):%Y-%m}",
    "yyyy-mm-dd": lambda number: f"{_day(number):%Y-%m-%d}",
    "#,##0": lambda number: f"{number:,.0f}",
    "#,##0.00": lambda number: f"{number:,.2f}",
    "$#,##0.00": lambda number: f"${number:,.2f}" if number >= 0 else f"-${-number:,.2f}",
}
_ADDRESS: Final = {"sheetId": int, "dimension": str, "startIndex": int, "endIndex": int}


@dataclass(frozen=True)
class Area:
    """A part of a tab; lines and columns from 1, both ends included."""

    tab: Json
    first_line: int
    last_line: int
    first_column: int
    last_column: int

    @classmethod
    def whole(cls, tab: Json) -> Area:
        """Return all of a tab."""
        return cls(tab, 1, tab["rowCount"], 1, tab["columnCount"])

    @property
    def name(self) -> str:
        """The area in A1 notation."""
        title = self.tab["title"].replace("'", "''")
        first = f"{column_letters(self.first_column)}{self.first_line}"
        return f"'{title}'!{first}:{column_letters(self.last_column)}{self.last_line}"


class Book:
    """The tabs of a spreadsheet, to read and to change."""

    def __init__(self, tabs: list[Json]) -> None:
        """Work on ``tabs`` as they are."""
        self.tabs = tabs
        self._known: dict[tuple[int, int, int], Value | CellError] = {}
        self._open: set[tuple[int, int, int]] = set()

    def area(self, text: str) -> Area:
        """Return the area of an A1 notation; the first tab where none is named. Raises ValueError in Google's words."""
        unknown = ValueError(f"Unable to parse range: {text}")
        match = _A1.fullmatch(text)
        if match is None or not self.tabs:
            raise unknown
        title = match["quoted"].replace("''", "'") if match["quoted"] else match["tab"]
        tab = next((tab for tab in self.tabs if not title or tab["title"] == title), None)
        if tab is None:
            raise unknown
        if not match["first"]:
            return Area.whole(tab)
        first, last = _corner(match["first"]), _corner(match["last"] or match["first"])
        if (first[0] is None) != (last[0] is None) or (first[1] is None) != (last[1] is None):
            raise NotBuilt(f"the range {text}")
        area = Area(
            tab, first[0] or 1, min(last[0] or tab["rowCount"], tab["rowCount"]), first[1] or 1, last[1] or tab["columnCount"]
        )
        if area.first_line > tab["rowCount"] or area.first_column > tab["columnCount"]:
            size = f"Max rows: {tab['rowCount']}, max columns: {tab['columnCount']}"
            raise ValueError(f"Range ({text}) exceeds grid limits. {size}")
        return area

    # What cells come to and show

    def entered(self, tab: Json, line: int, column: int) -> Json | None:
        """Return a cell with what was entered, or None."""
        row = tab["rows"][line - 1] if line <= len(tab["rows"]) else []
        cell: Json | None = row[column - 1] if column <= len(row) else None
        return cell if cell and cell.get("userEnteredValue") else None

    def value(self, tab: Json, line: int, column: int) -> Value:
        """Return what a cell comes to. Raises CellError."""
        cell = self.entered(tab, line, column)
        if cell is None:
            return None
        [(kind, content)] = cell["userEnteredValue"].items()
        if kind != "formulaValue":
            return float(content) if kind == "numberValue" else content
        key = tab["sheetId"], line, column
        if key not in self._known:
            self._known[key] = self._reckoned(tab, content, key)
        found = self._known[key]
        if isinstance(found, CellError):
            raise found
        return found

    def _reckoned(self, tab: Json, formula: str, key: tuple[int, int, int]) -> Value | CellError:
        if key in self._open:
            return CellError("REF", "#REF!")  # it is reckoned from itself
        self._open.add(key)

        def look(title: str | None, line: int, column: int) -> Value:
            other = next((known for known in self.tabs if known["title"] == title), None) if title else tab
            if other is None or line > other["rowCount"] or column > other["columnCount"]:
                raise CellError("REF", "#REF!")
            return self.value(other, line, column)

        try:
            return evaluated(formula, look)
        except CellError as error:
            return error
        finally:
            self._open.discard(key)

    def grid_data(self, area: Area) -> Json:
        """Return an area as GridData: what is empty at the end of a line, and of the area, is left out, and so are zeros."""
        rows = []
        for line, columns in _entered_lines(area):
            rows.append(_without_tail([self._cell_data(area.tab, line, column) for column in columns]))
        data: Json = {"rowData": [{"values": cells} if cells else {} for cells in _without_tail(rows)]}
        for name, first in (("startRow", area.first_line), ("startColumn", area.first_column)):
            if first > 1:
                data[name] = first - 1
        return data

    def _cell_data(self, tab: Json, line: int, column: int) -> Json:
        cell = self.entered(tab, line, column)
        if cell is None:
            return {}
        data: Json = {"userEnteredValue": cell["userEnteredValue"]}
        if cell.get("numberFormat"):
            data["effectiveFormat"] = {"numberFormat": cell["numberFormat"]}
        try:
            value = self.value(tab, line, column)
        except CellError as error:
            words = {"type": error.kind, "message": f"The cell shows {error.shown}."}
            return data | {"effectiveValue": {"errorValue": words}, "formattedValue": error.shown}
        if value is None:
            return data
        kind = "boolValue" if isinstance(value, bool) else "stringValue" if isinstance(value, str) else "numberValue"
        shown = int(value) if isinstance(value, float) and value.is_integer() else value
        return data | {"effectiveValue": {kind: shown}, "formattedValue": _shown(value, cell)}

    def values(self, area: Area, rendering: str) -> list[list[Any]]:
        """Return an area as values: what is empty at the end of a line, and of the area, is left out."""
        rows = []
        for line, columns in _entered_lines(area):
            rows.append(_without_tail([self._rendered(area.tab, line, column, rendering) for column in columns]))
        return _without_tail(rows)

    def _rendered(self, tab: Json, line: int, column: int, rendering: str) -> Any:
        data = self._cell_data(tab, line, column)
        if not data:
            return ""
        if rendering == "FORMULA" and "formulaValue" in data["userEnteredValue"]:
            return data["userEnteredValue"]["formulaValue"]
        value = data.get("effectiveValue", {})
        if rendering == "FORMATTED_VALUE" or "errorValue" in value:
            return data.get("formattedValue", "")
        return next(iter(value.values()), "")

    # Changes

    def insert_columns(self, request: Json) -> None:
        """Put empty columns in, and move every reference along. Raises ValueError."""
        tab, start, end = self._columns(request, {"inheritFromBefore": bool})
        inherits = request.get("inheritFromBefore", False)
        if inherits and start == 0:
            raise ValueError("inheritFromBefore cannot be true if startIndex is 0")
        if start > tab["columnCount"] or (start == tab["columnCount"] and not inherits):
            size = tab["columnCount"]
            raise ValueError(f"range.startIndex[{start}] must be less than the grid size ({size}) if inheritFromBefore is false.")
        for row in tab["rows"]:
            if len(row) > start:
                row[start:start] = [None] * (end - start)
        tab["columnCount"] += end - start
        self._move(tab, start + 1, end - start)

    def delete_columns(self, request: Json) -> None:
        """Take columns out; what refers to them alone shows an error from then on. Raises ValueError."""
        tab, start, end = self._columns(request, {})
        if end > tab["columnCount"]:
            raise ValueError(f"range.endIndex[{end}] is after last column in sheet[{tab['columnCount']}]")
        if end - start >= tab["columnCount"]:
            raise ValueError("You can't delete all the columns on the sheet.")
        for row in tab["rows"]:
            del row[start:end]
        tab["columnCount"] -= end - start
        self._move(tab, start + 1, start - end)

    def _columns(self, request: Any, more: Json) -> tuple[Json, int, int]:
        wrong = misfit(request, {"range": _ADDRESS, **more})
        if wrong is not None or not isinstance(request, dict) or request.keys() - {"range", *more}:
            raise ValueError(f"unknown or wrong at {wrong or 'the request'}")
        place = request.get("range", {})
        if place.get("dimension") == "ROWS":
            raise NotBuilt("changes of ROWS")
        tab, start, end = self._tab(place), place.get("startIndex", 0), place.get("endIndex", -1)
        if place.get("dimension") != "COLUMNS" or not 0 <= start < end:
            raise ValueError("range must name COLUMNS with a startIndex below its endIndex")
        return tab, start, end

    def _tab(self, place: Json) -> Json:
        wanted = place.get("sheetId", 0)
        found = next((tab for tab in self.tabs if tab["sheetId"] == wanted), None)
        if found is None:
            raise ValueError(f"No grid with id: {wanted}")
        return found

    def _move(self, changed: Json, start: int, count: int) -> None:
        for tab in self.tabs:
            for row in tab["rows"]:
                for cell in row:
                    formula = ((cell or {}).get("userEnteredValue") or {}).get("formulaValue")
                    if formula is not None:
                        cell["userEnteredValue"]["formulaValue"] = moved(formula, tab["title"], changed["title"], start, count)

    def update_cells(self, request: Json) -> None:
        """Enter values from one cell on; a cell without one is emptied. Raises ValueError."""
        shape = {"start": {"sheetId": int, "rowIndex": int, "columnIndex": int}, "rows": [{"values": [dict]}], "fields": str}
        wrong = misfit(request, {name: kind for name, kind in shape.items() if name != "rows"})
        if wrong is not None or not isinstance(request, dict) or request.keys() - shape.keys() or "start" not in request:
            raise ValueError(f"unknown or wrong at {wrong or 'the request'}")
        if request.get("fields") != "userEnteredValue":
            raise NotBuilt(f"updateCells with the fields {request.get('fields')!r}")
        place = request["start"]
        tab, first, left = self._tab(place), place.get("rowIndex", 0), place.get("columnIndex", 0)
        for down, row in enumerate(request.get("rows") or []):
            for right, cell in enumerate(row.get("values") or []):
                self._enter(tab, first + down, left + right, cell)

    def _enter(self, tab: Json, row: int, column: int, cell: Json) -> None:
        if row >= tab["rowCount"] or column >= tab["columnCount"]:
            raise ValueError(f"Attempting to write column: {column}, row: {row} beyond the grid of {tab['title']}")
        entered = cell.get("userEnteredValue")
        if entered is not None:
            [(kind, value)] = entered.items() if len(entered) == 1 else [("", None)]
            if kind not in _ENTERED or type(value) not in _ENTERED[kind]:
                raise ValueError("userEnteredValue holds no value of one kind")
            if kind == "formulaValue":
                if not value.startswith("="):
                    raise ValueError("a formula begins with =")
                checked(value)
        rows = tab["rows"]
        rows.extend([] for _ in range(row + 1 - len(rows)))
        rows[row].extend([None] * (column + 1 - len(rows[row])))
        kept = {name: held for name, held in (rows[row][column] or {}).items() if name != "userEnteredValue"}
        rows[row][column] = {**kept, "userEnteredValue": entered} if entered else (kept or None)


def masked(content: Any, mask: str) -> Any:
    """Return the parts of an answer that a field mask such as ``a,b(c,d.e)`` names. Raises ValueError for a mask that is none."""
    parts = re.findall(r"[A-Za-z*]+|[(),./]", mask)
    if "".join(parts) != mask:
        raise ValueError(mask)
    tree, left = _mask(parts)
    if left:
        raise ValueError(mask)
    return _picked(content, tree)


def _mask(parts: list[str]) -> tuple[Json, list[str]]:
    """Return the tree of a mask, and what comes behind it."""
    tree: Json = {}
    while True:
        if not parts or not re.fullmatch(r"[A-Za-z*]+", parts[0]):
            raise ValueError("a name is wanted")
        name, parts = parts[0], parts[1:]
        below: Json = {}
        if parts and parts[0] in {".", "/"}:
            below, rest = _mask_of_one(parts[1:])
            parts = rest
        elif parts and parts[0] == "(":
            below, parts = _mask(parts[1:])
            if not parts or parts[0] != ")":
                raise ValueError("a bracket is open")
            parts = parts[1:]
        tree[name] = {**tree.get(name, {}), **below}
        if not parts or parts[0] != ",":
            return tree, parts
        parts = parts[1:]


def _mask_of_one(parts: list[str]) -> tuple[Json, list[str]]:
    """Return the tree of one path, which ends at the next comma or bracket."""
    depth = end = 0
    while end < len(parts) and not (depth == 0 and parts[end] in {",", ")"}):
        depth += {"(": 1, ")": -1}.get(parts[end], 0)
        end += 1
    tree, left = _mask(parts[:end])
    if left:
        raise ValueError("a path goes on behind its bracket")
    return tree, parts[end:]


_NAMES: Final = frozenset(
    {
        "spreadsheetId",
        "properties",
        "title",
        "locale",
        "timeZone",
        "sheets",
        "sheetId",
        "index",
        "sheetType",
        "gridProperties",
        "rowCount",
        "columnCount",
        "data",
        "startRow",
        "startColumn",
        "rowData",
        "values",
        "userEnteredValue",
        "effectiveValue",
        "formattedValue",
        "effectiveFormat",
        "numberFormat",
        "type",
        "pattern",
        "*",
    }
)


def _picked(content: Any, tree: Json) -> Any:
    if strange := tree.keys() - _NAMES:
        raise ValueError(f"unknown field {min(strange)}")
    if isinstance(content, list):
        return [_picked(item, tree) for item in content]
    if not isinstance(content, dict) or not tree or "*" in tree:
        return content
    return {name: _picked(value, tree[name]) for name, value in content.items() if name in tree}


def _corner(text: str) -> tuple[int | None, int | None]:
    """Return line and column of one corner of an area; None where it names none."""
    letters = text.rstrip("0123456789")
    digits = text[len(letters) :]
    return int(digits) if digits else None, column_number(letters) if letters else None


def _entered_lines(area: Area) -> Iterator[tuple[int, range]]:
    """Yield the lines of an area down to the last one that was ever written in, with the columns up to the last one of each."""
    rows = area.tab["rows"]
    for line in range(area.first_line, min(area.last_line, len(rows)) + 1):
        yield line, range(area.first_column, min(area.last_column, len(rows[line - 1])) + 1)


def _without_tail(items: list[Any]) -> list[Any]:
    end = len(items)
    while end and items[end - 1] in ("", {}, []):
        end -= 1
    return items[:end]


def _shown(value: Value, cell: Json) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if not isinstance(value, float):
        return str(value)
    pattern = (cell.get("numberFormat") or {}).get("pattern")
    if pattern is None:
        return plain(value)
    if pattern not in _PATTERNS:
        raise NotBuilt(f"the number format {pattern!r}")
    return str(_PATTERNS[pattern](value))


def _day(number: float) -> date:
    return _EPOCH + timedelta(days=int(number))
