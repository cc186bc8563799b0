"""Changes, plans and results as plain data, and how they are spelled in JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# The value of a field that a change before this one creates: {created:<change id>.url}
_CREATED: Final = re.compile(r"\{created:(?P<change_id>[^{}]+)\.url\}")
PLAN_FORMAT: Final = 2
# The recipe of a change that takes another one back
UNDO: Final = "undo"


class Policy(StrEnum):
    """What the target must hold for a change to be proposed."""

    if_empty = "if_empty"
    if_equal_before = "if_equal_before"


@dataclass(frozen=True)
class Fact:
    """A value that a change rests on, as the snapshot has it; ``value`` None: only that the record is there."""

    system: str
    object: str
    record_id: str
    field: str
    value: str | None = None


@dataclass(frozen=True)
class Change:
    """One change at one vendor: a field of a record, or a record that is to be created (``record_id`` is None).

    ``before`` and ``after`` are the vendor's own spelling of the value; ``after`` of a creation is a JSON object of canonical
    fields and values.
    """

    change_id: str
    finding_id: str
    recipe: str
    system: str
    object: str
    record_id: str | None
    field: str | None
    before: str | None
    after: str
    policy: str
    reason: str
    risk: str
    is_reversible: bool
    natural_key: str | None
    depends_on: str | None
    record_url: str | None
    needs: tuple[str, ...]
    as_of_on: str | None
    rests_on: tuple[Fact, ...] = ()

    @property
    def is_creation(self) -> bool:
        """Whether the record does not exist yet."""
        return self.record_id is None

    @property
    def is_undo(self) -> bool:
        """Whether it takes back what an earlier plan wrote."""
        return self.recipe == UNDO

    @property
    def rule_id(self) -> str:
        """The rule whose finding this change mends."""
        return self.finding_id.split(":", 1)[0]

    @property
    def values(self) -> dict[str, str]:
        """Canonical field and value of everything that this change writes; empty values are left out."""
        if not self.is_creation:
            return {self.field or "": self.after}
        content = json.loads(self.after)
        if not isinstance(content, dict):
            raise TypeError(f"{self.change_id}: what is to be created is not a JSON object")
        return {name: str(value) for name, value in content.items() if not is_blank(value)}

    @property
    def written_fields(self) -> list[str]:
        """Everything that this change writes as ``system.object.field``; which other record a label leads to is left out."""
        return [f"{self.system}.{self.object}.{name.partition(':')[0]}" for name in self.values]

    @property
    def created_ids(self) -> list[str]:
        """The creations whose address this change carries."""
        return _CREATED.findall(self.after)

    def with_created(self, urls: dict[str, str]) -> Change:
        """Return the change with the addresses of created records in place; those not in ``urls`` stay as they are."""

        def address(match: re.Match[str]) -> str:
            return urls.get(match["change_id"], match[0])

        return replace(self, after=_CREATED.sub(address, self.after))


def is_created_address(value: str) -> bool:
    """Return whether a value stands for the address of a record that a change before this one creates."""
    return _CREATED.fullmatch(value) is not None


def is_blank(value: object) -> bool:
    """Return whether a vendor's value is no value: vendors send null, empty text and nothing at all for the same thing."""
    return value is None or (isinstance(value, str) and not value.strip())


def same(one: str | None, other: str | None) -> bool:
    """Return whether two values of a field are the same; every kind of blank is equal."""
    if is_blank(one) or is_blank(other):
        return is_blank(one) and is_blank(other)
    return one == other


def plain_number(text: str) -> str:
    """Return a number in its one spelling: ``24000.00`` and ``24000`` are both ``24000``; what is no number stays as it is."""
    return re.sub(r"(\.\d*?)0+$", r"\1", text).rstrip(".") if re.fullmatch(r"-?\d+\.\d*", text) else text


def change_from_row(row: dict[str, Any]) -> Change:
    """Return a row of ``actions.act_changes`` as a change."""

    def text(name: str) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)

    return Change(
        change_id=str(row["change_id"]),
        finding_id=str(row["finding_id"]),
        recipe=str(row["recipe"]),
        system=str(row["system"]),
        object=str(row["object"]),
        record_id=text("record_id"),
        field=text("field"),
        before=text("before"),
        after=text("after") or "",
        policy=text("policy") or Policy.if_empty,
        reason=text("reason") or "",
        risk=text("risk") or "high",
        is_reversible=bool(row.get("is_reversible")),
        natural_key=text("natural_key"),
        depends_on=text("depends_on"),
        record_url=text("record_url"),
        needs=tuple(name for name in (text("needs") or "").split(";") if name),
        as_of_on=text("as_of_on"),
    )


def change_from_json(content: dict[str, Any]) -> Change:
    """Return a change as :func:`dataclasses.asdict` spelled it."""
    facts = tuple(Fact(**fact) for fact in content.get("rests_on") or ())
    return Change(**{**content, "needs": tuple(content["needs"]), "rests_on": facts})


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Return the changes by id, each followed by those that depend on it. What waits for itself comes last; apply skips it."""
    by_id = sorted(changes, key=lambda change: change.change_id)
    known = {change.change_id for change in by_id}
    ordered: dict[str, Change] = {}

    def place(change: Change) -> None:
        if change.change_id in ordered:
            return
        ordered[change.change_id] = change
        for child in by_id:
            if child.depends_on == change.change_id:
                place(child)

    for change in by_id:
        if change.depends_on is None or change.depends_on not in known:
            place(change)
    for change in by_id:
        place(change)
    return list(ordered.values())


@dataclass(frozen=True)
class HeldBack:
    """A change that is not proposed, and why."""

    change: Change
    why: str


@dataclass(frozen=True)
class SourceState:
    """How fresh a source was in the snapshot that the plan rests on."""

    source: str
    name: str
    status: str
    last_complete_at: str | None
    is_sandbox: bool


@dataclass(frozen=True)
class Place:
    """Where a vendor's changes go: the portal, base or organisation. A plan for one is refused at another."""

    system: str
    kind: str
    identity: str
    is_sandbox: bool

    @property
    def words(self) -> str:
        """The place as people call it."""
        return f"{self.kind} {self.identity}{' (SANDBOX)' if self.is_sandbox else ''}"


class GuardStatus(StrEnum):
    """What a guard says. One that could not be evaluated stops a plan like one that tripped."""

    passed = "passed"
    tripped = "tripped"
    unevaluable = "unevaluable"


@dataclass(frozen=True)
class GuardResult:
    """One guard and its sentence."""

    guard: str
    status: GuardStatus
    sentence: str


@dataclass(frozen=True)
class Plan:
    """An exact list of changes, what it rests on, and until when it may be applied."""

    plan_id: str
    created_at: datetime
    expires_at: datetime
    run_id: str
    as_of_on: str | None
    rules_profile: str
    proposer: str | None
    sources: list[SourceState]
    places: list[Place]
    guards: list[GuardResult]
    changes: list[Change]
    held_back: list[HeldBack] = field(default_factory=list)
    equal_already: int = 0
    left_for_later: int = 0
    undoes: str | None = None  # the plan whose writes it takes back

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.changes

    @property
    def stopping_guards(self) -> list[GuardResult]:
        """The guards that keep this plan from being applied."""
        return [guard for guard in self.guards if guard.status is not GuardStatus.passed]

    @property
    def is_sandbox(self) -> bool:
        """Whether any of it goes to the sandbox."""
        return any(place.is_sandbox for place in self.places)

    @property
    def exit_code(self) -> int:
        """The exit code of ``handoff plan``: 0 nothing to do, 2 changes."""
        return 0 if self.is_empty else 2


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as what is sealed and stored."""
    content = asdict(plan)
    for name in ("created_at", "expires_at"):
        content[name] = content[name].isoformat()
    for change in [*content["changes"], *(held["change"] for held in content["held_back"])]:
        change["needs"] = list(change["needs"])
    content["guards"] = [{**guard, "status": str(guard["status"])} for guard in content["guards"]]
    return {"format": PLAN_FORMAT, **content}


def plan_from_json(content: dict[str, Any]) -> Plan:
    """Return a stored plan. Raises KeyError, TypeError or ValueError when it is not one."""
    if content["format"] != PLAN_FORMAT:
        raise ValueError(f"a plan of format {content['format']!r}")
    known = {name: value for name, value in content.items() if name != "format"}
    return Plan(
        **{
            **known,
            "created_at": datetime.fromisoformat(content["created_at"]),
            "expires_at": datetime.fromisoformat(content["expires_at"]),
            "sources": [SourceState(**source) for source in content["sources"]],
            "places": [Place(**place) for place in content["places"]],
            "guards": [GuardResult(g["guard"], GuardStatus(g["status"]), g["sentence"]) for g in content["guards"]],
            "changes": [change_from_json(change) for change in content["changes"]],
            "held_back": [HeldBack(change_from_json(held["change"]), held["why"]) for held in content["held_back"]],
        }
    )


class Status(StrEnum):
    """What came of one change."""

    applied = "applied"  # written, and read back as written
    already = "already"  # the vendor held it before we wrote
    conflict = "conflict"  # somebody changed the target since the plan; left alone
    failed = "failed"  # the vendor refused, or a read shows that nothing was written
    did_not_stick = "did_not_stick"  # the vendor accepted it and holds something else
    unknown = "unknown"  # sent, and the vendor cannot be read: the next apply settles it
    skipped = "skipped"  # not tried: what it depends on is missing, or its vendor refuses everything
    left_out = "left_out"  # not tried: somebody approved other changes of the plan
    would_write = "would_write"  # of a rehearsal: this would be written


_GOOD: Final = frozenset({Status.applied, Status.already, Status.left_out, Status.would_write})


@dataclass(frozen=True)
class ChangeResult:
    """What came of one change, with the sentence for the screen and the ledger."""

    change: Change
    status: Status
    sentence: str
    url: str | None = None
    live: str | None = None  # what the target held where the change was left alone, or would be written


@dataclass(frozen=True)
class ApplyResult:
    """What an apply did. ``refused`` says why nothing was begun; it is None when the plan was carried out."""

    plan_id: str | None
    operator: str
    results: list[ChangeResult] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)  # what became clear about an apply that was interrupted
    refused: str | None = None
    duration: timedelta = timedelta(0)
    is_rehearsal: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many changes ended in each status; every status is there."""
        counted = Counter(result.status for result in self.results)
        return {status.value: counted[status] for status in Status}

    @property
    def exit_code(self) -> int:
        """The exit code of ``handoff apply``: 0 all applied or already so, 3 some not, 1 refused."""
        if self.refused is not None:
            return 1
        return 0 if all(result.status in _GOOD for result in self.results) else 3
