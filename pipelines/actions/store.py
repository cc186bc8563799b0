"""Seals, stores, finds and lists plans: files of ``HANDOFF_HOME/plans``, and what the ledger knows of each one's life."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipelines import clock
from pipelines.actions.records import Plan, plan_from_json, plan_to_json
from pipelines.actions.seal import KEY_FILE, fits, home_key, seal_of
from pipelines.decisions import author
from pipelines.errors import HandoffError
from pipelines.ledger import Ledger
from pipelines.warehouse import make_private_folder, write_bytes_durably

if TYPE_CHECKING:
    from datetime import datetime

FOLDER: Final = "plans"
_BEGUN: Final = ".begun"
_PURPOSE: Final = "plan"


class PlanUnusable(HandoffError):
    """A plan file is missing, edited, or not one of this home."""


def save_plan(plan: Plan, home: Path) -> Path:
    """Seal the plan and store it, readable by this user only; the ledger records that it was made."""
    key = home_key(home)
    content = plan_to_json(plan)
    seal = seal_of(key, _PURPOSE, content)
    path = make_private_folder(home / FOLDER) / f"{plan.plan_id}.json"
    write_bytes_durably(
        path, json.dumps({**content, "seal": seal}, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")
    )
    with Ledger.open(home) as ledger:
        ledger.record_plan(
            plan.plan_id,
            "made",
            at=plan.created_at,
            actor=plan.proposer,
            run_id=plan.run_id,
            seal_of_plan=seal,
            details={"changes": len(plan.changes), "held_back": len(plan.held_back), "user": author(None)},
        )
    return path


def load_plan(path: Path, home: Path | None = None) -> Plan:
    """Return a stored plan whose seal fits. ``home`` is the folder above ``plans/`` unless given. Raises PlanUnusable."""
    return _read_sealed(path, home or path.resolve().parent.parent)[0]


def seal_on(path: Path, home: Path) -> str:
    """Return the seal of a stored plan, once it fits. Raises PlanUnusable."""
    return _read_sealed(path, home)[1]


def _read_sealed(path: Path, home: Path) -> tuple[Plan, str]:
    again = "Make a new one with `handoff plan`."
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PlanUnusable(f"There is no plan {path}. `handoff plan` makes one and prints its name.") from error
    except (OSError, ValueError) as error:
        raise PlanUnusable(f"{path} cannot be read as a plan ({error}). {again}") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("seal"), str):
        raise PlanUnusable(f"{path} is not a sealed plan. {again}")
    content = {name: value for name, value in stored.items() if name != "seal"}
    if not (home / KEY_FILE).exists():
        raise PlanUnusable(f"{home} has no {KEY_FILE}, so the seal of {path.name} cannot be checked. {again}")
    if not fits(home_key(home), _PURPOSE, content, stored["seal"]):
        raise PlanUnusable(
            f"{path} was edited after it was made, or made in another HANDOFF_HOME: its seal does not fit. {again}"
        )
    try:
        return plan_from_json(content), stored["seal"]
    except (KeyError, TypeError, ValueError) as error:
        raise PlanUnusable(f"{path} was made by another version of handoff ({error}). {again}") from error


def mark_begun(path: Path) -> None:
    """Put a mark beside a plan whose apply begins, so that a ledger that is older than the plan is noticed. It is on the disk then."""
    write_bytes_durably(path.with_suffix(_BEGUN), b"")


def refuse_forgotten(path: Path, life: PlanLife) -> None:
    """Raise PlanUnusable when an apply of the plan began and the ledger does not know it."""
    if path.with_suffix(_BEGUN).exists() and not life.is_begun:
        raise PlanUnusable(
            f"An apply of {path.stem} began, and the ledger does not know it: the ledger is an older copy, or a new one. Put back the newest "
            "ledger that there is, or make a new plan with `handoff plan`, which compares it with what the vendors hold now."
        )


def forgotten_plans(home: Path, ledger: Ledger | None) -> list[str]:
    """Return the plans that may still be applied and whose apply the ledger has forgotten."""
    lives = {} if ledger is None else lives_of(ledger)
    return [
        stored.plan_id
        for stored in list_plans(home)
        if stored.state is PlanState.open
        and stored.path.with_suffix(_BEGUN).exists()
        and not lives.get(stored.plan_id, PlanLife()).is_begun
    ]


class PlanState(StrEnum):
    """Where a plan is in its one life."""

    open = "open"
    used = "used"  # an apply began and did not end; `apply` finishes it
    applied = "applied"
    expired = "expired"
    unusable = "unusable"  # edited, or of another home or version


@dataclass(frozen=True)
class StoredPlan:
    """One file of ``plans/``. ``plan`` is None when it cannot be used; ``problem`` then says why."""

    plan_id: str
    path: Path
    state: PlanState
    plan: Plan | None
    problem: str | None = None
    operator: str | None = None
    outcome: str | None = None


def list_plans(home: Path, *, now: datetime | None = None) -> list[StoredPlan]:
    """Return the stored plans, newest first, each with its state."""
    folder = home / FOLDER
    if not folder.is_dir():
        return []
    moment = now or clock.now()
    lives = plan_lives(home)
    plans = [_stored(path, home, moment, lives) for path in sorted(folder.glob("plan-*.json"), reverse=True)]
    return sorted(plans, key=lambda stored: stored.plan.created_at.isoformat() if stored.plan else stored.plan_id, reverse=True)


@dataclass(frozen=True)
class PlanLife:
    """What the ledger knows of one plan."""

    is_begun: bool = False
    is_ended: bool = False
    operator: str | None = None
    outcome: str | None = None


def plan_lives(home: Path) -> dict[str, PlanLife]:
    """Return what the ledger of ``home`` knows of each plan."""
    ledger = Ledger.existing(home)
    if ledger is None:
        return {}
    with ledger:
        return lives_of(ledger)


def lives_of(ledger: Ledger) -> dict[str, PlanLife]:
    """Return what the ledger knows of each plan."""
    lives: dict[str, PlanLife] = {}
    for row in ledger.plan_rows():
        life = lives.get(row["plan_id"], PlanLife())
        if row["phase"] == "apply_started":
            life = replace(life, is_begun=True, operator=row["actor"])
        elif row["phase"] == "apply_finished":
            life = replace(life, is_ended=True, outcome=row["outcome"])
        lives[row["plan_id"]] = life
    return lives


def state_of(plan: Plan, life: PlanLife, now: datetime) -> PlanState:
    """Return where ``plan`` is in its one life."""
    if life.is_ended:
        return PlanState.applied
    if now >= plan.expires_at:
        return PlanState.expired
    return PlanState.used if life.is_begun else PlanState.open


def _stored(path: Path, home: Path, now: datetime, lives: dict[str, PlanLife]) -> StoredPlan:
    try:
        plan = load_plan(path, home)
    except PlanUnusable as error:
        return StoredPlan(path.stem, path, PlanState.unusable, None, error.sentence)
    life = lives.get(plan.plan_id, PlanLife())
    return StoredPlan(plan.plan_id, path, state_of(plan, life, now), plan, None, life.operator, life.outcome)


def find_plan(name: str, home: Path) -> Path:
    """Return the file of a plan by its id, its path, or ``latest`` for the newest. Raises PlanUnusable."""
    if name == "latest":
        newest = list_plans(home)
        if not newest:
            raise PlanUnusable(f"There is no plan in {home / FOLDER} yet. `handoff plan` makes one.")
        return newest[0].path
    by_id = home / FOLDER / f"{name}.json"
    if Path(name).name == name and by_id.exists():
        return by_id
    path = Path(name)
    if path.is_file():
        return path
    raise PlanUnusable(f"There is no plan {name!r} in {home / FOLDER}. `handoff plan` makes one and prints its name.")
