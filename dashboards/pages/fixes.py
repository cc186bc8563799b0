"""The changes that handoff proposes, the plans that were made, and what came of each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import commands
from dashboards.grids import MOST_CHOOSABLE, RECORD, WRAPPING, Column, show_grid, text
from dashboards.parts import counted, heading, instant, instant_of, md_escape
from pipelines.actions.plan import PlanState, StoredPlan, list_plans
from pipelines.actions.records import Change, change_from_row
from pipelines.actions.rendering import after_words, before_words, plan_lines, value_words, where_words
from pipelines.ledger import Ledger

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row
    from pipelines.actions.records import Plan

TITLE: Final = "Fixes"
QUESTION: Final = "What would handoff change for us, what was changed, and by whom?"
ICON: Final = ":material/build:"
HAS_FILTERS: Final = True
REPORTS: Final[tuple[str, ...]] = ()

_STATES: Final = {
    PlanState.open: "◇ open",
    PlanState.used: "! interrupted",
    PlanState.applied: "✓ applied",
    PlanState.expired: "○ expired",
    PlanState.unusable: "✗ not usable",
}
_RESULTS: Final = {
    "applied": "✓ applied",
    "already": "✓ was so already",
    "conflict": "! left alone",
    "failed": "✗ failed",
    "did_not_stick": "! not kept",
    "unknown": "? not known yet",
    "skipped": "○ skipped",
}
_HISTORY_SHOWN: Final = 200
_PLANS_SHOWN: Final = 20


def _where(row: Row) -> str:
    try:
        return where_words(change_from_row(row))
    except (ValueError, TypeError, AttributeError):
        return f"{row['system']} {row['object']}"


def _after(row: Row) -> str:
    """Return the value that is written; of a new record, how many fields it has, because its name stands under "Where"."""
    change = change_from_row(row)
    if not change.is_creation:
        return after_words(change)
    values = _values(change)
    return f"{counted(len(values), 'field')}: {', '.join(values)}"


def _values(change: Change) -> dict[str, str]:
    try:
        return change.values
    except (ValueError, TypeError):
        return {"(cannot be read)": change.after}  # a plan holds it back, saying so


def _why(row: Row) -> str:
    return f"Held back: {row['blocked_reason']}" if row["is_blocked"] else str(row["reason"])


_CHANGE_COLUMNS: Final = (
    Column("State", lambda row: "! held back" if row["is_blocked"] else "○ proposed", text(100)),
    Column("Finding", "finding_id", text(190)),
    Column("Where", _where, text(240)),
    Column("Before", lambda row: before_words(change_from_row(row)), text(130)),
    Column("After", _after, text(270)),
    Column("Why", _why, text(270)),
    RECORD,
)
_PLAN_COLUMNS: Final = (
    Column("Plan", "plan_id", text(230)),
    Column("State", "state", text(130)),
    Column("Made", "made", text(170)),
    Column("May be applied until", "until", text(170)),
    Column("Changes", "changes", st.column_config.NumberColumn(width=80)),
    Column("Held back", "held_back", st.column_config.NumberColumn(width=80)),
    Column("Applied by", "operator", text(120)),
    Column("Note", "note", text(300)),
)
_HISTORY_COLUMNS: Final = (
    Column("When", lambda row: instant_of(row["at"]), text(160)),
    Column("Result", lambda row: _RESULTS.get(row["status"], str(row["status"])), text(130)),
    Column("Where", _where, text(300)),
    Column("Before", lambda row: before_words(change_from_row(row)), text(140)),
    Column("After", _after, text(230)),
    Column("What happened", "sentence", text(270)),
    Column("Applied by", "actor", text(90)),
)


def show(board: Board) -> None:
    """Show the page."""
    _show_proposed(board)
    _show_plans(board)
    _show_history(board)


def _show_proposed(board: Board) -> None:
    changes = _filtered(board)
    if not changes:
        heading("Proposed changes")
        st.success(
            "No change is proposed for what the filters show." if board.filters.are_set else "No change is proposed.",
            icon=":material/check_circle:",
        )
        return
    blocked = sum(bool(row["is_blocked"]) for row in changes)
    heading(
        "Proposed changes",
        f"{counted(len(changes), 'change')}, {blocked:,} held back. Nothing here is written: a plan compares each with the live value, "
        "and only applying a plan writes. Choose a row to read it in full.",
        board=board,
        rows=changes,
        name="changes",
    )
    shown = changes[:MOST_CHOOSABLE]
    event: Any = show_grid(
        shown,
        _CHANGE_COLUMNS,
        name="Proposed changes, before and after",
        row_height=WRAPPING,
        most_height=420,
        key=f"changes-{board.reader.run_id}-{board.filters.words}",
        on_select="rerun",
        selection_mode="single-row",
    )
    chosen = event.selection.rows
    if len(changes) > len(shown):
        st.caption(f"The first {len(shown):,}; the CSV file has all.")
    if chosen and chosen[0] < len(shown):
        _show_change(shown[chosen[0]])


def _show_change(row: Row) -> None:
    """Show a change in full, one line for each field that it writes."""
    change = change_from_row(row)
    values = [
        {"field": name, "before": before_words(change), "after": value_words(value)} for name, value in _values(change).items()
    ]
    with st.container(border=True):
        st.text(f"{_where(row)}\n{_why(row)}\nFixes {change.finding_id}. Risk: {change.risk}.")
        show_grid(
            values,
            [Column("Field", "field", text(200)), Column("Before", "before", text(220)), Column("After", "after", text(800))],
            name="The change in full",
            row_height=WRAPPING,
        )


def _filtered(board: Board) -> list[Row]:
    """Return the changes whose finding fits the filters."""
    changes = board.reader.changes()
    if not board.filters.are_set:
        return changes
    fitting = {row["finding_id"] for row in board.filters.keep(board.reader.findings("findings"))}
    return [row for row in changes if row["finding_id"] in fitting]


def _show_plans(board: Board) -> None:
    heading("Plans", "On the command line, `handoff plan` makes a plan and `handoff apply latest` applies it.")
    if st.button("Make a plan", icon=":material/playlist_add_check:"):
        with st.spinner("Comparing with the vendors"):
            st.session_state["answer"] = commands.plan(board)
    if "answer" in st.session_state:
        _show_answer(st.session_state["answer"])
    plans = list_plans(board.settings.handoff_home)[:_PLANS_SHOWN]
    if not plans:
        st.info("No plan has been made here yet.", icon=":material/info:")
        return
    show_grid([_plan_row(stored) for stored in plans], _PLAN_COLUMNS, name="Plans", most_height=260)
    usable = [stored.plan for stored in plans if stored.plan and stored.state in {PlanState.open, PlanState.used}]
    for place, plan in enumerate(usable):
        _show_plan(board, plan, is_open=place == 0)


def _show_answer(answer: commands.Answer) -> None:
    if answer.is_good:
        st.success("Done.", icon=":material/check_circle:")
    else:
        st.warning("Not everything went as planned.", icon=":material/warning:")
    st.code(answer.lines, language=None, wrap_lines=True)


def _plan_row(stored: StoredPlan) -> Row:
    plan = stored.plan
    return {
        "plan_id": stored.plan_id,
        "state": _STATES[stored.state],
        "made": instant(plan.created_at) if plan else "",
        "until": instant(plan.expires_at) if plan else "",
        "changes": len(plan.changes) if plan else None,
        "held_back": len(plan.held_back) if plan else None,
        "operator": stored.operator or "",
        "note": stored.problem or stored.outcome or "",
    }


def _show_plan(board: Board, plan: Plan, *, is_open: bool) -> None:
    label = f"{md_escape(plan.plan_id)}: {counted(len(plan.changes), 'change')}"
    with st.expander(label, icon=":material/description:", expanded=is_open):
        st.code("\n".join(plan_lines(plan)), language=None, wrap_lines=True, height=420)
        st.markdown("To apply it, run:")
        st.code(f"handoff apply {plan.plan_id}", language="bash")
        if not commands.may_apply(plan):
            reason = (
                "A guard stops this plan; its last lines say which."
                if plan.stopping_guards
                else "It goes to real accounts and the dashboard has no log-in, so it is applied on the command line only."
            )
            st.info(reason, icon=":material/lock:")
            return
        agreed = st.checkbox(f"I have read the {counted(len(plan.changes), 'change')} above", key=f"read-{plan.plan_id}")
        label = "Apply to the sandbox"
        if st.button(label, key=f"apply-{plan.plan_id}", type="primary", disabled=not agreed, icon=":material/edit:"):
            with st.spinner("Applying"):
                st.session_state["answer"] = commands.apply(board, plan.plan_id)
            st.rerun()


def _show_history(board: Board) -> None:
    heading("History", "What came of each change, newest first, from the ledger.")
    ledger = Ledger.existing(board.settings.handoff_home)
    rows: list[Row] = []
    if ledger is not None:
        with ledger:
            rows = ledger.change_rows(phase="result", limit=_HISTORY_SHOWN)
    if not rows:
        st.info("Nothing was applied here yet.", icon=":material/info:")
        return
    # the ledger does not repeat the finding and the recipe of a change
    known = [{"finding_id": "", "recipe": "", **row} for row in rows]
    show_grid(known, _HISTORY_COLUMNS, name="What came of each change", most_height=420)
