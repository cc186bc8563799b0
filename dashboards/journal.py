"""What the ledger says about plans, changes and decisions, in the shapes that pages show."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.actions.approvals import approvals_of, open_demands
from pipelines.actions.closing import PHASE as CHECK_PHASE
from pipelines.actions.closing import VERIFIED
from pipelines.actions.refusals import PlanRefused
from pipelines.actions.settling import WRITTEN
from pipelines.actions.store import PlanLife, PlanState, PlanUnusable, lives_of, seal_on
from pipelines.ledger import Ledger
from pipelines.rules import load_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dashboards.parts import Board
    from dashboards.queries import Row
    from pipelines.actions.approvals import Approval
    from pipelines.actions.plan import StoredPlan
    from pipelines.actions.records import Plan


@dataclass(frozen=True)
class PlanRecord:
    """Everything that the ledger holds about one plan."""

    life: PlanLife = field(default_factory=PlanLife)
    approvals: list[Approval] = field(default_factory=list)
    demands: list[str] = field(default_factory=list)
    results: dict[str, Row] = field(default_factory=dict)  # by change id, with ``live``
    checks: dict[str, Row] = field(default_factory=dict)  # by change id, with ``load_id`` and ``seen_value``
    is_written: bool = False

    @property
    def approved_ids(self) -> frozenset[str]:
        """The changes that somebody approved."""
        return frozenset().union(*(approval.change_ids for approval in self.approvals))


def _read(board: Board, read: Callable[[Ledger], Any], nothing: Any) -> Any:
    ledger = Ledger.existing(board.settings.handoff_home)
    if ledger is None:
        return nothing
    with ledger:
        return read(ledger)


def details_of(row: Row) -> dict[str, Any]:
    """Return the details of a row; one that somebody altered has none."""
    try:
        content = json.loads(row["details"] or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def plan_record(board: Board, stored: StoredPlan, plan: Plan) -> PlanRecord:
    """Return what the ledger holds about a stored plan."""

    def read(ledger: Ledger) -> PlanRecord:
        rows = ledger.change_rows(plan.plan_id)  # newest first
        approvals = _approvals(ledger, stored, board)
        return PlanRecord(
            life=lives_of(ledger).get(plan.plan_id, PlanLife()),
            approvals=approvals,
            demands=_demands(board, stored, plan, approvals),
            results=_newest(row for row in rows if row["phase"] == "result"),
            checks=_newest(row for row in rows if row["phase"] == CHECK_PHASE),
            is_written=any(row["phase"] == "outcome" and row["status"] in WRITTEN for row in rows),
        )

    record: PlanRecord = _read(board, read, PlanRecord())
    return record


def _approvals(ledger: Ledger, stored: StoredPlan, board: Board) -> list[Approval]:
    try:
        return approvals_of(ledger, stored.plan_id, seal_on(stored.path, board.settings.handoff_home))
    except PlanUnusable:
        return []


def _demands(board: Board, stored: StoredPlan, plan: Plan, approvals: list[Approval]) -> list[str]:
    if stored.state is not PlanState.open:
        return []
    try:
        return open_demands(plan, approvals, load_rules(board.settings.rules_dir))
    except PlanRefused as error:
        return [error.sentence]


def _newest(rows: Iterable[Row]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row["change_id"], row | details_of(row))
    return found


def check_words(check: Row | None) -> str:
    """Return what a later load found of a write: verified by which load, or what stands there instead."""
    if check is None:
        return ""
    if check["status"] == VERIFIED:
        return f"✓ verified by load {check.get('load_id') or 'of ' + str(check.get('run_id'))}"
    seen = check.get("seen_value")
    return f"! did not stick: {'it is empty' if not seen else f'it holds {seen}'}"


def history(board: Board, limit: int) -> list[Row]:
    """Return what came of each change, newest first, each with what a later load found of it."""

    def read(ledger: Ledger) -> list[Row]:
        checks: dict[tuple[str, str], Row] = {}
        for row in ledger.change_rows(phase=CHECK_PHASE):
            checks.setdefault((row["plan_id"], row["change_id"]), row | details_of(row))
        # the ledger does not repeat the finding and the recipe of a change
        return [
            {"finding_id": "", "recipe": "", **row, **details_of(row)}
            | {"check": check_words(checks.get((row["plan_id"], row["change_id"])))}
            for row in ledger.change_rows(phase="result", limit=limit)
        ]

    rows: list[Row] = _read(board, read, [])
    return rows


def pending_decisions(board: Board) -> dict[str, Row]:
    """Return the last decision about each finding that the latest snapshot does not know of yet, by finding."""
    if not board.is_latest:
        return {}

    def read(ledger: Ledger) -> dict[str, Row]:
        last: dict[str, Row] = {}
        for row in ledger.decision_rows():  # newest first
            last.setdefault(row["finding_id"], row)
        return last

    began = board.run["started_at"]
    decisions: dict[str, Row] = _read(board, read, {})
    return {finding_id: row for finding_id, row in decisions.items() if datetime.fromisoformat(row["at"]) > began}
