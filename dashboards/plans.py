"""One stored plan on a page: its four steps, what it rests on, its changes, and what may be done with it now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import commands, jobs
from dashboards.changes import AFTER, BEFORE, RESULTS, WHERE, show_change, show_conflicts
from dashboards.grids import RECORD, Column, height_of, show_grid, text
from dashboards.journal import PlanRecord, check_words, plan_record
from dashboards.parts import counted, instant, instant_of, md_escape
from pipelines.actions.plan import PlanState, StoredPlan
from pipelines.actions.rendering import closing_lines, head_lines, result_lines, value_words

if TYPE_CHECKING:
    from dashboards.parts import Board
    from dashboards.queries import Row
    from pipelines.actions.records import ApplyResult, Plan

STATES: Final = {
    PlanState.open: "◇ open",
    PlanState.used: "! interrupted",
    PlanState.applied: "✓ applied",
    PlanState.expired: "○ expired",
    PlanState.unusable: "✗ not usable",
}
_POLL_SECONDS: Final = 0.2
_WHY_WIDTH: Final = 230


@dataclass(frozen=True)
class _View:
    """A plan, what the ledger holds about it, and what a rehearsal just found."""

    board: Board
    stored: StoredPlan
    plan: Plan
    record: PlanRecord
    rehearsal: ApplyResult | None

    @property
    def is_usable(self) -> bool:
        """Whether it may still be applied."""
        return self.stored.state in {PlanState.open, PlanState.used}

    def found(self, row: Row) -> dict[str, Any] | None:
        """Return what came of a change, or would come of it."""
        if row["change_id"] in self.record.results:
            return self.record.results[row["change_id"]]
        for result in self.rehearsal.results if self.rehearsal else []:
            if result.change.change_id == row["change_id"]:
                return {"status": result.status.value, "sentence": result.sentence, "live": result.live}
        return None

    @property
    def rows(self) -> list[Row]:
        """The changes of the plan."""
        return [asdict(change) | {"needs": ";".join(change.needs)} for change in self.plan.changes]


def show_plan(board: Board, stored: StoredPlan) -> None:
    """Show a stored plan, and what may be done with it."""
    plan = stored.plan
    if plan is None:
        st.warning(md_escape(stored.problem or "It cannot be used."), icon=":material/block:")
        return
    rehearsal = st.session_state.get(f"rehearsal-{plan.plan_id}")
    view = _View(board, stored, plan, plan_record(board, stored, plan), rehearsal)
    with st.container(border=True):
        _show_steps(view)
        _show_ground(plan)
        chosen = _show_changes(view)
        show_conflicts(view.rows, view.found)
        if rehearsal is not None and rehearsal.refused is not None:
            st.warning(md_escape(f"An apply would be refused: {rehearsal.refused}"), icon=":material/block:")
        _show_deeds(view, chosen)


# The four steps --------------------------------------------------------------------------------------------------------------


def _show_steps(view: _View) -> None:
    """Show planned, approved, applied and verified, each with its state in a word and a sign."""
    steps = (
        (
            "Planned",
            "✓ takes back" if view.plan.undoes else "✓ planned",
            f"by {view.plan.proposer or 'nobody known'}, {instant(view.plan.created_at)}",
        ),
        ("Approved", *_approved(view)),
        ("Applied", *_applied(view)),
        ("Verified", *_verified(view)),
    )
    for place, (_, state, words) in zip(st.columns(4, gap="small"), steps, strict=True):
        with place, st.container(border=True, height="stretch", gap="xxsmall"):
            st.markdown(f"**{md_escape(state)}**")
            st.caption(md_escape(words))


def _approved(view: _View) -> tuple[str, str]:
    if view.record.approvals:
        count, of = len(view.record.approved_ids & {change.change_id for change in view.plan.changes}), len(view.plan.changes)
        who = ", ".join(dict.fromkeys(approval.approver for approval in view.record.approvals))
        part = "" if count == of else f"; {of - count} left out"
        state = "! approved in part" if view.record.demands else "✓ approved"
        return state, f"{count} of {counted(of, 'change')}{part}, by {who}, {instant_of(view.record.approvals[-1].at)}"
    if view.record.demands:
        return "! needs an approval", f"{counted(len(view.record.demands), 'change')} of high risk"
    return "○ no approval needed", "No change has a risk that needs one"


def _applied(view: _View) -> tuple[str, str]:
    match view.stored.state:
        case PlanState.applied:
            results = view.record.results.values()
            good = sum(row["status"] in {"applied", "already"} for row in results)
            left = sum(row["status"] == "left_out" for row in results)
            state = "✓ applied" if good + left == len(results) else "! applied in part"
            return state, f"{good} of {counted(len(results), 'change')}, by {view.record.life.operator or 'nobody known'}"
        case PlanState.used:
            return "! interrupted", "Apply it again: what was begun is settled by reading"
        case PlanState.expired:
            return "○ expired", f"on {instant(view.plan.expires_at)}; make a new plan"
    return "○ not applied", f"may be applied until {instant(view.plan.expires_at)}"


def _verified(view: _View) -> tuple[str, str]:
    checks = list(view.record.checks.values())
    broken = [row for row in checks if row["status"] == "did_not_stick"]
    if broken:
        return "! did not stick", f"{counted(len(broken), 'change')}; the finding WB01 says what stands there"
    if checks:
        loads = ", ".join(dict.fromkeys(str(row.get("load_id")) for row in checks))
        return "✓ verified", f"{counted(len(checks), 'change')}, by load {loads}"
    if view.record.is_written:
        return "○ not verified yet", "The next `handoff sync` reads every written record again"
    return "○ nothing to verify", "Nothing of it was written"


# What it rests on ------------------------------------------------------------------------------------------------------------


def _show_ground(plan: Plan) -> None:
    for guard in plan.stopping_guards:
        st.error(f"**{md_escape(guard.guard)}** stops this plan. {md_escape(guard.sentence)}", icon=":material/front_hand:")
    passed = len(plan.guards) - len(plan.stopping_guards)
    held = f", {counted(len(plan.held_back), 'change')} held back" if plan.held_back else ""
    label = f"{counted(passed, 'guard')} passed{held}: what it rests on"
    with st.expander(label, icon=":material/shield:"):
        st.code("\n".join([*head_lines(plan), *closing_lines(plan)]), language=None, wrap_lines=True)


# Its changes -----------------------------------------------------------------------------------------------------------------


def _columns(view: _View) -> list[Column]:
    """Return the columns that have something to say."""
    columns = [WHERE, BEFORE, AFTER, Column("Why", "reason", text(_WHY_WIDTH)), Column("Risk", "risk", text(70))]
    if view.rehearsal is not None and view.rehearsal.refused is None and not view.record.results:
        columns.insert(2, Column("There now", lambda row: _live(view, row), text(110)))
    if any(view.found(row) for row in view.rows):
        columns.insert(0, Column("Result", lambda row: _result(view, row), text(120)))
    if view.record.checks:
        columns.insert(1, Column("The next load", lambda row: check_words(view.record.checks.get(row["change_id"])), text(180)))
    if view.record.approvals and view.is_usable:
        columns.insert(0, Column("Approved", lambda row: _mark(row["change_id"] in view.record.approved_ids), text(90)))
    return [*columns, RECORD]


def _mark(is_approved: bool) -> str:
    return "✓ yes" if is_approved else "○ left out"


def _live(view: _View, row: Row) -> str:
    found = view.found(row)
    if found is None or row["record_id"] is None:
        return "(does not exist)" if found and found["status"] == "would_write" else ""
    return value_words(found["live"])


def _result(view: _View, row: Row) -> str:
    found = view.found(row)
    return RESULTS.get(found["status"], found["status"]) if found else ""


def _show_changes(view: _View) -> list[str]:
    """Show the changes, and return the ids of those that the reader chose."""
    event: Any = show_grid(
        view.rows,
        _columns(view),
        name="The changes of this plan",
        row_height=height_of((row["reason"] for row in view.rows), _WHY_WIDTH),
        most_height=440,
        key=f"plan-grid-{view.plan.plan_id}-{view.stored.state}",
        on_select="rerun",
        selection_mode="multi-row",
    )
    places = [place for place in event.selection.rows if place < len(view.rows)]
    if len(places) == 1:
        show_change(view.rows[places[0]])
    elif view.stored.state is PlanState.open:
        st.caption("Choose a row to read the change in full, or several to approve only those.")
    return [view.plan.changes[place].change_id for place in places]


# What may be done with it ----------------------------------------------------------------------------------------------------


def _show_deeds(view: _View, chosen: list[str]) -> None:
    job = jobs.job_of(view.board.settings.handoff_home, view.plan.plan_id)
    if job is not None and job.is_running:
        _show_progress(job)
    if job is not None and (problem := job.problem or (job.result.refused if job.result else None)):
        st.error(md_escape(problem), icon=":material/block:")
    for demand in view.record.demands:
        st.warning(md_escape(f"Still needed: {demand}"), icon=":material/how_to_reg:")
    if view.stored.state is PlanState.applied:
        _show_undo(view, chosen)
        return
    if not view.is_usable:
        return
    if not commands.may_write(view.board, view.plan):
        _show_commands(view.plan)
        return
    person = st.text_input(
        "In the name of",
        value=commands.user(view.board),
        key=f"person-{view.plan.plan_id}",
        width=320,
        disabled=view.board.person is not None,
        help=None
        if view.board.person is not None
        else f"A statement and no log-in: the ledger keeps {md_escape(commands.user(view.board))}, who serves this page, beside the name.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        _approve_button(view, chosen, person)
        _rehearse_button(view)
    if view.plan.stopping_guards:
        st.info("A guard stops this plan, so it cannot be applied. Make another one.", icon=":material/lock:")
        return
    _apply_button(view, person)


def _approve_button(view: _View, chosen: list[str], person: str) -> None:
    if view.stored.state is not PlanState.open:
        return
    label = f"Approve {counted(len(chosen), 'chosen change')}" if chosen else f"Approve all {len(view.plan.changes):,}"
    if st.button(label, key=f"approve-{view.plan.plan_id}", icon=":material/how_to_reg:"):
        st.session_state["answer"] = commands.approve(view.board, view.plan.plan_id, chosen, person)
        st.rerun()


def _rehearse_button(view: _View) -> None:
    if st.button("Rehearse", key=f"rehearse-{view.plan.plan_id}", icon=":material/compare_arrows:"):
        with st.spinner("Reading every target again"):
            st.session_state[f"rehearsal-{view.plan.plan_id}"] = commands.rehearse(view.board, view.plan.plan_id)
        st.rerun()
    if view.rehearsal is not None and view.rehearsal.refused is None:
        count = sum(result.status == "would_write" for result in view.rehearsal.results)
        st.markdown(f"Rehearsed: {counted(count, 'change')} would be written. Nothing was written.")


def _apply_button(view: _View, person: str) -> None:
    plan_id = view.plan.plan_id
    agreed = st.checkbox(f"I have read the {counted(len(view.plan.changes), 'change')} above", key=f"read-{plan_id}")
    label = "Apply to the sandbox" if all(place.is_sandbox for place in view.plan.places) else "Apply"
    is_off = not agreed or bool(view.record.demands)
    if st.button(label, key=f"apply-{plan_id}", type="primary", disabled=is_off, icon=":material/edit:"):
        job = commands.begin_apply(view.board, view.plan, person)
        _show_progress(job)


def _show_progress(job: jobs.Job) -> None:
    """Show how far an apply is until it ends; whoever leaves the page and comes back sees it again."""
    bar = st.progress(0.0, text="Checking the plan")
    while job.is_running:
        bar.progress(job.share, text=md_escape(job.words))
        job.wait(_POLL_SECONDS)
    if job.result is not None and job.result.refused is None:
        keep_answer(_outcome(job.result))
    st.rerun()


def _outcome(result: ApplyResult) -> commands.Answer:
    *others, last = result_lines(result)
    next_step = "`handoff sync` reads the vendors again and verifies what was written." if result.exit_code == 0 else ""
    troubled = [line for line in others if not line.startswith(("applied:", "already:"))]
    return commands.Answer(is_good=result.exit_code == 0, lines="\n".join([f"{last} {next_step}".strip(), *troubled]))


def _show_commands(plan: Plan) -> None:
    st.info(
        "It goes to real accounts and the dashboard has no log-in, so it is approved and applied on the command line only:",
        icon=":material/lock:",
    )
    st.code(
        f"handoff approve {plan.plan_id}\nhandoff apply {plan.plan_id} --dry-run\nhandoff apply {plan.plan_id}", language=None
    )


def _show_undo(view: _View, chosen: list[str]) -> None:
    """Offer the plan that takes back what this one wrote, or only the change that was chosen."""
    if not view.record.is_written:
        return
    one = chosen[0] if len(chosen) == 1 else None
    label = "Plan to take back this change" if one else "Plan to take it all back"
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(label, key=f"undo-{view.plan.plan_id}", icon=":material/undo:"):
            with st.spinner("Comparing with the vendors"):
                keep_answer(commands.undo(view.board, one or view.plan.plan_id))
            st.rerun()
        st.caption("It makes a new plan, to be read and applied like any other. What somebody touched since stays as it is.")


def keep_answer(answer: commands.Answer) -> None:
    """Keep what a command said for the next run of the page, which shows the plan that it made."""
    st.session_state["answer"] = answer
    if answer.plan_id is not None:
        st.session_state["next-plan"] = answer.plan_id


def show_answer(answer: commands.Answer) -> None:
    """Show what a command said."""
    first, _, rest = answer.lines.partition("\n")
    if answer.is_good:
        st.success(md_escape(first), icon=":material/check_circle:")
    else:
        st.warning(md_escape(first), icon=":material/warning:")
    if rest:
        st.code(rest, language=None, wrap_lines=True)
