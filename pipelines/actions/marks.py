"""Grace marks: a fix is marked when it is first called for, and proposed some days later, only if it is still called for then.

Which fixes wait, and how long, are rows of ``rule_grace.csv`` (recipe, rule, days). Each sync records in the ledger what is called for
now (``marked``) and what is no longer (``unmarked``). A mark is not lifted while a source has not loaded completely: that nothing is
found then says nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.actions.records import Change, change_from_row
from pipelines.ledger import Ledger
from pipelines.warehouse import open_current

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pipelines.rules import Rules

MARKED: Final = "marked"
UNMARKED: Final = "unmarked"
TABLE: Final = "rule_grace"


@dataclass(frozen=True)
class Grace:
    """How long each fix waits, and since when those that are called for are marked."""

    days: dict[tuple[str, str], int]
    marked_on: dict[str, date]

    def objection(self, change: Change, as_of: date | None) -> str | None:
        """Return why a change is not proposed yet; None when its time has come, or when it need not wait."""
        days = self.days.get((change.recipe, change.rule_id))
        if not days:
            return None
        since = self.marked_on.get(change.change_id)
        if since is None:
            return f"it waits for {days} days ({TABLE}.csv), and no sync has marked it yet"
        due = since + timedelta(days=days)
        if as_of is None or as_of < due:
            return f"it is marked since {since} and is proposed from {due} on, if it is still called for then"
        return None


def grace_of(rules: Rules, ledger: Ledger | None) -> Grace:
    """Return the days of ``rule_grace.csv`` and the marks of the ledger."""
    days = {(row["recipe"], row["rule_id"]): int(row["grace_days"]) for row in rules.table(TABLE)}
    return Grace(days, _marks(ledger) if ledger is not None else {})


def grace_in(home: Path, rules: Rules) -> Grace:
    """Return the grace of this home, whether or not it has a ledger."""
    ledger = Ledger.existing(home)
    if ledger is None:
        return grace_of(rules, None)
    with ledger:
        return grace_of(rules, ledger)


def record_marks(home: Path, rules: Rules, ledger: Ledger, *, at: datetime) -> None:
    """Record what the snapshot that was just published calls for, and what it no longer calls for."""
    snapshot = open_current(home)
    try:
        note_marks(snapshot.rows, rules, ledger, at=at)
    finally:
        snapshot.close()


def note_marks(query: Callable[[str], list[dict[str, Any]]], rules: Rules, ledger: Ledger, *, at: datetime) -> None:
    """Record marks from the answers of a snapshot to ``query``."""
    grace = grace_of(rules, ledger)
    [run] = query("select as_of_on from ops.run")
    rows = query("select * from actions.act_changes order by change_id")
    called_for = {change.change_id: change for change in map(change_from_row, rows)}
    waiting = {name: change for name, change in called_for.items() if grace.days.get((change.recipe, change.rule_id))}
    for change_id, change in waiting.items():
        if change_id not in grace.marked_on:
            ledger.record_event(
                MARKED, change_id, f"Called for since today: {change.reason}", at=at, details={"as_of_on": str(run["as_of_on"])}
            )
    if any(row["status"] != "complete" for row in query("select status from ops.source_status")):
        return
    for change_id in sorted(grace.marked_on.keys() - waiting.keys()):
        ledger.record_event(UNMARKED, change_id, "No longer called for.", at=at)


def _marks(ledger: Ledger) -> dict[str, date]:
    """Return since when each mark that was not lifted stands."""
    marked: dict[str, date] = {}
    for row in reversed(ledger.event_rows()):  # oldest first
        if row["kind"] == UNMARKED:
            marked.pop(row["subject"], None)
        elif row["kind"] == MARKED:
            try:
                marked.setdefault(row["subject"], date.fromisoformat(json.loads(row["details"])["as_of_on"]))
            except (ValueError, KeyError, TypeError):
                continue  # somebody altered the row: `handoff audit verify` names it, and the fix waits
    return marked
