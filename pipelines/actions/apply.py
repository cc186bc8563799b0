"""Carries out a sealed plan: each target is read again, written once, and read back; every step is in the ledger first.

    refuse     a seal that does not fit, an expired or used plan, another portal, base or organisation, a guard, a missing token,
               a person without the role, a risk that nobody approved
    settle     what an interrupted apply left open: the vendor is read, nothing is resent
    each change, in order:
        read   equal already -> already; differs from what the plan saw -> conflict, left alone
        intent committed to the ledger and on the disk, then the request, sent once
        read   applied, or did_not_stick; an answer that was lost is settled by this read

A creation is looked for by its natural key first, and carries that key as its marker; what depends on a change that was not made
is skipped.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from pipelines import clock, warehouse
from pipelines.actions import guards
from pipelines.actions.approvals import approvals_of, left_out, refuse_without_approval
from pipelines.actions.basis import Basis
from pipelines.actions.opening import OpenTargets, Targets
from pipelines.actions.records import ApplyResult, Change, ChangeResult, Plan, Status, same
from pipelines.actions.refusals import refuse_altered_ledger, refuse_by_guards, refuse_by_life, refuse_by_place
from pipelines.actions.roles import Role, require
from pipelines.actions.settling import ACKNOWLEDGED, SETTLED_WRITTEN, WRITTEN, Journal, settle
from pipelines.actions.store import PlanLife, lives_of, load_plan, mark_begun, refuse_forgotten, seal_on
from pipelines.actions.target import Reading, words_about
from pipelines.decisions import author
from pipelines.errors import Forbidden, HandoffError, HostRefused, NotFound, RateLimited, Refused, Unauthorized, VendorError
from pipelines.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from pipelines.actions.target import Target, Write
    from pipelines.ledger import Ledger
    from pipelines.progress import Progress
    from pipelines.rules import Rules
    from pipelines.settings import Settings

# Vendors answer a read with the old value for a moment after a write; the waits between the reads that look for the new one.
_READ_BACK_WAITS: Final = (0.0, 0.3, 1.0, 2.0)
# The vendor has said no: nothing was written, and waiting will not show otherwise.
_REFUSALS: Final = (Unauthorized, Forbidden, NotFound, RateLimited, Refused, HostRefused)
# These mean the same for every other change at this vendor.
_HOPELESS: Final = (Unauthorized, Forbidden)
# A write that met a limit was not written; the limit lifts within this time, or it is one that lasts.
_AFTER_LIMIT_SECONDS: Final = 30.0
# No change needs more requests than this; a vendor that asks for more is not doing what it is told.
_MOST_WRITES: Final = 5


def apply_plan(
    path: Path,
    settings: Settings,
    rules: Rules,
    ledger: Ledger,
    *,
    now: datetime,
    operator: str,
    progress: Progress | None = None,
    sandbox_url: str | None = None,
    targets: Targets | None = None,
    lock: AbstractContextManager[None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> ApplyResult:
    """Carry out the plan in ``path``; the result says what came of each change, or why the plan was refused.

    Raises Locked when another process of this home is syncing or applying. An apply that was killed is finished by applying the
    same plan again, as long as it has not expired.
    """
    home = settings.handoff_home
    held = lock or warehouse.run_lock(home, what=f"handoff apply {path.stem}", started_at=now)
    with held:
        opened = OpenTargets(settings, rules, sandbox_url, may_write=True)
        # what a change rests on may lie at a vendor that nothing is written to, and needs no keys for writing
        readers = OpenTargets(settings, rules, sandbox_url, may_write=False)
        basis = Basis(targets or readers, rules)
        run = _Applying(Journal(ledger, operator), targets or opened, basis, progress or SilentProgress(), sleep)
        plan_id = path.stem
        try:
            require(rules, operator, Role.operator)
            refuse_altered_ledger(ledger)
            run.settled += settle(
                run.journal,
                run.targets,
                lambda: closing(OpenTargets(settings, rules, sandbox_url, may_write=False)),
                delay=partial(guards.settle_delay, guards.Limits.of(rules)),
                sleep=sleep,
            )
            plan, seal = load_plan(path, home), seal_on(path, home)
            plan_id = plan.plan_id
            life = lives_of(ledger).get(plan_id, PlanLife())
            refuse_forgotten(path, life)
            refuse_by_life(plan, life, now)
            refuse_by_guards(plan, rules)
            approvals = approvals_of(ledger, plan_id, seal)
            refuse_without_approval(plan, approvals, rules)
            run.left_out = left_out(plan, approvals)
            refuse_by_place(plan, run.targets)
        except HandoffError as error:
            ledger.record_event("apply_refused", plan_id, error.sentence, at=clock.now(), actor=operator)
            return ApplyResult(plan_id, operator, settled=run.settled, refused=error.sentence)
        else:
            return _carry_out(run, path, plan, seal, life)
        finally:
            for vendors in (opened, readers):
                vendors.close()


# Carrying out ----------------------------------------------------------------------------------------------------------------


@dataclass
class _Applying:
    """What the steps of one apply share."""

    journal: Journal
    targets: Targets
    basis: Basis
    progress: Progress
    sleep: Callable[[float], None]
    settled: list[str] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)
    done: dict[str, Status] = field(default_factory=dict)
    written_before: frozenset[str] = frozenset()  # changes that an interrupted apply of this plan has written
    left_out: frozenset[str] = frozenset()  # changes that the approver did not choose
    limited: set[str] = field(default_factory=set)  # vendors that have refused a write because of their limits
    hopeless: dict[str, str] = field(default_factory=dict)  # vendors that refuse everything, with their sentence


def _carry_out(run: _Applying, path: Path, plan: Plan, seal: str, life: PlanLife) -> ApplyResult:
    began = clock.now()
    run.journal.ledger.record_plan(
        plan.plan_id,
        "apply_started",
        at=began,
        actor=run.journal.operator,
        run_id=plan.run_id,
        seal_of_plan=seal,
        outcome="continued" if life.is_begun else None,
        details={"user": author(None)},
    )
    mark_begun(path)
    if life.is_begun:
        run.written_before = _written_before(run.journal.ledger, plan.plan_id)
    results: list[ChangeResult] = []
    for number, change in enumerate(plan.changes, start=1):
        run.progress.step(f"Writing {number} of {len(plan.changes)}: {change.change_id}")
        result = _one(run, plan, change)
        run.done[change.change_id] = result.status
        if result.url is not None and result.status in {Status.applied, Status.already}:
            run.urls[change.change_id] = result.url
        run.journal.record(
            plan.plan_id,
            result.change,
            "result",
            status=result.status.value,
            sentence=result.sentence,
            details={"url": result.url} | ({} if result.live is None else {"live": result.live}),
        )
        results.append(result)
    applied = ApplyResult(plan.plan_id, run.journal.operator, results, run.settled, duration=clock.now() - began)
    run.journal.ledger.record_plan(
        plan.plan_id,
        "apply_finished",
        at=clock.now(),
        actor=run.journal.operator,
        run_id=plan.run_id,
        outcome="complete" if applied.exit_code == 0 else "partial",
        details=applied.counts,
    )
    return applied


def _written_before(ledger: Ledger, plan_id: str) -> frozenset[str]:
    """Return the changes of a plan that an earlier, interrupted apply of it has written."""
    rows = ledger.change_rows(plan_id, phase="outcome")
    return frozenset(row["change_id"] for row in rows if row["status"] in WRITTEN)


def _one(run: _Applying, plan: Plan, planned: Change) -> ChangeResult:
    """Carry out one change."""
    if planned.change_id in run.left_out:
        return ChangeResult(planned, Status.left_out, "It was not among what was approved; nothing was sent.")
    parent = planned.depends_on
    if parent is not None and run.done.get(parent, Status.applied) not in {Status.applied, Status.already}:
        return ChangeResult(planned, Status.skipped, f"It needs {parent}, which was not made. Mend that, then plan again.")
    change = planned.with_created(run.urls)
    if change.created_ids:
        missing = ", ".join(change.created_ids)
        return ChangeResult(change, Status.skipped, f"The address of {missing} is not known. Sync, then plan again.")
    if change.system in run.hopeless:
        return ChangeResult(change, Status.skipped, f"Not tried: {run.hopeless[change.system]}")
    target = run.targets.target(change.system)
    try:
        reading = target.read(change)
    except VendorError as error:
        run.hopeless[change.system] = words_about(error)
        return ChangeResult(
            change, Status.failed, f"Nothing was written, because the target could not be read. {words_about(error)}"
        )
    refusal = before_writing(change, reading, target, run.written_before) or basis_gone(change, run.basis)
    return refusal or _write(run, plan, change, target, reading)


def basis_gone(change: Change, basis: Basis) -> ChangeResult | None:
    """Return the result of a change that is not to be written because what it rests on is no longer so."""
    try:
        gone = basis.objection(change, "when planned")
    except VendorError as error:
        return ChangeResult(
            change, Status.failed, f"Nothing was written, because what it rests on could not be read. {words_about(error)}"
        )
    if gone is None:
        return None
    return ChangeResult(change, Status.conflict, f"Left alone: {gone}. Sync, then plan again.", change.record_url)


def before_writing(
    change: Change, reading: Reading, target: Target, written_before: frozenset[str] = frozenset()
) -> ChangeResult | None:
    """Return the result of a change that is not to be written: it is so already, or somebody was there first.

    ``written_before`` are the changes that an interrupted apply of the same plan has written.
    """
    if reading.obstacle is not None:
        return ChangeResult(change, Status.conflict, f"Left alone: {reading.obstacle}.", reading.url)
    if target.next_write(change, reading) is None:
        if change.change_id in written_before:
            return ChangeResult(change, Status.applied, "Written before the interruption, and read back now.", reading.url)
        by = f", set {reading.changed_by}" if reading.changed_by else ""
        return ChangeResult(change, Status.already, f"The vendor holds this already{by}; nothing was sent.", reading.url)
    if not change.is_creation and not same(reading.value, change.before):
        by = f", set {reading.changed_by}" if reading.changed_by else "; the vendor does not say by whom"
        sentence = (
            f"Left alone: it held {change.before!r} when planned and holds {reading.value!r} now{by}. Sync, then plan again."
        )
        return ChangeResult(change, Status.conflict, sentence, reading.url, live=reading.value or "")
    return None


def _write(run: _Applying, plan: Plan, change: Change, target: Target, reading: Reading) -> ChangeResult:
    """Send what is missing, each request once, until the target is as the change wants it."""
    for _ in range(_MOST_WRITES):
        write = target.next_write(change, reading)
        if write is None:
            break
        sent = _send(run, plan, change, target, write)
        if sent.result is not None:
            return sent.result
        reading = sent.reading
    difference = target.difference(change, reading)
    if difference is not None:
        sentence = f"The vendor accepted this, and now {difference}. Look at its automations, then plan again."
        return ChangeResult(change, Status.did_not_stick, sentence, reading.url)
    return ChangeResult(change, Status.applied, "Written and read back.", reading.url)


@dataclass(frozen=True)
class _Sent:
    """A request that was sent: the state read back after it, or the result when the change ends here."""

    reading: Reading
    result: ChangeResult | None = None


def _send(run: _Applying, plan: Plan, change: Change, target: Target, write: Write) -> _Sent:
    """Journal the intent, send one request once, and read back what became of it."""
    attempt_id = f"{plan.plan_id}:{change.change_id}:{write.number}:{token_hex(4)}"
    place = next(place for place in plan.places if place.system == change.system)
    run.journal.record(
        plan.plan_id,
        change,
        "intent",
        attempt_id=attempt_id,
        step=write.step,
        details={
            "change": {**asdict(change), "needs": list(change.needs)},
            "number": write.number,
            "request": f"{write.method} {write.path}",
            "place": asdict(place),
        },
    )

    def outcome(status: str, sentence: str, answer_id: str | None = None) -> None:
        run.journal.record(
            plan.plan_id,
            change,
            "outcome",
            attempt_id=attempt_id,
            step=write.step,
            status=status,
            sentence=sentence,
            answer_id=answer_id,
        )

    failure: VendorError | None = None
    made_id = None
    try:
        answer = target.send(write)
    except VendorError as error:
        failure = error
        _note_refusal(run, change.system, error)
    else:
        made_id = answer.made_id
        outcome(ACKNOWLEDGED, "The vendor accepted it.", answer.answer_id)
    try:
        reading, following = _read_back(
            run, change, target, write, made_id, waits=(0.0,) if isinstance(failure, _REFUSALS) else _READ_BACK_WAITS
        )
    except VendorError as error:
        if failure is None:
            sentence = f"The vendor accepted it and could not be read afterwards. {words_about(error)} The next sync shows it."
        else:
            sentence = f"It is not known whether it was written: {words_about(failure)} The next `handoff apply` settles this by reading."
        return _Sent(Reading(), result=ChangeResult(change, Status.unknown, sentence))
    is_written = following is None or following.number > write.number
    if failure is not None:
        outcome(SETTLED_WRITTEN if is_written else "refused", words_about(failure))
        if not is_written:
            untouched = change.is_creation or same(reading.value, change.before)
            seen = "nothing was written" if untouched else f"the target holds {reading.value!r} now"
            sentence = f"{words_about(failure)} Reading shows that {seen}. Plan again to try again."
            return _Sent(reading, result=ChangeResult(change, Status.failed, sentence, reading.url))
    elif not is_written:
        difference = target.difference(change, reading) or "it is not there"
        sentence = f"The vendor accepted this, and now {difference}. Look at its automations, then plan again."
        return _Sent(reading, result=ChangeResult(change, Status.did_not_stick, sentence, reading.url))
    return _Sent(reading)


def _note_refusal(run: _Applying, system: str, error: VendorError) -> None:
    """Remember a refusal that holds for every change at this vendor; wait once for a limit to lift."""
    if isinstance(error, _HOPELESS) or (isinstance(error, RateLimited) and system in run.limited):
        run.hopeless[system] = words_about(error)
    elif isinstance(error, RateLimited):
        run.limited.add(system)
        run.sleep(_AFTER_LIMIT_SECONDS)


def _read_back(
    run: _Applying, change: Change, target: Target, write: Write, made_id: str | None, *, waits: tuple[float, ...]
) -> tuple[Reading, Write | None]:
    """Read until the write shows, or the waits are over. Returns the last reading and what is still missing then."""
    by_id = made_id if change.is_creation and write.number == 1 else None
    for wait in waits:
        if wait:
            run.sleep(wait)
        reading = target.read(change, by_id)
        if reading.obstacle is not None:
            return reading, write
        following = target.next_write(change, reading)
        if following is None or following.number > write.number:
            break
    return reading, following
