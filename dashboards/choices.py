"""One of several, chosen by its name and kept in the address."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import streamlit as st

from pipelines.reports import printable

if TYPE_CHECKING:
    from dashboards.queries import Row


def labelled(rows: list[Row], name: str, identity: str) -> dict[str, Row]:
    """Return the rows by their name, with the id where several have the same."""
    shown = [printable(str(row[name])) for row in rows]
    times = Counter(shown)
    return {
        text if times[text] == 1 else f"{text} ({printable(str(row[identity]))})": row
        for text, row in zip(shown, rows, strict=True)
    }


def choose(label: str, rows: list[Row], *, key: str, name: str, identity: str, width: int = 420) -> Row | None:
    """Show a box to choose one of ``rows``, bound to ``?key=``; a select box shows its options as they are, whoever wrote them."""
    labels = labelled(rows, name, identity)
    chosen: Any = st.selectbox(label, list(labels), key=key, bind="query-params", label_visibility="collapsed", width=width)
    return labels.get(chosen)
