"""Changes as pages show them: where, from what, to what, why, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.grids import RECORD, WRAPPING, Column, show_grid, text
from dashboards.parts import counted, instant_of, md_escape
from pipelines.actions.records import Change, change_from_row
from pipelines.actions.rendering import after_words, before_words, value_words, where_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.queries import Row

RESULTS: Final = {
    "applied": "✓ applied",
    "already": "✓ was so already",
    "conflict": "! left alone",
    "failed": "✗ failed",
    "did_not_stick": "! not kept",
    "unknown": "? not known yet",
    "skipped": "○ skipped",
    "left_out": "○ left out",
    "would_write": "◇ would be written",
}
_CONFLICT: Final = "conflict"
WHY_WIDTH: Final = 330


def where(row: Row) -> str:
    """Return the place that a change is about; of a row that cannot be read, what is known of it."""
    try:
        return where_words(change_from_row(row))
    except (ValueError, TypeError, AttributeError, KeyError):
        return f"{row['system']} {row['object']}"


def before(row: Row) -> str:
    """Return what the vendor held when the change was proposed."""
    return before_words(change_from_row(row))


def after(row: Row) -> str:
    """Return the value that is written; of a new record, how many fields it has, because its name stands under "Where"."""
    change = change_from_row(row)
    if not change.is_creation:
        return after_words(change)
    values = values_of(change)
    return f"{counted(len(values), 'field')}: {', '.join(values)}"


def values_of(change: Change) -> dict[str, str]:
    """Return every field that a change writes, with its value."""
    try:
        return change.values
    except (ValueError, TypeError):
        return {"(cannot be read)": change.after}  # a plan holds it back, saying so


def why(row: Row) -> str:
    """Return why a change is proposed, or why it is held back."""
    return f"Held back: {row['blocked_reason']}" if row.get("is_blocked") else str(row["reason"])


WHERE: Final = Column("Where", where, text(220))
BEFORE: Final = Column("Before", before, text(120))
AFTER: Final = Column("After", after, text(230))
WHY: Final = Column("Why", why, text(WHY_WIDTH))
PROPOSED: Final = (
    Column("State", lambda row: "! held back" if row["is_blocked"] else "○ proposed", text(100)),
    Column("Finding", "finding_id", text(190)),
    WHERE,
    BEFORE,
    AFTER,
    WHY,
    RECORD,
)
HISTORY: Final = (
    Column("When", lambda row: instant_of(row["at"]), text(150)),
    Column("Result", lambda row: RESULTS.get(row["status"], str(row["status"])), text(120)),
    Column("The next load", "check", text(190)),
    Column("Where", where, text(220)),
    BEFORE,
    Column("After", after, text(190)),
    Column("What happened", "sentence", text(250)),
    Column("Applied by", "actor", text(90)),
)


def show_change(row: Row) -> None:
    """Show a change in full, one line for each field that it writes."""
    change = change_from_row(row)
    values = [
        {"field": name, "before": before_words(change), "after": value_words(value)} for name, value in values_of(change).items()
    ]
    with st.container(border=True):
        st.text(f"{where(row)}\n{why(row)}\nFixes {change.finding_id}. Risk: {change.risk}.")
        show_grid(
            values,
            [Column("Field", "field", text(200)), Column("Before", "before", text(220)), Column("After", "after", text(800))],
            name="The change in full",
            row_height=WRAPPING,
        )


def show_conflicts(rows: list[Row], found: Callable[[Row], dict[str, Any] | None]) -> None:
    """Show each change that somebody was faster with: what was planned on, what is there now, and what would have been written.

    ``found`` returns what came of a change: its ``status``, ``sentence`` and ``live`` value.
    """
    left = [(row, result) for row in rows if (result := found(row)) is not None and result["status"] == _CONFLICT]
    if not left:
        return
    st.markdown(f"**Left alone: somebody changed {counted(len(left), 'target')} since the plan**")
    for row, result in left:
        with st.container(border=True, gap="xsmall"):
            st.text(where(row))
            cells = (
                ("When planned", before(row)),
                ("There now", value_words(result.get("live"))),
                ("Would be written", after(row)),
            )
            for place, (title, value) in zip(st.columns(3, gap="small"), cells, strict=True):
                with place:
                    st.caption(title)
                    st.code(value, language=None, wrap_lines=True)
            st.markdown(md_escape(result["sentence"]))
