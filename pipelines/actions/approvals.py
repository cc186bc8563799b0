"""Who approved which changes of a plan. An approval is a row of the ledger, bound to the seal of the plan that was read.

Which risks need one, and which need it from a person who did not propose the plan, are rows of ``rule_guards.csv``
(``needs_approval``, ``needs_second_person``). Once somebody approved some changes, only approved ones are carried out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipelines.actions.guards import GuardUnevaluable, Limits
from pipelines.actions.refusals import PlanRefused, refuse_altered_ledger, refuse_by_life
from pipelines.actions.roles import NotAllowed, Role, has_role, is_same_person, require
from pipelines.actions.store import PlanLife, lives_of, load_plan, seal_on
from pipelines.decisions import author

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from pipelines.actions.records import Change, Plan
    from pipelines.ledger import Ledger
    from pipelines.rules import Rules

PHASE: Final = "approved"
RISKS: Final = ("low", "medium", "high")


@dataclass(frozen=True)
class Approval:
    """What one person approved, and when (ISO 8601)."""

    approver: str
    change_ids: frozenset[str]
    at: str


@dataclass(frozen=True)
class Demands:
    """The risks that need an approval, and those that need it from a second person."""

    approval: frozenset[str]
    second_person: frozenset[str]

    @classmethod
    def of(cls, rules: Rules) -> Demands:
        """Read the rows. Raises PlanRefused when they are missing or name no risk: what cannot be judged is not let through."""
        limits = Limits.of(rules)
        try:
            words = {key: limits.texts(key) for key in ("needs_approval", "needs_second_person")}
        except GuardUnevaluable as error:
            raise PlanRefused(f"It cannot be judged which changes need an approval: {error}.") from error
        for key, values in words.items():
            unknown = sorted(set(values) - set(RISKS))
            if unknown:
                raise PlanRefused(
                    f"It cannot be judged which changes need an approval: rule_guards.csv gives {unknown[0]!r} for {key}. "
                    f"Use {', '.join(RISKS)}, one row for each."
                )
        return cls(frozenset(words["needs_approval"]), frozenset(words["needs_second_person"]))

    def wants_approval(self, change: Change) -> bool:
        """Return whether a change needs an approval; one with a risk that nobody knows does."""
        return change.risk not in RISKS or change.risk in self.approval | self.second_person

    def wants_second_person(self, change: Change) -> bool:
        """Return whether a change needs an approver who did not propose it."""
        return change.risk not in RISKS or change.risk in self.second_person


def approvals_of(ledger: Ledger, plan_id: str, seal: str) -> list[Approval]:
    """Return the approvals of the plan with this seal, oldest first. A row that cannot be read any more approves nothing."""
    found = []
    for row in ledger.plan_rows(plan_id):
        if row["phase"] != PHASE or row["seal_of_plan"] != seal:
            continue
        try:
            change_ids = frozenset(json.loads(row["details"])["change_ids"])
        except (ValueError, KeyError, TypeError):
            continue
        found.append(Approval(str(row["actor"]), change_ids, row["at"]))
    return found


def approve(
    path: Path, home: Path, rules: Rules, ledger: Ledger, *, now: datetime, person: str, change_ids: Sequence[str] | None = None
) -> Approval:
    """Record that ``person`` approves a plan, or only the changes named. Raises HandoffError, saying why not; nothing is recorded then."""
    require(rules, person, Role.approver)
    refuse_altered_ledger(ledger)
    plan, seal = load_plan(path, home), seal_on(path, home)
    life = lives_of(ledger).get(plan.plan_id, PlanLife())
    refuse_by_life(plan, life, now)
    if life.is_begun:
        raise PlanRefused(f"{plan.plan_id} is being applied by {life.operator}; what it does is settled.")
    chosen = _chosen(plan, change_ids)
    _refuse_lone_children(plan, chosen, approvals_of(ledger, plan.plan_id, seal))
    demands = Demands.of(rules)
    own = [change for change in plan.changes if change.change_id in chosen and demands.wants_second_person(change)]
    if own and (plan.proposer is None or is_same_person(plan.proposer, person)):
        raise NotAllowed(
            f"{own[0].change_id} has {own[0].risk} risk, and {plan.proposer or 'nobody known'} proposed it: somebody else must approve it. "
            "Approve the other changes with --change, or ask another approver. Nothing was recorded."
        )
    ledger.record_plan(
        plan.plan_id,
        PHASE,
        at=now,
        actor=person,
        run_id=plan.run_id,
        seal_of_plan=seal,
        outcome="in part" if len(chosen) < len(plan.changes) else "whole",
        details={"change_ids": sorted(chosen), "user": author(None)},
    )
    return Approval(person, frozenset(chosen), now.isoformat())


def _chosen(plan: Plan, change_ids: Sequence[str] | None) -> set[str]:
    known = [change.change_id for change in plan.changes]
    if not change_ids:
        return set(known)
    unknown = sorted(set(change_ids) - set(known))
    if unknown:
        raise PlanRefused(f"{plan.plan_id} has no change {unknown[0]!r}. It has {', '.join(known)}. Nothing was recorded.")
    return set(change_ids)


def _refuse_lone_children(plan: Plan, chosen: set[str], earlier: list[Approval]) -> None:
    """Refuse a choice that cannot be carried out: a change without the one that it waits for."""
    approved = chosen.union(*(approval.change_ids for approval in earlier))
    known = {change.change_id for change in plan.changes}
    for change in plan.changes:
        parent = change.depends_on
        if change.change_id in chosen and parent in known and parent not in approved:
            raise PlanRefused(f"{change.change_id} needs {parent}: approve both, or neither. Nothing was recorded.")


def left_out(plan: Plan, approvals: list[Approval]) -> frozenset[str]:
    """Return the changes that are not carried out because somebody chose others. Without an approval nothing is left out."""
    if not approvals:
        return frozenset()
    approved = frozenset().union(*(approval.change_ids for approval in approvals))
    return frozenset(change.change_id for change in plan.changes) - approved


def open_demands(plan: Plan, approvals: list[Approval], rules: Rules) -> list[str]:
    """Return a sentence for each change that still lacks an approval that it needs. Raises PlanRefused when that cannot be judged.

    An approval counts while its author has the role of an approver.
    """
    demands = Demands.of(rules)
    standing = [approval for approval in approvals if has_role(rules, approval.approver, Role.approver)]
    left = left_out(plan, approvals)
    sentences = []
    for change in plan.changes:
        if change.change_id in left or not demands.wants_approval(change):
            continue
        by = [approval.approver for approval in standing if change.change_id in approval.change_ids]
        if not by:
            sentences.append(f"{change.change_id} has {change.risk} risk and is not approved.")
        elif demands.wants_second_person(change) and (
            plan.proposer is None or all(is_same_person(plan.proposer, name) for name in by)
        ):
            sentences.append(f"{change.change_id} has {change.risk} risk and is approved by nobody but its proposer.")
    return sentences


def refuse_without_approval(plan: Plan, approvals: list[Approval], rules: Rules) -> None:
    """Raise PlanRefused unless every change that is to be carried out has the approval that it needs."""
    missing = open_demands(plan, approvals, rules)
    if missing:
        more = f" So have {len(missing) - 1} others." if len(missing) > 1 else ""
        raise PlanRefused(
            f"{missing[0]}{more} An approver who did not propose the plan runs `handoff approve {plan.plan_id} --by NAME`; "
            "or make a plan without it (`handoff plan --rule`)."
        )
