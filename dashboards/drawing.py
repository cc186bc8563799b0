"""What all charts share. Their text is drawn, not rendered, so vendor names in it are inert; colour is never the only signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import streamlit as st

from pipelines.reports import printable

if TYPE_CHECKING:
    from datetime import date

TEAL: Final = "#2b8792"
AMBER: Final = "#b45309"
GREY: Final = "#8a8f98"
RED: Final = "#a23b4a"
BLUE: Final = "#5b6bb0"
_BAR_STEP: Final = 22
# the legend above and the axis below, which count as height
_AROUND_BARS: Final = 104
_LABEL_PIXELS: Final = 260


def label(value: object) -> str:
    """Return the text of a vendor as a chart may draw it."""
    return printable(str(value))


def ink() -> str:
    """Return the colour of text in a chart, which reads well on the present background."""
    return "#e8eded" if st.context.theme.type == "dark" else "#263238"


def axis(**options: Any) -> alt.Axis:
    """Return an axis in the colour of text."""
    return alt.Axis(labelColor=ink(), titleColor=ink(), **options)


def names_axis() -> alt.Axis:
    """Return an axis that names a row each, long names in full."""
    return axis(labelLimit=_LABEL_PIXELS, labelOverlap=False)


def legend(*, is_stacked: bool = False) -> alt.Legend:
    """Return a legend that stands above its chart; long words are stacked, so that a phone does not cut them."""
    return alt.Legend(orient="top", labelColor=ink(), columns=1 if is_stacked else alt.Undefined)


def title(words: str) -> alt.TitleParams:
    """Return the title of one of several charts below a heading."""
    return alt.TitleParams(words, color=ink(), fontSize=14, anchor="start")


def instant(value: date) -> str:
    """Return a day as text without a zone, which a browser takes for its own midnight: the same day everywhere."""
    return f"{value.isoformat()}T00:00:00"


def number(value: Any) -> float | None:
    """Return a figure as a chart takes it; what is not known is drawn nowhere."""
    return None if value is None else float(value)


def draw(chart: Any, rows: int, alt_text: str) -> None:
    """Show a chart of ``rows`` bars; ``alt_text`` is what a screen reader says."""
    st.altair_chart(chart.properties(height=rows * _BAR_STEP + _AROUND_BARS), width="stretch", alt=alt_text)
