"""The changes that handoff proposes, the plans that were made, and what came of each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import commands
from dashboards.changes import HISTORY, PROPOSED, WHY_WIDTH, show_change, why
from dashboards.findings import show_findings
from dashboards.grids import MOST_CHOOSABLE, WRAPPING, Column, height_of, show_grid, text
from dashboards.journal import history
from dashboards.parts import counted, heading, instant
from dashboards.plans import STATES, keep_answer, show_answer, show_plan
from pipelines.actions.plan import Scope, StoredPlan, list_plans

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row

TITLE: Final = "Fixes"
QUESTION: Final = "What would handoff change for us, what was changed, and by whom?"
ICON: Final = ":material/build:"
HAS_FILTERS: Final = True
REPORTS: Final = ("write-back",)

_HISTORY_SHOWN: Final = 200
_PLANS_SHOWN: Final = 20
_SYSTEMS: Final = {"HubSpot": "hubspot", "Airtable": "airtable", "Asana": "asana", "GitHub": "github"}

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


def show(board: Board) -> None:
    """Show the page."""
    if board.reader.findings("write-back"):
        show_findings(board, "write-back", nothing="Every fix that was written has stuck")
    _show_proposed(board)
    if not board.is_latest:
        st.info("Plans and their history are shown with the latest snapshot.", icon=":material/history:")
        return
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
        PROPOSED,
        name="Proposed changes, before and after",
        row_height=height_of((why(row) for row in shown), WHY_WIDTH),
        most_height=347,
        key=f"changes-{board.reader.run_id}-{board.filters.words}",
        on_select="rerun",
        selection_mode="single-row",
    )
    chosen = event.selection.rows
    if len(changes) > len(shown):
        st.caption(f"The first {len(shown):,}; the CSV file has all.")
    if chosen and chosen[0] < len(shown):
        show_change(shown[chosen[0]])


def _filtered(board: Board) -> list[Row]:
    """Return the changes whose finding fits the filters."""
    changes = board.reader.changes()
    if not board.filters.are_set:
        return changes
    fitting = {row["finding_id"] for row in board.filters.keep(board.reader.findings("findings"))}
    return [row for row in changes if row["finding_id"] in fitting]


# Plans -----------------------------------------------------------------------------------------------------------------------


def _show_plans(board: Board) -> None:
    heading(
        "Plans",
        "A plan is read, approved where its risk needs it, rehearsed, applied, and verified by the next sync. On the command line: "
        "`handoff plan`, `handoff approve`, `handoff apply latest`.",
    )
    _show_making(board)
    if "answer" in st.session_state:
        show_answer(st.session_state["answer"])
    plans = list_plans(board.settings.handoff_home)[:_PLANS_SHOWN]
    if not plans:
        st.info("No plan has been made here yet.", icon=":material/info:")
        return
    chosen = _chosen(plans)
    show_plan(board, chosen)
    with st.expander(f"All plans: {counted(len(plans), 'plan')}", icon=":material/list:"):
        show_grid([_plan_row(stored) for stored in plans], _PLAN_COLUMNS, name="Plans", most_height=260)


def _show_making(board: Board) -> None:
    """Show the button that makes a plan, and what it may be narrowed to."""
    rules = sorted({str(row["finding_id"]).partition(":")[0] for row in board.reader.changes()})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        is_wanted = st.button("Make a plan", icon=":material/playlist_add_check:", type="primary")
        of_rules = st.multiselect("Only rules", rules, placeholder="Every rule", key="scope-rules", width=280)
        of_systems = st.multiselect("Only at", list(_SYSTEMS), placeholder="Every vendor", key="scope-systems", width=280)
    if is_wanted:
        scope = Scope(rule_ids=tuple(of_rules), owner=board.filters.owner, systems=tuple(_SYSTEMS[name] for name in of_systems))
        with st.spinner("Comparing with the vendors"):
            keep_answer(commands.plan(board, scope))


def _chosen(plans: list[StoredPlan]) -> StoredPlan:
    """Show the plans to choose from, bound to ``?plan=``, and return the chosen one: the newest while nobody chose."""
    by_id = {stored.plan_id: stored for stored in plans}
    made = st.session_state.pop("next-plan", None)
    if made in by_id:
        st.session_state["plan"] = made
    chosen: Any = st.selectbox(
        "Plan",
        list(by_id),
        key="plan",
        bind="query-params",
        label_visibility="collapsed",
        width=420,
    )
    return by_id.get(chosen, plans[0])


def _plan_row(stored: StoredPlan) -> Row:
    plan = stored.plan
    return {
        "plan_id": stored.plan_id,
        "state": STATES[stored.state],
        "made": instant(plan.created_at) if plan else "",
        "until": instant(plan.expires_at) if plan else "",
        "changes": len(plan.changes) if plan else None,
        "held_back": len(plan.held_back) if plan else None,
        "operator": stored.operator or "",
        "note": stored.problem or stored.outcome or "",
    }


def _show_history(board: Board) -> None:
    heading("History", "What came of each change, newest first, from the ledger, and what the next load found of it.")
    rows = history(board, _HISTORY_SHOWN)
    if not rows:
        st.info("Nothing was applied here yet.", icon=":material/info:")
        return
    show_grid(rows, HISTORY, name="What came of each change", row_height=WRAPPING, most_height=440)
