"""Rows as files: CSV and Excel workbooks in which no cell starts a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from pipelines.reports import as_csv
from pipelines.workbooks import as_workbook

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

_WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def export_buttons(rows: list[Row], name: str, board: Board) -> None:
    """Offer ``rows`` as a CSV file and as a workbook, with the columns of `handoff report --format csv`; made when asked for."""
    stem = f"{name}-{board.as_of.isoformat()}"
    label = f"CSV ({len(rows):,} rows)" if len(rows) != 1 else "CSV (1 row)"
    with st.container(horizontal=True, width="content", gap="small", key=f"exports-{name}"):
        st.download_button(
            label,
            data=lambda: as_csv(rows),
            file_name=f"{stem}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
            key=f"csv-{name}",
        )
        st.download_button(
            "XLSX",
            data=lambda: workbook(rows, name, board),
            file_name=f"{stem}.xlsx",
            mime=_WORKBOOK,
            on_click="ignore",
            icon=":material/table:",
            key=f"xlsx-{name}",
            help="The same rows as an Excel workbook",
        )


def workbook(rows: list[Row], name: str, board: Board) -> bytes:
    """Return ``rows`` as a workbook with one sheet called ``name``, and one that says whose data it is and what was filtered."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return as_workbook(
        [(name, columns, rows)], _about(board), is_sandbox=bool(board.run["is_sandbox"]), made_at=board.run["started_at"]
    )


def _about(board: Board) -> list[str]:
    """Return whose data it is, as of when, how fresh each source is, and what was filtered."""
    lines = ["SANDBOX: records of the invented organisation."] if board.run["is_sandbox"] else []
    lines.append(f"As of {board.as_of:%A, %d %B %Y}; snapshot {board.reader.run_id}.")
    for source in board.sources:
        last = source["last_complete_at"]
        since = f", last complete {last:%Y-%m-%d %H:%M} UTC" if last else ""
        lines.append(f"{source['source_name']}: {source['status']}{since}.")
    return [*lines, f"Only {board.filters.words}."] if board.filters.are_set else lines
