"""What people decide about findings: acknowledge, snooze, waive, or take that back.

A decision is a row of the ledger, with author, time, reason and a hash of what it was about. The next sync brings all of them into
the warehouse (``ops.decisions``), where ``fct_finding_states`` says what became of each finding. Nothing is written to a vendor.
"""

from __future__ import annotations

import difflib
import os
import pwd
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines import clock
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.sources.raw import OPS_TABLES, create_missing_tables
from pipelines.warehouse import open_current

if TYPE_CHECKING:
    from pathlib import Path

_NEAREST: Final = 3
_STATES_TABLE: Final = "fct_finding_states"


class DecisionKind(StrEnum):
    """What can be decided about a finding."""

    ack = "ack"
    snooze = "snooze"
    waive = "waive"
    reopen = "reopen"


@dataclass(frozen=True)
class Decision:
    """One decision as it was asked for; ``by`` is None for the user of the operating system."""

    finding_id: str
    kind: DecisionKind
    reason: str
    until: date | None = None
    by: str | None = None


def kind_named(word: str) -> DecisionKind:
    """Return the kind of decision called ``word``. Raises ConfigurationError that lists them."""
    try:
        return DecisionKind(word)
    except ValueError:
        raise ConfigurationError(
            f"A finding cannot be decided with {word!r}: choose one of {', '.join(DecisionKind)}. Nothing was recorded."
        ) from None


def decide(home: Path, decision: Decision, *, today: date) -> str:
    """Record a decision in the ledger and return the sentence that says so. Raises ConfigurationError, saying what to correct."""
    _check(decision, today)
    finding = _finding(home, decision.finding_id)
    with Ledger.open(home) as ledger:
        if decision.kind is DecisionKind.reopen:
            _check_reopen(ledger, finding)
        ledger.record_decision(
            decision.finding_id,
            decision.kind.value,
            at=clock.now(),
            actor=author(decision.by),
            reason=_one_line(decision.reason),
            until_on=decision.until.isoformat() if decision.until else None,
            evidence_hash=finding["material_hash" if decision.kind is DecisionKind.waive else "evidence_hash"],
            run_id=finding["run_id"],
        )
    return f"{_deed(decision)}, by {author(decision.by)}: {finding['subject']}. The next sync takes it into the reports."


def _deed(decision: Decision) -> str:
    match decision.kind:
        case DecisionKind.ack:
            return f"{decision.finding_id} is acknowledged"
        case DecisionKind.snooze:
            return f"{decision.finding_id} is snoozed until {decision.until:%Y-%m-%d}, or until its evidence changes"
        case DecisionKind.waive:
            return f"{decision.finding_id} is waived, until its evidence changes in what matters"
        case DecisionKind.reopen:
            return f"What was decided about {decision.finding_id} is taken back"


def _check(decision: Decision, today: date) -> None:
    if decision.kind is not DecisionKind.reopen and not _one_line(decision.reason):
        raise ConfigurationError(
            f"To {decision.kind} a finding takes a reason that others can read later: add --reason TEXT. Nothing was recorded."
        )
    if decision.kind is DecisionKind.snooze:
        if decision.until is None or decision.until <= today:
            given = f"{decision.until:%Y-%m-%d} is not after {today:%Y-%m-%d}" if decision.until else "none was given"
            raise ConfigurationError(
                f"To snooze a finding takes the day on which it shall be back, and {given}: add --until DATE, or waive the "
                "finding if it shall not come back. Nothing was recorded."
            )
    elif decision.until is not None:
        raise ConfigurationError(
            f"--until belongs to snooze; to {decision.kind} has no end by date. Leave it out, or snooze the finding. Nothing was recorded."
        )


def _finding(home: Path, finding_id: str) -> dict[str, Any]:
    snapshot = open_current(home)
    try:
        if not snapshot.rows("select 1 from duckdb_tables() where schema_name = 'marts' and table_name = ?", [_STATES_TABLE]):
            raise ConfigurationError(
                f"The snapshot {snapshot.run_id} was made by an earlier version, which kept no states of findings. "
                "Run `handoff sync` and decide again."
            )
        rows = snapshot.rows(f"select * from marts.{_STATES_TABLE}")
    finally:
        snapshot.close()
    known = {str(row["finding_id"]): row for row in rows}
    if finding_id not in known:
        current = [name for name, row in known.items() if row["state"] != "resolved"]
        nearest = difflib.get_close_matches(finding_id, current, n=_NEAREST, cutoff=0.5)
        near = f"The nearest are {', '.join(nearest)}" if nearest else "`handoff report findings --format csv` lists the ids"
        raise ConfigurationError(f"No finding of the current snapshot is called {finding_id!r}. {near}. Nothing was recorded.")
    finding = known[finding_id]
    if finding["state"] == "resolved":
        raise ConfigurationError(
            f"{finding_id} is resolved since {finding['resolved_at']:%Y-%m-%d %H:%M} UTC, so there is nothing to decide. "
            "If it comes back, decide then. Nothing was recorded."
        )
    return finding | {"run_id": snapshot.run_id}


def _check_reopen(ledger: Ledger, finding: dict[str, Any]) -> None:
    last = next(iter(ledger.decision_rows(str(finding["finding_id"]))), None)
    is_over = last is None or last["kind"] == DecisionKind.reopen or int(last["seq"]) <= (finding["ended_decision_seq"] or 0)
    if is_over:
        raise ConfigurationError(
            f"No decision about {finding['finding_id']} is in force, so there is nothing to take back. Nothing was recorded."
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def author(given: str | None) -> str:
    """Return who decides: the name that was given, else the operating system's user (which no variable can change)."""
    name = _one_line(given or "")
    if name:
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return f"user {os.getuid()}"


def bring_in(home: Path, building_file: Path, *, forget_states: bool) -> None:
    """Write into the private copy what the models need to say what became of each finding.

    ``ops.decisions`` are the ledger's; ``ops.finding_states`` are the published snapshot's, whose copy the private one still is.
    ``forget_states`` leaves them out: what the sandbox's records showed says nothing about real ones.
    """
    with Ledger.open(home) as ledger:
        decisions = ledger.decision_rows()
    with duckdb.connect(str(building_file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_missing_tables(connection)
        connection.execute("delete from ops.decisions")
        for row in decisions:
            connection.execute(
                "insert into ops.decisions values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    row["seq"],
                    row["finding_id"],
                    row["kind"],
                    date.fromisoformat(row["until_on"]) if row["until_on"] else None,
                    row["reason"],
                    row["actor"],
                    datetime.fromisoformat(row["at"]),
                    row["evidence_hash"],
                ],
            )
        connection.execute("delete from ops.finding_states")
        published = {
            name
            for (name,) in connection.execute(
                "select column_name from duckdb_columns() where schema_name = 'marts' and table_name = ?", [_STATES_TABLE]
            ).fetchall()
        }
        # a snapshot of an earlier version may lack some columns, or all
        names = ", ".join(f'"{name}"' for name in OPS_TABLES["finding_states"] if name in published)
        if names and not forget_states:
            connection.execute(f"insert into ops.finding_states ({names}) select {names} from marts.{_STATES_TABLE}")
