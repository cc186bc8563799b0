"""Why a plan may not be applied: an altered ledger, its one life, a guard, or another place than it was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.actions import guards
from pipelines.actions.records import GuardStatus
from pipelines.actions.store import PlanState, state_of
from pipelines.errors import ConfigurationError, HandoffError

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.actions.opening import Targets
    from pipelines.actions.records import Place, Plan
    from pipelines.actions.store import PlanLife
    from pipelines.ledger import Ledger
    from pipelines.rules import Rules


class PlanRefused(HandoffError):
    """The plan may not be applied. Nothing was written."""


def refuse_altered_ledger(ledger: Ledger) -> None:
    """Raise PlanRefused when the ledger is not as it was written."""
    found = ledger.verify()
    if not found.is_sound:
        raise PlanRefused(
            f"{found.problem} What was applied before cannot be trusted, so nothing is written. Keep it for whoever looks into it: "
            f"{ledger.how_to_set_aside}, and plan again; handoff begins a new ledger."
        )


def refuse_by_life(plan: Plan, life: PlanLife, now: datetime) -> None:
    """Raise PlanRefused when the plan was applied, has expired, is of the future, or is empty."""
    state = state_of(plan, life, now)
    if state is PlanState.applied:
        raise PlanRefused(
            f"{plan.plan_id} was applied before, by {life.operator}; a plan is used once. Make a new one with `handoff plan`."
        )
    if state is PlanState.expired:
        raise PlanRefused(
            f"{plan.plan_id} expired on {plan.expires_at:%Y-%m-%d %H:%M} UTC. Make a new one with `handoff plan`, so that it is "
            "compared with what the vendors hold now."
        )
    if plan.created_at > now:
        raise PlanRefused(
            f"{plan.plan_id} was made at {plan.created_at:%Y-%m-%d %H:%M} UTC, which is in the future. "
            "Set this computer's clock, then make a new plan with `handoff plan`."
        )
    if plan.is_empty:
        raise PlanRefused(f"{plan.plan_id} holds no changes. `handoff plan` says why.")


def refuse_by_guards(plan: Plan, rules: Rules) -> None:
    """Judge the plan by its own guards and by the rule tables as they are now. Raises PlanRefused."""
    sources = {source.source: source for source in plan.sources}
    limits = guards.Limits.of(rules)
    now_judged = guards.evaluate(plan.changes, limits=limits, sources=sources, record_counts=None)
    # the share needs the snapshot; the plan holds what it said
    judged = [*plan.guards, *(guard for guard in now_judged if guard.guard != guards.SHARE)]
    stopping = [guard for guard in judged if guard.status is not GuardStatus.passed]
    if not plan.guards or stopping:
        sentence = stopping[0].sentence if stopping else "The plan says nothing about its guards."
        name = f"the guard on {stopping[0].guard} stopped it" if stopping else "no guard judged it"
        raise PlanRefused(f"{plan.plan_id}: {name}. {sentence}")


def refuse_by_place(plan: Plan, targets: Targets) -> None:
    """Raise PlanRefused when the present settings lead to another portal, base or organisation than the plan was made for."""
    planned = {place.system: place for place in plan.places}
    found: dict[str, Place] = {}
    lacking: list[str] = []
    for system in sorted({change.system for change in plan.changes}):
        try:
            found[system] = targets.target(system).place
        except ConfigurationError as error:  # somebody who has to ask for keys wants to ask once
            lacking.append(error.sentence)
    if lacking:
        raise ConfigurationError(" ".join(lacking))
    for system, present in found.items():
        if planned.get(system) != present:
            wanted = planned[system].words if system in planned else "nowhere"
            raise PlanRefused(
                f"{plan.plan_id} was made for {wanted}, and the present settings lead to {present.words}. "
                "Set the tokens of the place that it was made for, or make a new plan with `handoff plan`."
            )
