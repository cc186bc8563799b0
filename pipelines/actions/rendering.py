"""Plans and results in words, for a terminal; the dashboard shows the same columns. Vendor text loses its control characters."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pipelines.actions.records import Change, GuardStatus, Status
from pipelines.actions.store import PlanState
from pipelines.reports import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.actions.approvals import Approval
    from pipelines.actions.records import ApplyResult, Plan
    from pipelines.actions.store import PlanLife

# an address that is known once the record before it exists; and what a task's body is laid out with
_CREATED: Final = re.compile(r"\{created:(.+)\.url\}")
_MARKUP: Final = re.compile(r"<br\s*/?>")
_SHOWN_CHARACTERS: Final = 160
_SYSTEM_NAMES: Final = {"hubspot": "HubSpot", "airtable": "Airtable", "asana": "Asana", "github": "GitHub", "aws": "AWS"}
_SINGULAR: Final = {
    "deals": "deal",
    "communities": "community",
    "companies": "company",
    "engagements": "engagement",
    "issues": "issue",
    "tasks": "task",
    "projects": "project",
    "deliverables": "deliverable",
    "budgets": "budget",
    "project_items": "project item",
}
# What a new record is called by, whatever its vendor calls that field
_NAME_FIELDS: Final = ("engagement_name", "project_name", "deliverable_name", "title", "subject", "budget_name")
_STATE_WORDS: Final[dict[PlanState, str]] = {
    PlanState.open: "open, may be applied",
    PlanState.used: "interrupted; `handoff apply` finishes it; begun",
    PlanState.applied: "applied",
    PlanState.expired: "expired",
    PlanState.unusable: "not usable",
}
_STATUS_WORDS: Final[dict[Status, str]] = {
    Status.applied: "applied and read back",
    Status.already: "already so",
    Status.conflict: "left alone because somebody changed the target",
    Status.failed: "failed",
    Status.did_not_stick: "accepted by the vendor and not kept",
    Status.unknown: "sent, with an outcome that is not known yet",
    Status.skipped: "skipped",
    Status.left_out: "left out, because others were approved",
    Status.would_write: "would be written",
}


def value_words(value: str | None) -> str:
    """Return a value as it is shown: blanks in words, long text cut."""
    if value is None or not value.strip():
        return "(empty)"
    text = _CREATED.sub(r"(the address of what \1 creates)", printable(_MARKUP.sub(" ", value)))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def before_words(change: Change) -> str:
    """Return what the vendor holds before the change."""
    return "(does not exist)" if change.is_creation else value_words(change.before)


def after_words(change: Change) -> str:
    """Return what the vendor will hold after the change; of a new record, its fields."""
    if change.is_creation:
        return "; ".join(f"{name}: {value_words(str(value))}" for name, value in json.loads(change.after).items())
    if change.created_ids:
        return f"(the address of what {', '.join(change.created_ids)} creates)"
    return value_words(change.after)


def where_words(change: Change) -> str:
    """Return the place that a change is about, such as ``HubSpot deal 1023, engagement_url``."""
    kind = f"{_SYSTEM_NAMES.get(change.system, change.system)} {_SINGULAR.get(change.object, change.object)}"
    if change.is_creation:
        values = json.loads(change.after)
        name = next((str(values[field]) for field in _NAME_FIELDS if values.get(field)), "")
        return f'new {kind} "{name}"' if name else f"new {kind}"
    field = re.sub(r"^(\w+)_label:(.+)$", r"label of \1 \2", change.field or "")
    return f"{kind} {change.record_id}, {field}"


def plan_lines(plan: Plan) -> list[str]:
    """Return a plan as plain lines: its head, every change as before -> after, what is held back, and what the guards say."""
    if plan.is_empty:  # what it rests on and what the guards say matters to nobody then
        return _objection_lines(plan)
    lines = [*_head_lines(plan), ""]
    for number, change in enumerate(plan.changes, start=1):
        lines += [
            f"{number}. {printable(where_words(change))}  [{printable(change.finding_id)}]",
            f"   {before_words(change)} -> {after_words(change)}",
            f"   why: {printable(change.reason)}  risk: {change.risk}",
            f"   change: {printable(change.change_id)}",
        ]
        if change.record_url:
            lines.append(f"   {printable(change.record_url)}")
    return [*lines, *closing_lines(plan)]


def plan_table(plan: Plan) -> Table:
    """Return the changes of a plan as a table."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("Finding", "Where", "Before", "After", "Why", "Link"):
        table.add_column(heading, overflow="fold")
    for change in plan.changes:
        cells = (
            change.finding_id,
            where_words(change),
            before_words(change),
            after_words(change),
            change.reason,
            change.record_url or "",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _head_lines(plan: Plan) -> list[str]:
    count = len(plan.changes)
    lines = [
        (
            f"{plan.plan_id}: {count} change{'s' * (count != 1)}, made {plan.created_at:%Y-%m-%d %H:%M} UTC from snapshot {plan.run_id}, "
            f"may be applied until {plan.expires_at:%Y-%m-%d %H:%M} UTC."
        )
    ]
    if plan.undoes:
        lines.append(f"Takes back what {printable(plan.undoes)} wrote.")
    if plan.proposer:
        lines.append(f"Proposed by {printable(plan.proposer)}.")
    if plan.places:
        lines.append(f"Goes to: {', '.join(place.words for place in plan.places)}.")
    for source in plan.sources:
        since = f" as of {source.last_complete_at[:16].replace('T', ' ')} UTC" if source.last_complete_at else ""
        lines.append(f"Rests on {source.name}{' (SANDBOX)' if source.is_sandbox else ''}: {source.status}{since}.")
    return lines


def head_lines(plan: Plan) -> list[str]:
    """Return what a reader must know before the changes: which plan, until when, where it goes and what it rests on."""
    return _head_lines(plan)


def closing_lines(plan: Plan) -> list[str]:
    """Return what follows the changes: what is held back and why, and every guard that stops the plan."""
    lines = _objection_lines(plan)
    for guard in plan.guards:
        mark = "ok  " if guard.status is GuardStatus.passed else "STOP"
        lines.append(f"{mark} {guard.guard}: {printable(guard.sentence)}")
    return lines


def _objection_lines(plan: Plan) -> list[str]:
    held_ids = {held.change.change_id for held in plan.held_back}
    lines = [  # what only waits for a change that is held back would say the same once more
        f"held back: {printable(where_words(held.change))}  [{printable(held.change.finding_id)}]: {printable(held.why)}."
        for held in plan.held_back
        if held.change.depends_on not in held_ids
    ]
    if plan.equal_already:
        lines.append(
            f"{plan.equal_already} proposed change{'s are' if plan.equal_already != 1 else ' is'} already so at the vendor."
        )
    if plan.left_for_later:
        lines.append(f"{plan.left_for_later} more were not looked at because of --max.")
    return lines


def life_lines(
    plan: Plan,
    state: PlanState,
    life: PlanLife,
    *,
    approvals: Sequence[Approval],
    demands: Sequence[str],
    results: Sequence[dict[str, Any]],
) -> list[str]:
    """Return where a plan is in its one life: who approved what, what is still needed, and what came of each change."""
    lines = [f"State: {_STATE_WORDS[state]}{f' by {printable(life.operator)}' if life.operator else ''}."]
    for approval in approvals:
        which = "all of it" if len(approval.change_ids) == len(plan.changes) else ", ".join(sorted(approval.change_ids))
        lines.append(
            f"Approved by {printable(approval.approver)} on {approval.at[:16].replace('T', ' ')} UTC: {printable(which)}."
        )
    lines += [f"Still needed: {printable(sentence)}" for sentence in demands]
    lines += [f"{row['status']}: {printable(row['change_id'])}: {printable(row['sentence'] or '')}" for row in results]
    return lines


def result_lines(result: ApplyResult) -> list[str]:
    """Return what an apply did as plain lines, the changes that need somebody last."""
    if result.refused is not None:
        return [f"{'It would be refused' if result.is_rehearsal else 'Nothing was written'}: {printable(result.refused)}"]
    lines = [printable(sentence) for sentence in result.settled]
    for status in (
        Status.would_write,
        Status.applied,
        Status.already,
        Status.left_out,
        Status.skipped,
        Status.unknown,
        Status.did_not_stick,
        Status.failed,
        Status.conflict,
    ):
        lines += [
            f"{status.value}: {printable(where_words(row.change))}: {printable(row.sentence)}"
            for row in result.results
            if row.status is status
        ]
    counted = [f"{count} {_STATUS_WORDS[Status(status)]}" for status, count in result.counts.items() if count]
    return [*lines, f"{result.plan_id}: {', '.join(counted) or 'no changes'}."]
