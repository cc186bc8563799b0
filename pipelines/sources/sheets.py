"""The cloud-billing spreadsheet at Google: which deals and communities it has a column for, and what is reckoned in each.

    POST the token endpoint                -> an access token that may only read (sheets_account.py)
    GET /v4/spreadsheets/{id}, two or more -> tabs (one row), billing_columns (sheets_grid.py)

Whole at every run: a spreadsheet has no ids of rows and does not tell what changed. The columns are those that `handoff import
billing-sheet` takes from a download: called by a deal's number, its address in HubSpot or its name, or by the community. The values below
are looked at only for the last line that shows something; formulas are kept, because a new column is made of its neighbour's.
By plain REST, because the vendor's client brings a way out of its own. https://developers.google.com/workspace/sheets/api/reference/rest
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.files_billing_sheet import deal_in
from pipelines.sources.sheets_account import READ_SCOPE, AccessToken, account_of
from pipelines.sources.sheets_grid import Grid, errors_by_column, letters, read_grid
from pipelines.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing
    from pipelines.wire import RateBudgets

Json = dict[str, Any]

# of an address such as .../spreadsheets/d/<id>/edit
_ID: Final = re.compile(r"(?:^|/spreadsheets/d/)([A-Za-z0-9_-]{20,})(?:[/?#]|$)")


@dataclass(frozen=True)
class SheetsClient:
    """A spreadsheet and how to ask for it. ``token`` returns the access token of the moment."""

    transport: Transport
    token: Callable[[], str]
    spreadsheet_id: str
    tab_title: str

    def get(self, params: list[tuple[str, str]]) -> Any:
        """Return the JSON of spreadsheets.get with these parameters. Raises VendorError."""
        url = f"{self.transport.base_url}/v4/spreadsheets/{self.spreadsheet_id}"
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.transport.request("GET", url, headers=headers, params=params).json()

    def grid(self) -> Grid:
        """Return the tab, whole. Raises VendorError."""
        return read_grid(self.get, self.spreadsheet_id, self.tab_title)


def open_sheets(
    settings: Settings, *, sandbox_url: str | None, sandbox_spreadsheet_id: str = "", budget: RateBudgets | None = None
) -> SheetsClient:
    """Open the configured spreadsheet for reading, or the sandbox's; nothing is asked yet. Raises ConfigurationError."""
    if sandbox_url is not None:
        transport = Transport("sheets", base_url=f"{sandbox_url}/sheets", budget=budget)
        return SheetsClient(transport, lambda: SANDBOX_TOKEN, sandbox_spreadsheet_id, "")
    if settings.sheets_service_account_file is None:
        raise ConfigurationError("SHEETS_SERVICE_ACCOUNT_FILE is not set, so nothing is read from Google Sheets. Set it.")
    spreadsheet_id = spreadsheet_of(settings)
    account = account_of(settings.sheets_service_account_file, "SHEETS_SERVICE_ACCOUNT_FILE")
    transport = Transport(
        "sheets", base_url=settings.sheets_base_url, budget=budget, allowed_hosts=frozenset({settings.sheets_token_url})
    )
    token = AccessToken(transport, settings.sheets_token_url, account, READ_SCOPE)
    return SheetsClient(transport, token, spreadsheet_id, (settings.sheets_tab or "").strip())


def spreadsheet_of(settings: Settings) -> str:
    """Return the id of the configured spreadsheet, which may be given as its address. Raises ConfigurationError."""
    given = (settings.sheets_spreadsheet_id or "").strip()
    if not given:
        raise ConfigurationError(
            "SHEETS_SERVICE_ACCOUNT_FILE is set and SHEETS_SPREADSHEET_ID is not, so it is unknown which spreadsheet has the costs of "
            "each deal. Set it to the part of the spreadsheet's address after /spreadsheets/d/."
        )
    found = _ID.search(given)
    if found is None:
        raise ConfigurationError(
            f"SHEETS_SPREADSHEET_ID holds {given!r}, which is no id of a spreadsheet. It is the part of the address after "
            "/spreadsheets/d/. Correct it."
        )
    return found[1]


def sheets_rows(client: SheetsClient, rules: Rules, *, as_of: date, landing: Landing) -> None:  # noqa: ARG001 - every source is asked alike
    """Read the spreadsheet. Raises VendorError: a failure is never "no columns"."""
    grid = client.grid()
    tab = grid.tab
    if sum(bool(name) for name in grid.headers) < 2:
        raise ConfigurationError(
            f"{tab.tab_title!r} of the spreadsheet {tab.title!r} is no billing sheet: its first line names "
            f"{sum(bool(name) for name in grid.headers)} columns. It needs one for the months and one for each deal. Correct SHEETS_TAB."
        )
    landing.add(
        "tabs",
        [
            {
                "id": _tab_key(grid),
                "spreadsheet_id": tab.spreadsheet_id,
                "title": tab.title,
                "tab_id": tab.tab_id,
                "tab_title": tab.tab_title,
                "row_count": tab.row_count,
                "column_count": tab.column_count,
                "last_column": grid.last_column,
                "fingerprint": grid.fingerprint(grid.last_column),
            }
        ],
    )
    errors = errors_by_column(grid)
    for column, cells in errors.items():
        place, error = cells[0]
        words = (
            f"{place} shows {error}" if len(cells) == 1 else f"{len(cells)} cells show an error, the first is {place} ({error})"
        )
        is_header = place == f"{letters(column)}1"
        consequence = "the column has no name" if is_header else "they count as empty"
        landing.set_aside("billing_columns", _column_key(grid, column), f"{words}; {consequence}", grid.header(column))
    landing.add("billing_columns", _columns(grid, partial(landing.set_aside, "billing_columns")))


def _columns(grid: Grid, set_aside: Callable[[str, str, str], None]) -> Iterator[Json]:
    """Yield a row for each column that has a name of its own; a name that stands there twice is set aside."""
    named = {
        column: grid.header(column)
        for column in range(1, grid.last_column + 1)
        if grid.header(column) and grid.cells[1, column].error is None
    }
    counted = Counter(named.values())
    for name, count in counted.items():
        if count > 1:
            places = ", ".join(letters(column) for column, header in named.items() if header == name)
            set_aside(
                f"{_tab_key(grid)}/{places}", f"{count} columns are called {name!r}; call each by one deal or community", name
            )
    for column, name in named.items():
        if counted[name] > 1:
            continue
        filled = [line for line, cell in grid.column(column).items() if cell.text.strip() and cell.error is None]
        yield {
            "id": _column_key(grid, column),
            "file_name": grid.tab.tab_title,
            "column_number": column,
            "header": name,
            "deal_id": deal_in(name),
            "last_filled_line": max(filled, default=None),
            "formulas_json": {str(line): formula for line, formula in grid.formulas(column).items()},
        }


def _tab_key(grid: Grid) -> str:
    return f"{grid.tab.spreadsheet_id}/{grid.tab.tab_id}"


def _column_key(grid: Grid, column: int) -> str:
    return f"{_tab_key(grid)}/{column}"
