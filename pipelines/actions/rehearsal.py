"""Rehearses a plan: refuses what an apply would refuse, reads each target again, and says what would come of each change.

Nothing is written, neither to a vendor nor to the ledger, and no write token is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.actions.apply import basis_gone, before_writing
from pipelines.actions.approvals import approvals_of, left_out, refuse_without_approval
from pipelines.actions.basis import Basis
from pipelines.actions.opening import OpenTargets, Targets
from pipelines.actions.records import ApplyResult, Change, ChangeResult, Status
from pipelines.actions.refusals import refuse_altered_ledger, refuse_by_guards, refuse_by_life, refuse_by_place
from pipelines.actions.roles import Role, require
from pipelines.actions.store import PlanLife, lives_of, load_plan, seal_on
from pipelines.actions.target import words_about
from pipelines.errors import HandoffError, VendorError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pipelines.ledger import Ledger
    from pipelines.rules import Rules
    from pipelines.settings import Settings

_WAITS = frozenset({Status.applied, Status.already, Status.would_write})


def rehearse_plan(
    path: Path,
    settings: Settings,
    rules: Rules,
    ledger: Ledger,
    *,
    now: datetime,
    operator: str,
    sandbox_url: str | None = None,
    targets: Targets | None = None,
) -> ApplyResult:
    """Return what an apply of the plan in ``path`` would find now, or why it would be refused."""
    opened = OpenTargets(settings, rules, sandbox_url, may_write=False) if targets is None else None
    vendors: Targets = targets or opened  # type: ignore[assignment]
    plan_id = path.stem
    try:
        require(rules, operator, Role.viewer)
        refuse_altered_ledger(ledger)
        plan, seal = load_plan(path, settings.handoff_home), seal_on(path, settings.handoff_home)
        plan_id = plan.plan_id
        refuse_by_life(plan, lives_of(ledger).get(plan_id, PlanLife()), now)
        refuse_by_guards(plan, rules)
        approvals = approvals_of(ledger, plan_id, seal)
        refuse_without_approval(plan, approvals, rules)
        refuse_by_place(plan, vendors)
        left = left_out(plan, approvals)
        basis = Basis(vendors, rules)
        results: dict[str, ChangeResult] = {}
        urls: dict[str, str] = {}
        for change in plan.changes:
            result = _rehearsed(change, _Rehearsing(vendors, basis, left, results, urls))
            results[change.change_id] = result
            if result.status is Status.already and result.url is not None:
                urls[change.change_id] = result.url
    except HandoffError as error:
        return ApplyResult(plan_id, operator, refused=error.sentence, is_rehearsal=True)
    finally:
        if opened is not None:
            opened.close()
    return ApplyResult(plan_id, operator, list(results.values()), _open_words(ledger), is_rehearsal=True)


@dataclass(frozen=True)
class _Rehearsing:
    """What the changes of one rehearsal share."""

    targets: Targets
    basis: Basis
    left: frozenset[str]
    results: dict[str, ChangeResult]
    urls: dict[str, str]


def _rehearsed(planned: Change, run: _Rehearsing) -> ChangeResult:
    if planned.change_id in run.left:
        return ChangeResult(planned, Status.left_out, "It is not among what was approved.")
    parent = run.results.get(planned.depends_on or "")
    if parent is not None and parent.status not in _WAITS:
        return ChangeResult(planned, Status.skipped, f"It needs {planned.depends_on}, which would not be made.")
    change = planned.with_created(run.urls)
    target = run.targets.target(change.system)
    try:
        reading = target.read(change)
    except VendorError as error:
        return ChangeResult(change, Status.failed, f"The target cannot be read. {words_about(error)}")
    refusal = before_writing(change, reading, target) or basis_gone(change, run.basis)
    return refusal or ChangeResult(change, Status.would_write, "It would be written.", reading.url, reading.value or "")


def _open_words(ledger: Ledger) -> list[str]:
    count = len(ledger.unsettled_intents())
    if not count:
        return []
    return [f"{count} request{'s' * (count != 1)} of an interrupted apply would be settled first, by reading."]
