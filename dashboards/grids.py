"""Grids: a mart's rows as people read them. Cells are drawn, never rendered, so vendor text in them is inert."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import streamlit as st

from dashboards.parts import checked_url, day, link_md, md_escape
from pipelines.reports import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dashboards.queries import Row

# above this the browser fetches rows as they are scrolled to, which a grid with rows to choose cannot do: show no more than this
MOST_CHOOSABLE: Final = 1_000
ONE_LINE: Final = 36
# from 60 pixels on the grid wraps text
WRAPPING: Final = 62
# how wide a character of a cell is on average, how high a line, and how many lines a row may have
_CHARACTER_WIDTH: Final = 7.0
_LINE_HEIGHT: Final = 19
_MOST_LINES: Final = 5
# what a table on paper may hold
MOST_PRINTED: Final = 500
_VIEW: Final = "view"
PRINT_VIEW: Final = "print"
_NO_BREAK: Final = "\u00a0"
# one pixel more and the grid shows a sliver of an empty row
_HEADER_HEIGHT: Final = 37


def _cell(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str):
        return printable(value)
    return value


@dataclass(frozen=True)
class Column:
    """One column of a grid: where its value comes from, and how it is shown."""

    title: str
    value: str | Callable[[Row], Any]
    config: Any = None

    def of(self, row: Row) -> Any:
        """Return the cell of ``row``; text loses its control characters."""
        return _cell(self.value(row) if callable(self.value) else row.get(self.value))


def text(width: int, **options: Any) -> Any:
    """Return the configuration of a text column."""
    return st.column_config.TextColumn(width=width, **options)


def number(width: int, form: str = "accounting", **options: Any) -> Any:
    """Return the configuration of a number column."""
    return st.column_config.NumberColumn(width=width, format=form, **options)


def day_column(width: int = 100) -> Any:
    """Return the configuration of a date column: 16 Nov 2026."""
    return st.column_config.DateColumn(width=width, format="D MMM YYYY")


def share(width: int = 110) -> Any:
    """Return the configuration of a percentage, shown as a bar with its number."""
    return st.column_config.ProgressColumn(width=width, format="%.0f %%", min_value=0, max_value=100)


def percent(column: str) -> Callable[[Row], float | None]:
    """Return how a ratio column becomes a percentage."""
    return lambda row: None if row[column] is None else float(row[column]) * 100


RECORD: Final = Column(
    "Record",
    lambda row: checked_url(row.get("record_url")),
    st.column_config.LinkColumn(width=68, display_text="Open"),
)


def height_of(texts: Iterable[object], width: int) -> int:
    """Return the row height at which none of ``texts`` is cut in a column of ``width``; all rows of a grid have the same."""
    longest = max((len(str(words)) for words in texts), default=0)
    lines = math.ceil(longest * _CHARACTER_WIDTH / width)
    return WRAPPING + _LINE_HEIGHT * max(min(lines, _MOST_LINES) - 3, 0)


def frame_of(rows: list[Row], columns: Sequence[Column]) -> pd.DataFrame:
    """Return the grid's data."""
    return pd.DataFrame({column.title: [column.of(row) for row in rows] for column in columns})


def is_print_view() -> bool:
    """Return whether the address asks for a page that can be printed."""
    return st.query_params.get(_VIEW) == PRINT_VIEW


def _printed(column: Column, row: Row) -> str:
    """Return a cell as safe Markdown, spelled as the grid shows it."""
    value = column.of(row)
    kind = (column.config or {}).get("type_config", {}).get("type")
    if value is None or value == "":
        return ""
    if kind == "link":
        return link_md("Open", value)
    if isinstance(value, list):
        return md_escape(", ".join(str(item) for item in value)).replace(" ", _NO_BREAK)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return md_escape(day(value)).replace(" ", _NO_BREAK)
    if isinstance(value, int | float):
        return md_escape(f"{value:,.0f} %" if kind == "progress" else f"{value:,.2f}".removesuffix(".00"))
    return md_escape(str(value))


def _show_table(rows: list[Row], columns: Sequence[Column]) -> None:
    """Show ``rows`` in full, as a table that paper can hold."""
    shown = rows[:MOST_PRINTED]
    st.table(pd.DataFrame({column.title: [_printed(column, row) for row in shown] for column in columns}), hide_index=True)
    if len(rows) > len(shown):
        st.caption(f"The first {len(shown):,} of {len(rows):,}; the CSV file has all.")


def show_grid(
    rows: list[Row],
    columns: Sequence[Column],
    *,
    name: str,
    row_height: int = ONE_LINE,
    most_height: int = 560,
    **options: Any,
) -> Any:
    """Show ``rows`` as a grid that is as tall as its rows, up to ``most_height`` pixels. ``name`` is what a screen reader says."""
    if is_print_view():
        _show_table(rows, columns)
        return SimpleNamespace(
            selection=SimpleNamespace(**(options.get("selection_default") or {}).get("selection", {"rows": []}))
        )
    height = min(row_height * len(rows) + _HEADER_HEIGHT, most_height)
    return st.dataframe(
        frame_of(rows, columns),
        hide_index=True,
        height=height,
        row_height=row_height,
        placeholder="",
        lazy=True if len(rows) > MOST_CHOOSABLE else None,
        alt=name,
        column_config={column.title: column.config for column in columns if column.config is not None},
        **options,
    )
