"""A paper (the handoff packet, the check-in brief) on a page: its sections as grids, and the paper itself to take along."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.grids import ONE_LINE, Column, height_of, show_grid
from dashboards.parts import checked_url, heading
from pipelines.documents import Linked, PageFormat
from pipelines.reports import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dashboards.queries import Row
    from pipelines.documents import Cell, Document, Section

_LINK: Final = "link"
_MIME: Final = {PageFormat.md: "text/markdown", PageFormat.html: "text/html"}
# longer text needs a second line: few columns are wide, many are narrow
_ONE_LINE: Final[dict[bool, int]] = {True: 90, False: 40}
_FEW: Final = 3


def show_sections(document: Document, *, leave_out: frozenset[str] = frozenset()) -> None:
    """Show every section of a paper, but for those that the page shows in its own way."""
    for section in document.sections:
        if section.title not in leave_out:
            _show_section(section)


def _show_section(section: Section) -> None:
    heading(section.title)
    for note in section.notes:
        st.text(printable(note))
    if not section.rows:
        return
    rows = [_row(section, cells) for cells in section.rows]
    longest = max(len(str(row[title])) for row in rows for title in section.columns)
    columns = [Column(title, title) for title in section.columns]
    if any(row[_LINK] for row in rows):
        columns.append(
            Column("Record", lambda row: row[_LINK], st.column_config.LinkColumn(width=68, display_text="Open")),
        )
    is_wide = len(section.columns) <= _FEW
    texts = [row[title] for row in rows for title in section.columns]
    height = ONE_LINE if longest <= _ONE_LINE[is_wide] else height_of(texts, 420 if is_wide else 220)
    show_grid(rows, columns, name=section.title, row_height=height, most_height=580)


def _row(section: Section, cells: Sequence[Cell]) -> Row:
    """Return one row by its columns, and where its first link leads."""
    row: Row = {_LINK: None}
    for title, cell in zip(section.columns, cells, strict=True):
        row[title] = cell.text if isinstance(cell, Linked) else cell
        if isinstance(cell, Linked) and row[_LINK] is None:
            row[_LINK] = checked_url(cell.url)
    return row


def show_downloads(make: Callable[[], Document], name: str) -> None:
    """Offer a paper as Markdown and as one HTML file; made when asked for."""
    with st.container(horizontal=True, width="content", gap="small", key=f"papers-{name}"):
        for page_format in (PageFormat.html, PageFormat.md):
            label = "HTML page" if page_format is PageFormat.html else "Markdown"
            st.download_button(
                label,
                data=partial(_written, make, page_format),
                file_name=f"{name}.{page_format.value}",
                mime=_MIME[page_format],
                on_click="ignore",
                icon=":material/description:",
                key=f"paper-{name}-{page_format.value}",
            )


def _written(make: Callable[[], Document], page_format: PageFormat) -> str:
    return make().written_as(page_format)
