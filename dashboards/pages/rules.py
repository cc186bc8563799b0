"""What is checked and why, with which thresholds, and what is only counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.grids import WRAPPING, Column, height_of, number, show_grid, text
from dashboards.parts import counted, heading, md_escape
from pipelines.errors import HandoffError
from pipelines.rules import load_rules

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Rules"
QUESTION: Final = "What is checked, why, and by which thresholds?"
ICON: Final = ":material/rule:"
HAS_FILTERS: Final = False
REPORTS: Final[tuple[str, ...]] = ()

_MODES: Final = {"on": "● on", "shadow": "◐ shadow, counted only", "off": "○ off"}
_GATES: Final = {"evaluated": "✓ evaluated", "stale": "! stale", "not_evaluated": "✗ not evaluated"}
_KINDS: Final = {"absence": "something is missing", "presence": "something is there"}


def mode_words(row: Row) -> str:
    """Return whether a rule is on, only counted, or off."""
    return _MODES.get(str(row["mode"]), f"? {row['mode']}")


def state_words(row: Row) -> str:
    """Return whether a rule could be judged; of a rule that is off there is nothing to say."""
    if row["mode"] == "off":
        return "- not asked"
    return _GATES.get(str(row["gate"]), f"? {row['gate']}")


def _found(row: Row) -> int | None:
    if row["mode"] == "shadow":
        counted_only: int | None = row["shadow_count"]
        return counted_only
    return None if row["mode"] == "off" else (row["open_count"] or 0) + (row["indeterminate_count"] or 0)


_BECAUSE_WIDTH: Final = 560
_RULE_COLUMNS: Final = (
    Column("Rule", "rule_id", text(116)),
    Column("What it says", "title", text(230)),
    Column("Severity", "severity", text(80)),
    Column("Mode", mode_words, text(110)),
    Column("State", state_words, text(110)),
    Column("Found", _found, number(64, "localized")),
    Column("Team", "owner_team", text(60)),
    Column("Needs", lambda row: str(row["needs"]).replace(";", ", "), text(130)),
    Column("Why it is checked", "reason", text(230)),
    Column("What to do", "what_to_do", text(230)),
)
_QUIET_COLUMNS: Final = (
    Column("Mode", mode_words, text(190)),
    Column("Rule", "rule_id", text(130)),
    Column("What it says", "title", text(340)),
    Column("It would have found", "shadow_count", number(140, "localized")),
    Column("Because", "mode_reason", text(_BECAUSE_WIDTH)),
)
_THRESHOLD_COLUMNS: Final = (
    Column("Threshold", "key", text(320)),
    Column("Value", "value", text(90, alignment="right")),
    Column("Unit", "unit", text(130)),
    Column("Because", "reason", text(620)),
    Column("Source", "source_url", text(200)),
)


def show(board: Board) -> None:
    """Show the page."""
    _show_rules(board)
    tables = _tables(board)
    _show_quiet(board, tables.get("rule_modes", []))
    _show_thresholds(board, tables)


def _tables(board: Board) -> dict[str, list[Row]]:
    try:
        rules = load_rules(board.settings.rules_dir)
    except HandoffError as error:
        st.warning(md_escape(error.sentence), icon=":material/warning:")
        return {}
    return {name: [dict(row) for row in rules.table(name)] for name in ("rule_modes", "rule_thresholds")}


def _show_rules(board: Board) -> None:
    reports = sorted({str(row["report"]) for row in board.evaluations})
    unjudged = len(board.not_evaluated())
    heading(
        "What is checked",
        f"{counted(len(board.evaluations), 'rule')}, {unjudged:,} not evaluated on complete data. A rule of absence says that something "
        "is missing, so it waits for complete sources; a rule of presence does not.",
        board=board,
        rows=board.evaluations,
        name="rules",
    )
    chosen: Any = st.selectbox(
        "Report", reports, index=None, key="report", bind="query-params", placeholder="Every report", label_visibility="collapsed",
        width=300,
    )  # fmt: skip
    rows = [row for row in board.evaluations if chosen in {None, row["report"]}]
    with st.container(key="wide-rules"):
        show_grid(rows, _RULE_COLUMNS, name="What is checked", row_height=WRAPPING, most_height=640)
    with st.container(key="narrow-rules"):
        st.text("\n".join(f"{row['rule_id']}: {row['title']} ({row['severity']}, {mode_words(row)})" for row in rows))


def _show_quiet(board: Board, modes: list[Row]) -> None:
    reasons = {row["rule_id"]: row["reason"] for row in modes}
    rows = [{**row, "mode_reason": reasons.get(row["rule_id"], "")} for row in board.evaluations if row["mode"] != "on"]
    heading(
        "In shadow, or off",
        "A rule in shadow is counted and stands in no report, so that you can see what it would say before anybody must act on it."
        if rows
        else "",
    )
    if rows:
        show_grid(
            rows,
            _QUIET_COLUMNS,
            name="Rules in shadow or off",
            row_height=height_of((row["mode_reason"] for row in rows), _BECAUSE_WIDTH),
            most_height=360,
        )
    else:
        st.success("Every rule is on. rule_modes.csv puts one in shadow or off.", icon=":material/check_circle:")


def _show_thresholds(board: Board, tables: dict[str, list[Row]]) -> None:
    rows = tables.get("rule_thresholds", [])
    if not rows:
        return
    heading(
        "Thresholds",
        "Of rule_thresholds.csv as it is now; the snapshot has what it was when it was built. Change a line and run `handoff sync`.",
        board=board,
        rows=rows,
        name="thresholds",
    )
    show_grid(rows, _THRESHOLD_COLUMNS, name="Thresholds", most_height=480)
