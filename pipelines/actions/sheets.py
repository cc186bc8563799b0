"""The cloud-billing spreadsheet: a deal gets its column, to the right of the last one, with that one's formulas; and loses it again.

    GET /v4/spreadsheets/{id}               the tab, whole: has the deal a column already, is the sheet as the plan saw it?
    POST /v4/spreadsheets/{id}:batchUpdate  insertDimension and updateCells in one request: both or neither
    POST /v4/spreadsheets/{id}:batchUpdate  deleteDimension, to take back a column in which nothing was written since

Only formulas are taken over from the neighbour, shifted; its own amounts belong to another deal. A column is put in and not written over,
so that somebody who fills the same place meanwhile loses nothing. The key for writing is another one than the key for reading.
https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/batchUpdate
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipelines.actions.records import Place
from pipelines.actions.sheets_formulas import shifted, used_columns
from pipelines.actions.target import Answer, Reading, Write, deal_key
from pipelines.errors import ConfigurationError, GarbageAnswer
from pipelines.sources.files_billing_sheet import deal_in
from pipelines.sources.sheets_grid import Grid, letters, read_grid

if TYPE_CHECKING:
    from pipelines.actions.records import Change
    from pipelines.actions.target import Connection, DealKey
    from pipelines.rules import Rules

Json = dict[str, Any]

OBJECT: Final = "billing_columns"
# The field of a change that takes a column back: before is what was appended, after is nothing
COLUMN: Final = "column"
_LONGEST_NAME: Final = 1000


@dataclass(frozen=True)
class _Wanted:
    """A column as the plan describes it: where the sheet ended when it was seen, and what the neighbour reckons, by line."""

    header: str
    formulas: dict[int, str]
    column: int  # of the neighbour
    neighbour: str
    tab_id: int
    fingerprint: str
    names: frozenset[str]  # other names by which a column is the deal's
    others: frozenset[str]  # columns that the same plan appends

    def formulas_in(self, column: int) -> dict[int, str]:
        """Return the formulas as they read in ``column``. Raises ValueError."""
        return {line: shifted(formula, column - self.column) for line, formula in self.formulas.items()}


class SheetsTarget:
    """One tab of a spreadsheet, as far as changes go."""

    def __init__(
        self, connection: Connection, rules: Rules, spreadsheet_id: str, tab_title: str = "", *, is_sandbox: bool
    ) -> None:
        """Read and write through ``connection``; ``tab_title`` empty means the first tab."""
        self._connection = connection
        self._rules = rules
        self._spreadsheet_id = spreadsheet_id
        self._tab_title = tab_title
        self._is_sandbox = is_sandbox
        self._path = f"/v4/spreadsheets/{spreadsheet_id}"
        self._left: dict[str, list[str]] = {}  # by change: the names of the columns that a deletion must leave

    @property
    def place(self) -> Place:
        """The spreadsheet; the key for writing, where there is one, must open it, too."""
        for as_writer in (False, True) if self._connection.tokens.write is not None else (False,):
            answer = self._connection.get(
                self._path, {"fields": "spreadsheetId,sheets(properties(sheetId))"}, as_writer=as_writer
            )
            if answer.get("spreadsheetId") != self._spreadsheet_id:
                raise GarbageAnswer("Google Sheets did not say which spreadsheet this is, so nothing may be written.")
        return Place("sheets", "Google spreadsheet", self._spreadsheet_id, self._is_sandbox)

    def objection(self, change: Change) -> str | None:
        """Return why a column cannot be appended or taken back as the change says."""
        if change.object != OBJECT or (not change.is_creation and change.field != COLUMN):
            return f"handoff does not write {change.field or change.object} of a spreadsheet"
        key = deal_key(change.natural_key, self._rules)
        if key is None:
            return "the column names no deal"
        try:
            wanted = _wanted(change)
            wanted.formulas_in(wanted.column + 1)
        except (ValueError, TypeError, KeyError) as error:
            return f"the column cannot be made: {error}"
        if deal_in(wanted.header) not in key.ids or len(wanted.header) > _LONGEST_NAME:
            return f"the name {wanted.header!r} does not name deal {key.deal_id}, so that its column would not be found again"
        return None

    def read(self, change: Change, made_id: str | None = None) -> Reading:  # noqa: ARG002 - the tab is as fresh as the column
        """Return the column of the change, what stands in its way, or (of one to take back) whether it is as it was written."""
        wanted = _wanted(change)
        grid = read_grid(self._ask, self._spreadsheet_id, self._tab_title)
        parts: Json = {"grid": grid}
        mine = [column for column, name in enumerate(grid.headers, start=1) if name == wanted.header]
        url = f"https://docs.google.com/spreadsheets/d/{self._spreadsheet_id}/edit#gid={grid.tab.tab_id}"
        if grid.tab.tab_id != wanted.tab_id:
            return Reading(url=url, obstacle=f"the columns are in another tab by now ({grid.tab.tab_title})")
        if len(mine) > 1:
            return Reading(url=url, obstacle=f"{len(mine)} columns are called {wanted.header!r}")
        if mine:
            parts["column"] = mine[0]
            url = f"{url}&range={letters(mine[0])}1"
        if not change.is_creation:
            return Reading(value=_state_of(change, wanted, grid, mine), parts=parts, url=url)
        obstacle = None if mine else _obstacle(wanted, grid, deal_key(change.natural_key, self._rules))
        return Reading(parts=parts, url=url, obstacle=obstacle)

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the batch that is needed, or None when the column is there, or gone."""
        column, grid = reading.parts.get("column"), reading.parts.get("grid")
        if grid is None or (column is None) != change.is_creation:
            return None
        path = f"{self._path}:batchUpdate"
        if column is None:
            return Write(1, "append the column", "POST", path, {"requests": _appended(_wanted(change), grid)})
        # as it was before the request; asked again when it is read back
        self._left.setdefault(change.change_id, [name for place, name in enumerate(grid.headers, start=1) if place != column])
        requests = [{"deleteDimension": {"range": _columns(grid, column)}}]
        return Write(1, "take the column back", "POST", path, {"requests": requests})

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return what stands in the column otherwise than asked for, or which other column is missing after one was taken back."""
        column, grid = reading.parts.get("column"), reading.parts.get("grid")
        if grid is None:
            return reading.obstacle or "the tab cannot be read"
        if not change.is_creation:
            gone = [name for name in self._left.get(change.change_id, []) if name and name not in grid.headers]
            if gone:
                return f"{gone[0]!r} is gone as well: restore it from the version history of the spreadsheet"
            return None if column is None else f"the column stands there ({letters(column)})"
        if column is None:
            return "there is no such column"
        return _otherwise(_wanted(change), grid, column) or _new_errors(_wanted(change), grid, column)

    def send(self, write: Write) -> Answer:
        """Send one batch, once. Raises VendorError."""
        if self._connection.tokens.write is None:
            raise ConfigurationError("Nothing is written to sheets by this command. Run `handoff apply PLAN` to write.")
        self._connection.write(write)
        return Answer()

    def _ask(self, params: list[tuple[str, str]]) -> Any:
        asked: dict[str, list[str]] = {}
        for name, value in params:
            asked.setdefault(name, []).append(value)
        return self._connection.get(self._path, asked)


def _wanted(change: Change) -> _Wanted:
    """Return the column that a change appends, or takes back. Raises KeyError, TypeError or ValueError when it describes none."""
    values = json.loads(change.after if change.is_creation else change.before or "")
    beside, formulas = json.loads(values["beside"]), json.loads(values["formulas"])
    if not all(isinstance(formula, str) and formula.startswith("=") for formula in formulas.values()):
        raise ValueError("what is to be taken over is no formula")
    return _Wanted(
        header=str(values["header"]).strip(),
        formulas={int(line): formula for line, formula in formulas.items()},
        column=int(beside["column"]),
        neighbour=str(beside["header"]),
        tab_id=int(beside["tab_id"]),
        fingerprint=str(beside["fingerprint"]),
        names=frozenset(_compared(name) for name in beside["names"] if name),
        others=frozenset(str(name).strip() for name in beside["others"]),
    )


def _obstacle(wanted: _Wanted, grid: Grid, key: DealKey | None) -> str | None:
    """Return why the column may not be appended to the tab as it is."""
    ids = key.ids if key is not None else frozenset()
    for column, name in enumerate(grid.headers, start=1):
        if name and (deal_in(name) in ids or _compared(name) in wanted.names):
            return f"the deal has a column already ({letters(column)}, {name!r})"
    if grid.fingerprint(wanted.column) != wanted.fingerprint:
        return "the columns of the sheet, or the formulas of the last one, have changed since the sync; sync, then plan again"
    strange = [name or "a column without a name" for name in grid.headers[wanted.column :] if name not in wanted.others]
    if strange:
        return f"somebody has added columns since the sync ({', '.join(strange)}); sync, then plan again"
    beyond = [line for line in wanted.formulas if line > grid.tab.row_count]
    return f"the sheet has no line {beyond[0]} any more" if beyond else None


def _appended(wanted: _Wanted, grid: Grid) -> list[Json]:
    column = grid.last_column + 1
    formulas = wanted.formulas_in(column)
    cells: list[Json] = [{"userEnteredValue": {"stringValue": wanted.header}}]
    cells += [
        {"userEnteredValue": {"formulaValue": formulas[line]}} if line in formulas else {}
        for line in range(2, max(formulas, default=1) + 1)
    ]
    start = {"sheetId": grid.tab.tab_id, "rowIndex": 0, "columnIndex": column - 1}
    return [
        # with the format of the column before it, which is also what lets it stand at the very end of the grid
        {"insertDimension": {"range": _columns(grid, column), "inheritFromBefore": True}},
        {"updateCells": {"start": start, "rows": [{"values": [cell]} for cell in cells], "fields": "userEnteredValue"}},
    ]


def _columns(grid: Grid, column: int) -> Json:
    return {"sheetId": grid.tab.tab_id, "dimension": "COLUMNS", "startIndex": column - 1, "endIndex": column}


def _otherwise(wanted: _Wanted, grid: Grid, column: int) -> str | None:
    """Return what stands in a column otherwise than it was written."""
    try:
        formulas = wanted.formulas_in(column)
    except ValueError as error:
        return str(error)
    cells = grid.column(column)
    for line in sorted(formulas.keys() | cells.keys()):
        held = cells.get(line)
        entered = None if held is None else held.formula if held.formula is not None else held.constant
        if entered != formulas.get(line):
            return f"{letters(column)}{line} holds {entered!r}" if entered is not None else f"{letters(column)}{line} is empty"
    left = grid.header(column - 1)
    return None if left == wanted.neighbour or left in wanted.others else f"it stands beside {left!r}"


def _new_errors(wanted: _Wanted, grid: Grid, column: int) -> str | None:
    """Return an error that the column shows and its neighbour does not."""
    for line, cell in grid.column(column).items():
        beside = grid.cells.get((line, wanted.column))
        if cell.error is not None and (beside is None or beside.error is None):
            return f"{letters(column)}{line} shows {cell.error}"
    return None


def _state_of(change: Change, wanted: _Wanted, grid: Grid, mine: list[int]) -> str | None:
    """Return what was written where the column is still so; else what is otherwise, and None where it is gone."""
    if not mine:
        return None
    [column] = mine
    otherwise = _otherwise(wanted, grid, column)
    if otherwise is not None:
        return otherwise
    for (line, place), cell in sorted(grid.cells.items()):
        if place == column or cell.formula is None:
            continue
        # an area that goes beyond the column only becomes smaller
        if any(not use.is_elsewhere and use.first == use.last == column for use in used_columns(cell.formula)):
            return f"{letters(place)}{line} uses it"
    return change.before


def _compared(text: str) -> str:
    """Return a name as names are compared in the models: without regard to case and to how many spaces there are."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", str(text)).lower().strip())
