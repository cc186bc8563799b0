"""Makes plans. Nothing is written to a vendor here.

A plan is the exact list of changes that ``actions.act_changes`` proposes and that the vendors' live values still call for, with the
freshness of the sources it rests on and what the guards say. It is sealed with the key of this home, expires, and is used once.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipelines.actions import guards
from pipelines.actions.basis import Basis, deal_of, facts_of
from pipelines.actions.marks import Grace, grace_in
from pipelines.actions.opening import OpenTargets, Targets
from pipelines.actions.records import (
    Change,
    HeldBack,
    Plan,
    Policy,
    SourceState,
    change_from_row,
    in_order,
    is_blank,
    same,
)
from pipelines.actions.roles import Role, require
from pipelines.actions.store import PlanState, PlanUnusable, StoredPlan, find_plan, list_plans, load_plan, save_plan
from pipelines.actions.target import words_about
from pipelines.decisions import author
from pipelines.errors import ConfigurationError, HandoffError, VendorError
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pipelines.actions.target import Reading
    from pipelines.rules import Rules
    from pipelines.settings import Settings

__all__ = [
    "PlanState",
    "PlanUnusable",
    "Scope",
    "StoredPlan",
    "find_plan",
    "list_plans",
    "load_plan",
    "make_plan",
    "plan_of",
    "save_plan",
]

# deal and owner are those of the finding that a change mends
_CHANGES_SQL: Final = """
    select changes.*, findings.deal_id, findings.owner
    from actions.act_changes as changes
    left join marts.fct_findings as findings on changes.finding_id = findings.finding_id
    order by changes.change_id
"""
_SOURCES_SQL: Final = "select source, status, last_complete_at, is_sandbox from ops.source_status"
_RUN_SQL: Final = "select run_id, as_of_on from ops.run"
_TABLES_SQL: Final = "select source, table_name, row_count from ops.source_tables"
_AIRTABLE_SQL: Final = "select table_id, count(*) as row_count from raw_airtable.records group by table_id"
_ASANA_SQL: Final = "select count(*) as row_count from intermediate.int_engagements where store = 'asana'"


@dataclass(frozen=True)
class Scope:
    """Which of the proposed changes are wanted; what is None or empty does not narrow."""

    rule_ids: Sequence[str] = ()
    deal_id: str | None = None
    owner: str | None = None
    systems: Sequence[str] = ()

    def holds(self, change: Change, row: dict[str, Any]) -> bool:
        """Return whether a change is wanted; ``row`` is its row with the deal and the owner of its finding."""
        is_of_deal = (change.object, change.record_id) == ("deals", self.deal_id)
        return (
            (not self.rule_ids or change.rule_id.casefold() in {rule_id.casefold() for rule_id in self.rule_ids})
            and (self.deal_id is None or is_of_deal or row.get("deal_id") == self.deal_id)
            and (self.owner is None or self.owner.casefold() in str(row.get("owner") or "").casefold())
            and (not self.systems or change.system in {system.casefold() for system in self.systems})
        )


@dataclass
class _Making:
    """What the steps of making one plan share."""

    targets: Targets
    basis: Basis
    placeholders: frozenset[str]
    limits: guards.Limits
    sources: dict[str, SourceState]
    blocked: dict[str, str]
    kept: list[Change] = field(default_factory=list)
    held: dict[str, HeldBack] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    equal: int = 0
    silent: dict[str, str] = field(default_factory=dict)  # vendors that do not answer, with their sentence

    def hold(self, change: Change, why: str) -> None:
        self.held[change.change_id] = HeldBack(change, why)


def make_plan(
    snapshot_query: Callable[[str], list[dict[str, Any]]],
    settings: Settings,
    rules: Rules,
    *,
    now: datetime,
    scope: Scope | None = None,
    limit: int | None = None,
    proposer: str | None = None,
    sandbox_url: str | None = None,
    targets: Targets | None = None,
) -> Plan:
    """Return the plan that the snapshot and the vendors' live values call for; it is neither sealed nor stored yet.

    ``proposer`` is the user of the operating system unless given.

    ``before`` of each change is the live value. Changes that the vendor holds already are dropped; those that may not be made are
    held back with the reason. Raises HandoffError when the snapshot has no changes to read or a vendor must be configured.
    """
    person = author(proposer)
    require(rules, person, Role.proposer)
    changes, blocked = _proposed(snapshot_query, scope or Scope(), grace_in(settings.handoff_home, rules), rules)
    return plan_of(
        changes,
        blocked,
        snapshot_query,
        settings,
        rules,
        now=now,
        limit=limit,
        proposer=person,
        sandbox_url=sandbox_url,
        targets=targets,
    )


def plan_of(
    changes: Sequence[Change],
    blocked: dict[str, str],
    snapshot_query: Callable[[str], list[dict[str, Any]]],
    settings: Settings,
    rules: Rules,
    *,
    now: datetime,
    limit: int | None,
    proposer: str,
    sandbox_url: str | None,
    targets: Targets | None,
) -> Plan:
    """Return the plan of these changes, compared with the vendors' live values; ``blocked`` says why some are held back."""
    opened = OpenTargets(settings, rules, sandbox_url, may_write=False)
    try:
        making = _Making(
            targets=targets or opened,
            basis=Basis(targets or opened, rules),
            placeholders=frozenset(row["placeholder"].casefold() for row in rules.table("rule_placeholders")),
            limits=guards.Limits.of(rules),
            sources=_sources(snapshot_query, rules, now),
            blocked=blocked,
        )
        _refuse_to_mix(making.sources, settings, rules)
        run = _run(snapshot_query)
        proposed = in_order(changes)
        for position, change in enumerate(proposed):
            if limit is not None and len(making.kept) >= limit:
                left = len(proposed) - position
                break
            _consider(change, making)
        else:
            left = 0
        places = [making.targets.target(system).place for system in sorted({change.system for change in making.kept})]
    finally:
        opened.close()
    return Plan(
        plan_id=f"plan-{now:%Y%m%dT%H%M%S}Z-{secrets.token_hex(2)}",
        created_at=now,
        expires_at=now + guards.plan_validity(making.limits),
        run_id=str(run["run_id"]),
        as_of_on=None if run["as_of_on"] is None else str(run["as_of_on"]),
        rules_profile=rules.profile,
        proposer=proposer,
        sources=sorted(making.sources.values(), key=lambda source: source.source),
        places=places,
        guards=guards.evaluate(
            making.kept, limits=making.limits, sources=making.sources, record_counts=_record_counts(snapshot_query, rules)
        ),
        changes=making.kept,
        held_back=list(making.held.values()),
        equal_already=making.equal,
        left_for_later=left,
    )


def _proposed(
    snapshot_query: Callable[[str], list[dict[str, Any]]], scope: Scope, grace: Grace, rules: Rules
) -> tuple[list[Change], dict[str, str]]:
    """Return the wanted changes, and why the models or their grace hold some of them back, by change id."""
    as_of = _run(snapshot_query)["as_of_on"]
    day = date.fromisoformat(str(as_of)) if as_of is not None else None
    changes: list[Change] = []
    blocked: dict[str, str] = {}
    wanted = [(change, row) for row in snapshot_query(_CHANGES_SQL) if scope.holds(change := change_from_row(row), row)]
    about = {change.change_id: deal_of(change, row.get("deal_id")) for change, row in wanted}
    deals = _deals(snapshot_query, {deal_id for deal_id in about.values() if deal_id is not None}, rules)
    for proposed, row in wanted:
        change = replace(proposed, rests_on=facts_of(proposed, about[proposed.change_id], deals, rules))
        changes.append(change)
        if row.get("is_blocked"):
            blocked[change.change_id] = str(row.get("blocked_reason") or "its rule could not be evaluated")
        elif (wait := grace.objection(change, day)) is not None:
            blocked[change.change_id] = wait
    return changes, blocked


def _consider(change: Change, making: _Making) -> None:
    """Keep, drop or hold back one change."""
    objection = (
        making.blocked.get(change.change_id)
        or _parent_objection(change, making)
        or _content_objection(change)
        or guards.field_objection(change, making.limits)
        or guards.source_objection(change, making.sources)
        or making.silent.get(change.system)
    )
    if objection is not None:
        making.hold(change, objection)
        return
    resolved = change.with_created(making.urls)
    try:
        target = making.targets.target(change.system)
        objection = target.objection(resolved)
        if objection is not None:
            making.hold(resolved, objection)
            return
        reading = target.read(resolved)
        is_there = target.next_write(resolved, reading) is None if not reading.obstacle else False
    except ConfigurationError:
        raise
    except VendorError as error:
        making.silent[change.system] = words_about(error)
        making.hold(resolved, words_about(error))
        return
    if reading.obstacle is None and not is_there and (gone := _basis_objection(resolved, making)) is not None:
        making.hold(resolved, gone)
        return
    _compare(resolved, reading, making, is_there=is_there)


def _basis_objection(change: Change, making: _Making) -> str | None:
    """Return why what a change rests on is no longer so, or cannot be looked at."""
    try:
        gone = making.basis.objection(change, "in the snapshot")
    except ConfigurationError:
        raise
    except VendorError as error:
        return words_about(error)
    return None if gone is None else f"{gone}; sync again"


def _compare(change: Change, reading: Reading, making: _Making, *, is_there: bool) -> None:
    if reading.obstacle is not None:
        making.hold(change, reading.obstacle)
    elif is_there:
        making.equal += 1
        if change.is_creation and reading.url is not None:
            making.urls[change.change_id] = reading.url
    elif change.is_creation:
        making.kept.append(change)
    elif (objection := _policy_objection(change, reading, making.placeholders)) is not None:
        making.hold(replace(change, before=reading.value), objection)
    else:
        making.kept.append(replace(change, before=None if is_blank(reading.value) else reading.value))


def _parent_objection(change: Change, making: _Making) -> str | None:
    if change.depends_on is None:
        return None
    if change.depends_on in making.held:
        return f"it needs {change.depends_on}, which is held back: {making.held[change.depends_on].why}"
    known = {kept.change_id for kept in making.kept} | set(making.urls)
    if change.depends_on not in known and change.created_ids:
        return f"it needs {change.depends_on}, which is not in this plan"
    return None


def _content_objection(change: Change) -> str | None:
    """Return why a row of act_changes is no change that can be carried out."""
    try:
        values = change.values
    except (ValueError, TypeError) as error:
        return f"the model proposes content that cannot be read ({error})"
    if change.is_undo:
        return None  # a field that was empty goes back to being empty
    if not values or any(is_blank(value) for value in values.values()):
        return "the model proposes an empty value, and handoff does not empty fields"
    return None


def _policy_objection(change: Change, reading: Reading, placeholders: frozenset[str]) -> str | None:
    """Return why the live value keeps this change from being proposed."""
    live = reading.value
    by = f" (set {reading.changed_by})" if reading.changed_by else ""
    if change.policy == Policy.if_equal_before:
        if same(live, change.before):
            return None
        if change.is_undo:
            return f"{change.field} now holds {live!r}{by} where handoff wrote {change.before!r}; left as it is"
        return f"{change.field} now holds {live!r}{by} where the snapshot saw {change.before!r}; sync again"
    if is_blank(live) or str(live).strip().casefold() in placeholders:
        return None
    return f"{change.field} now holds {live!r}{by}, and only an empty field is filled; sync again"


def _sources(snapshot_query: Callable[[str], list[dict[str, Any]]], rules: Rules, now: datetime) -> dict[str, SourceState]:
    ages = {row["source"]: Decimal(row["max_age_hours"] or 0) for row in rules.table("rule_sources")}
    states = {}
    for row in snapshot_query(_SOURCES_SQL):
        name, last = str(row["source"]), row["last_complete_at"]
        state = SourceState(
            name,
            rules.source_names.get(name, name),
            str(row["status"]),
            last.isoformat() if last else None,
            bool(row["is_sandbox"]),
        )
        states[name] = guards.age_state(state, ages.get(name), now)
    return states


def _deals(snapshot_query: Callable[[str], list[dict[str, Any]]], deal_ids: set[str], rules: Rules) -> dict[str, dict[str, Any]]:
    """Return what the snapshot says of deals, by id and canonical field, as HubSpot spelled it."""
    ids = sorted(deal_id for deal_id in deal_ids if deal_id.isdecimal())
    if not ids:
        return {}
    names = rules.fields.get(("hubspot", "deals"), {})
    quoted = ", ".join(f"'{deal_id}'" for deal_id in ids)
    deals = {}
    for row in snapshot_query(f"select id, properties_json from raw_hubspot.deals where id in ({quoted})"):
        held = row["properties_json"]
        properties = json.loads(held) if isinstance(held, str) else held or {}
        deals[str(row["id"])] = {name: properties.get(vendor_field) for name, vendor_field in names.items()}
    return deals


def _refuse_to_mix(sources: dict[str, SourceState], settings: Settings, rules: Rules) -> None:
    """Refuse to write what real records call for into the sandbox, because a token went missing, or the other way round."""
    for vendor in VENDORS:
        known = sources.get(vendor)
        if known is not None and vendor in rules.from_files:
            raise ConfigurationError(
                f"The records of {known.name} come from imported files, so that nothing can be compared with what stands there now. "
                "Correct it there by hand, or take its line out of rule_file_sources.csv and set its token. Nothing was planned."
            )
        if known is not None and known.last_complete_at and known.is_sandbox != settings.is_sandbox(vendor):
            now, then = ("the sandbox", "real records") if known.is_sandbox is False else ("the real account", "invented records")
            raise ConfigurationError(
                f"The snapshot holds {then} of {known.name}, and the settings lead to {now} now. Set the token that the snapshot was made "
                "with, or run `handoff sync`, then plan again. Nothing was planned."
            )


def _run(snapshot_query: Callable[[str], list[dict[str, Any]]]) -> dict[str, Any]:
    rows = snapshot_query(_RUN_SQL)
    if len(rows) != 1:
        raise HandoffError("The snapshot does not say which run made it. Run `handoff sync`, then plan again.")
    return rows[0]


def _record_counts(snapshot_query: Callable[[str], list[dict[str, Any]]], rules: Rules) -> dict[tuple[str, str], int]:
    """Return how many records of each object the snapshot holds, by system and object as changes name them."""
    counts = {(str(row["source"]), str(row["table_name"])): int(row["row_count"] or 0) for row in snapshot_query(_TABLES_SQL)}
    if ("hubspot", "deals") in counts:
        counts["hubspot", "tasks"] = counts["hubspot", "deals"]  # a sync reads no tasks; handoff keeps one for each deal
    tables = {
        fields["table_id"]: kind
        for (system, kind), fields in rules.fields.items()
        if system == "airtable" and "table_id" in fields
    }
    for row in snapshot_query(_AIRTABLE_SQL):
        if row["table_id"] in tables:
            counts["airtable", tables[row["table_id"]]] = int(row["row_count"])
    if ("asana", "projects") in counts:  # of a workspace's projects few are engagements
        counts["asana", "engagements"] = int(snapshot_query(_ASANA_SQL)[0]["row_count"])
    return counts
