"""What must hold before anything is written. The limits are rows of ``rule_guards.csv``; a guard that cannot be evaluated trips."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from pipelines.actions.records import Change, GuardResult, GuardStatus, SourceState, is_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipelines.rules import Rules

TABLE: Final = "rule_guards"
_WHERE: Final = f"{TABLE}.csv"
# The one guard that needs the snapshot beside the plan
SHARE: Final = "share of records"


class GuardUnevaluable(Exception):
    """A limit is missing or not usable; the message says which."""


@dataclass(frozen=True)
class Limits:
    """The limits that are in force."""

    rows: tuple[tuple[str, str], ...] | None

    @classmethod
    def of(cls, rules: Rules) -> Limits:
        """Read the limits; a profile without the table has none, and its guards then trip."""
        try:
            return cls(tuple((row["key"], row["value"]) for row in rules.table(TABLE)))
        except KeyError:
            return cls(None)

    def number(self, key: str) -> Decimal:
        """Return one number. Raises GuardUnevaluable."""
        values = self.texts(key)
        try:
            number = Decimal(values[0])
        except InvalidOperation as error:
            raise GuardUnevaluable(f"{_WHERE} gives {values[0]!r} for {key}, which is not a number") from error
        if len(values) > 1 or not number.is_finite() or number < 0:
            raise GuardUnevaluable(f"{_WHERE} must give one number for {key}, from 0 up")
        return number

    def texts(self, key: str) -> list[str]:
        """Return every value of a key. Raises GuardUnevaluable when there is none."""
        if self.rows is None:
            raise GuardUnevaluable(f"the rule tables have no {_WHERE}; copy it from dbt/seeds/default")
        values = [value for name, value in self.rows if name == key]
        if not values:
            raise GuardUnevaluable(f"{_WHERE} has no row {key}; copy it from dbt/seeds/default")
        return values


def plan_validity(limits: Limits) -> timedelta:
    """Return how long a plan may be applied; without a usable limit, not at all."""
    try:
        return timedelta(hours=float(limits.number("plan_valid_hours")))
    except (GuardUnevaluable, OverflowError):
        return timedelta(0)


def settle_delay(limits: Limits, system: str) -> timedelta:
    """Return how old an interrupted request must be before the vendor's state says what became of it.

    A vendor that goes on working after its answer has a row of its own: ``settle_seconds_asana``.
    """
    own = f"settle_seconds_{system}"
    has_own = limits.rows is not None and any(key == own for key, _ in limits.rows)
    try:
        return timedelta(seconds=float(limits.number(own if has_own else "settle_seconds")))
    except (GuardUnevaluable, OverflowError):
        return timedelta(seconds=60 if has_own else 10)


def field_objection(change: Change, limits: Limits) -> str | None:
    """Return why a change may not be proposed: it writes a field that is not on the list."""
    try:
        allowed = set(limits.texts("allowed_field"))
    except GuardUnevaluable:
        return None  # the guard on the whole plan says so, once
    outside = [name for name in change.written_fields if name not in allowed]
    if outside:
        return f"{', '.join(outside)} may not be written: add it as allowed_field to {_WHERE} if it should be"
    return None


def source_objection(change: Change, sources: Mapping[str, SourceState]) -> str | None:
    """Return why a change may not be proposed: a source behind its finding is not complete."""
    for name in change.needs:
        source = sources.get(name)
        if source is None:
            return f"nothing is known about the source {name}"
        if source.status != "complete":
            since = f" since {source.last_complete_at}" if source.last_complete_at else ""
            return f"{source.name} has not loaded completely{since}; run `handoff sync` when it answers again"
    return None


def evaluate(
    changes: Sequence[Change],
    *,
    limits: Limits,
    sources: Mapping[str, SourceState] | None,
    record_counts: Mapping[tuple[str, str], int] | None,
) -> list[GuardResult]:
    """Judge a whole plan. ``sources`` or ``record_counts`` that could not be read are None, and their guards then trip."""
    return [
        _judged("number of changes", lambda: _number_of_changes(changes, limits)),
        _judged("fields", lambda: _fields(changes, limits)),
        _judged("money", lambda: _money(changes, limits)),
        _judged("source completeness", lambda: _completeness(changes, sources)),
        _judged(SHARE, lambda: _share(changes, limits, record_counts)),
        _judged("expiry", lambda: _expiry(limits)),
    ]


def _judged(name: str, judge: Callable[[], tuple[bool, str]]) -> GuardResult:
    try:
        passed, sentence = judge()
    except GuardUnevaluable as error:
        return GuardResult(name, GuardStatus.unevaluable, f"This guard cannot be evaluated: {error}.")
    return GuardResult(name, GuardStatus.passed if passed else GuardStatus.tripped, sentence)


def _number_of_changes(changes: Sequence[Change], limits: Limits) -> tuple[bool, str]:
    most = limits.number("max_changes")
    if len(changes) <= most:
        return True, f"{len(changes)} of at most {most} changes."
    return (
        False,
        f"{len(changes)} changes are more than {most} (max_changes in {_WHERE}). Plan fewer with `handoff plan --max {most}`.",
    )


def _fields(changes: Sequence[Change], limits: Limits) -> tuple[bool, str]:
    limits.texts("allowed_field")
    for change in changes:
        objection = field_objection(change, limits)
        if objection is not None:
            return False, f"{change.change_id}: {objection}."
    names = {name for change in changes for name in change.written_fields}
    return True, f"Every field is on the list of what may be written ({len(names)} used)."


def _money(changes: Sequence[Change], limits: Limits) -> tuple[bool, str]:
    """Judge by how much money fields change altogether, up and down; what was empty counts as nothing."""
    most, fields = limits.number("max_money_change"), set(limits.texts("money_field"))
    total = Decimal(0)
    for change in changes:
        for name, value in change.values.items():
            if f"{change.system}.{change.object}.{name}" not in fields:
                continue
            try:
                before = Decimal(0) if change.is_creation or is_blank(change.before) else Decimal(str(change.before))
                total += abs((Decimal(0) if is_blank(value) else Decimal(value)) - before)
            except InvalidOperation as error:
                raise GuardUnevaluable(
                    f"{change.change_id} writes an amount that is no number ({value!r} for {change.before!r})"
                ) from error
    if not total.is_finite():
        raise GuardUnevaluable("a change writes an amount that is no finite number")
    if total <= most:
        return True, f"Amounts change by {total:,} altogether, at most {most:,}."
    return False, (
        f"Amounts would change by {total:,} altogether, more than {most:,} (max_money_change in {_WHERE}). See whether a rule is wrong; "
        "if not, plan fewer with --max or --deal."
    )


def _completeness(changes: Sequence[Change], sources: Mapping[str, SourceState] | None) -> tuple[bool, str]:
    if sources is None:
        raise GuardUnevaluable("the snapshot does not say how complete its sources are; run `handoff sync`")
    for change in changes:
        objection = source_objection(change, sources)
        if objection is not None:
            return False, f"{change.change_id}: {objection}."
    needed = sorted({name for change in changes for name in change.needs})
    return True, f"Every source behind the changes is complete ({', '.join(sources[name].name for name in needed) or 'none'})."


def _share(changes: Sequence[Change], limits: Limits, record_counts: Mapping[tuple[str, str], int] | None) -> tuple[bool, str]:
    most, minimum = limits.number("max_share_of_records"), limits.number("max_share_minimum")
    touched: dict[tuple[str, str], set[str]] = defaultdict(set)
    for change in changes:
        touched[change.system, change.object].add(change.record_id or change.change_id)
    for (system, kind), records in sorted(touched.items()):
        if len(records) < minimum:
            continue
        total = (record_counts or {}).get((system, kind))
        if total is None:
            raise GuardUnevaluable(f"the snapshot does not say how many {kind} there are in {system}; run `handoff sync`")
        if len(records) > most * total:
            return False, (
                f"{len(records)} of {total} {system} {kind} would be touched, more than the share {most} (max_share_of_records in "
                f"{_WHERE}). See whether a rule is wrong; if not, plan fewer with --max."
            )
    return True, f"No kind of record is touched beyond the share {most}, or only fewer than {minimum} of it."


def _expiry(limits: Limits) -> tuple[bool, str]:
    hours = limits.number("plan_valid_hours")
    if hours == 0:
        return False, f"plan_valid_hours is 0 in {_WHERE}, so a plan expires at once."
    return True, f"The plan may be applied within {hours} hours."


def age_state(source: SourceState, max_age_hours: Decimal | None, now: datetime) -> SourceState:
    """Return the source as stale when its last complete load is older than its own limit; 0 or None means it does not age."""
    if source.status != "complete" or not max_age_hours or source.last_complete_at is None:
        return source
    age = now - datetime.fromisoformat(source.last_complete_at)
    if age <= timedelta(hours=float(max_age_hours)):
        return source
    return SourceState(source.source, source.name, "stale", source.last_complete_at, source.is_sandbox)
