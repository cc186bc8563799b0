"""Google Sheets: whether the key opens the spreadsheet, and whether the tab names columns.

    POST <SHEETS_TOKEN_URL>           -> whether Google takes the key
    GET /v4/spreadsheets/{id}         -> the tabs
    GET /v4/spreadsheets/{id}?ranges= -> the tab, as a sync reads it

https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/get
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pipelines.access.inquiry import get
from pipelines.sources.sheets import open_sheets

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.access.inquiry import Inquiry
    from pipelines.rules import Rules
    from pipelines.settings import Settings

_READABLE_BY_OTHERS = 0o077


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:  # noqa: ARG001 - every vendor is asked alike
    """Return what is fine about the access to Google Sheets; ``inquiry`` keeps the rest. Raises HandoffError."""
    client = open_sheets(settings, sandbox_url=None)
    for name in ("sheets_service_account_file", "sheets_write_service_account_file"):
        _note_readers(getattr(settings, name), name.upper(), inquiry)
    with closing(client.transport):
        path = f"/v4/spreadsheets/{client.spreadsheet_id}"
        inquiry.compare_clocks(
            get(client.transport, path, client.token(), {"fields": "spreadsheetId,sheets"}).headers.get("date")
        )
        grid = inquiry.ask(client.grid)
    if grid is None:
        return ""
    named = [name for name in grid.headers if name]
    if len(named) < 2:
        inquiry.note(
            f"The first line of the tab {grid.tab.tab_title!r} names {len(named)} columns, so it is no billing sheet. Set SHEETS_TAB to "
            "the title of the tab that has a column for each deal."
        )
        return ""
    return (
        f"the key opens the spreadsheet {grid.tab.title!r}, whose tab {grid.tab.tab_title!r} names {len(named)} columns; it asks for the "
        "right to read only, whatever the spreadsheet's sharing allows."
    )


def _note_readers(path: Path | None, setting: str, inquiry: Inquiry) -> None:
    """Note that others on this machine may use a key file."""
    if path is None or not path.is_file():
        return
    mode = path.stat().st_mode & 0o777
    if mode & _READABLE_BY_OTHERS:
        inquiry.note(
            f"{setting} names {path}, which other users of this machine may use (mode {mode:o}). Run `chmod 600 {path}`."
        )
