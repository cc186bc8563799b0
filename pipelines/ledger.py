"""The ledger: what was run, planned and written, by whom, and what came of it. Rows are added, never changed.

    runs      one row when a sync or import begins, one when it ends
    plans     made, apply_started, apply_finished
    changes   for each write: the intent before the request, the outcome after it, one result for each change, what a later load found
    decisions what people decided about findings: acknowledged, snoozed, waived, reopened
    events    refusals, rollbacks, redactions and whatever else somebody may ask about later

Every row carries a SHA-256 over its content and the hash of the row before it, over all five tables in one chain, and a seal made
with the key of this home; the sealed ``head`` names the last row. :meth:`Ledger.verify` names the first row that is not as it was
written, whichever way it was altered, removed, moved or added. A commit is on the disk before the call returns.

It is HANDOFF_HOME/ledger.sqlite, beside the warehouse because a rollback must not erase what was done, or the PostgreSQL database that
LEDGER_URL names (ledger_store.py). The tables are in ledger_tables.py.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import Connection, Table, exists, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from pipelines.actions.seal import fits, home_key, seal_of
from pipelines.errors import HandoffError
from pipelines.ledger_store import FILE_NAME, Store, is_begun, store_of
from pipelines.ledger_tables import CHANGES, DECISIONS, EVENTS, HEAD, PLANS, RUNS, TABLES, Row, in_sequence, redacted, row_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from pathlib import Path

__all__ = ["FILE_NAME", "Ledger", "LedgerProblem", "Row", "Verification"]

_PURPOSE: Final = "ledger"
_GENESIS: Final = "0" * 64
# the kind of the events that vouch for redacted rows
REDACTED: Final = "redacted"


class LedgerProblem(HandoffError):
    """The ledger cannot be opened, or it is not as it was written."""


@dataclass(frozen=True)
class Verification:
    """What :meth:`Ledger.verify` found. ``problem`` is None when every row is as it was written."""

    row_count: int
    head: str
    problem: str | None = None
    first_bad_row: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether every row is as it was written."""
        return self.problem is None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def _stored(value: str | None) -> str | None:
    """Return ``value`` as every database can hold it: vendors send NUL and lone surrogates, which UTF-8 text has no room for."""
    if value is None:
        return None
    return value.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode()


def _vouched(connection: Connection) -> dict[tuple[str, int], str]:
    """Return for each redacted row the hash of what it holds now, as the last event about it has it; events are checked with the chain."""
    hashes: dict[tuple[str, int], str] = {}
    query = select(EVENTS.c.seq, EVENTS.c.details).where(EVENTS.c.kind == REDACTED).order_by(EVENTS.c.seq)
    for event in connection.execute(query):
        try:
            found = {
                (str(item["table"]), int(item["seq"])): str(item["content_hash"]) for item in json.loads(event.details)["rows"]
            }
        except (ValueError, TypeError, KeyError):
            continue  # an altered event does not fit its own hash
        hashes.update({key: value for key, value in found.items() if key[1] < event.seq})
    return hashes


class Ledger:
    """One open ledger."""

    def __init__(self, store: Store, key: bytes) -> None:
        """Use ``store``; call :meth:`open` instead of this."""
        self._store = store
        self._engine = store.engine
        self._key = key
        self.path = store.path

    @classmethod
    def open(cls, home: Path) -> Ledger:
        """Open the ledger of ``home``, making it at the first call. Raises LedgerProblem when it cannot be used."""
        key = home_key(home)
        store = store_of(home)
        ledger = cls(store, key)
        try:
            store.make_tables()
        except SQLAlchemyError as error:
            store.engine.dispose()
            raise ledger._damaged(error) from error
        return ledger

    @classmethod
    def existing(cls, home: Path) -> Ledger | None:
        """Open the ledger of ``home``, or return None when nothing was ever recorded there."""
        return cls.open(home) if is_begun(home) else None

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Return the ledger; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the ledger."""
        self.close()

    # What happened -----------------------------------------------------------------------------------------------------------

    def record_run_started(self, run_id: str, *, what: str, as_of: date, started_at: datetime) -> None:
        """Record that a run began; a run without a second row was killed."""
        self._append(RUNS, started_at, run_id=run_id, phase="started", what=what, as_of_on=as_of.isoformat())

    def record_run_finished(
        self, run_id: str, *, finished_at: datetime, outcome: str, exit_code: int, details: dict[str, Any]
    ) -> None:
        """Record how a run ended, with its sources and checks."""
        self._append(RUNS, finished_at, run_id=run_id, phase="finished", outcome=outcome, exit_code=exit_code, details=details)

    def record_plan(
        self,
        plan_id: str,
        phase: str,
        *,
        at: datetime,
        actor: str | None = None,
        run_id: str | None = None,
        seal_of_plan: str | None = None,
        outcome: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Record a plan's ``phase``: made, apply_started, apply_finished."""
        self._append(
            PLANS,
            at,
            plan_id=plan_id,
            phase=phase,
            actor=actor,
            run_id=run_id,
            seal_of_plan=seal_of_plan,
            outcome=outcome,
            details=details,
        )

    def record_change(self, plan_id: str, change_id: str, phase: str, *, at: datetime, **columns: object) -> None:
        """Record an ``intent`` (before the request), its ``outcome`` (after it), or the ``result`` of a change."""
        self._append(CHANGES, at, plan_id=plan_id, change_id=change_id, phase=phase, **columns)

    def record_decision(self, finding_id: str, kind: str, *, at: datetime, actor: str, reason: str, **columns: object) -> None:
        """Record what ``actor`` decided about a finding: ack, snooze, waive, or reopen for taking that back."""
        self._append(DECISIONS, at, finding_id=finding_id, kind=kind, actor=actor, reason=reason, **columns)

    def record_event(
        self, kind: str, subject: str, sentence: str, *, at: datetime, actor: str | None = None, details: object = None
    ) -> None:
        """Record something else that somebody may ask about later, such as a refusal."""
        self._append(EVENTS, at, kind=kind, subject=subject, sentence=sentence, actor=actor, details=details)

    def redact(self, replace: Callable[[str], str], sentence: str, *, at: datetime, actor: str) -> int:
        """Replace texts in every row, whole or not at all, and return in how many; the chain stays verifiable.

        A redacted row keeps the hash that the rows after it rest on. What it holds now is vouched for by an event, chained and sealed like
        every row, with a hash of its own. What it held before is gone from the file, and its salt with it, so that the old hash does not
        even confirm a guess.
        """
        changed: list[Row] = []
        try:
            with self._engine.execution_options(writes=True).begin() as connection:
                self._store.begin_writing(connection)
                for table, row in list(in_sequence(connection)):
                    new = redacted(row, replace)
                    if new == row or (table is EVENTS and row["kind"] == REDACTED):
                        continue
                    connection.execute(update(table).where(table.c.seq == row["seq"]).values(**new))
                    changed.append({"table": table.name, "seq": row["seq"], "content_hash": row_hash(table, new)})
                self._add(
                    connection,
                    EVENTS,
                    at,
                    kind=REDACTED,
                    subject="ledger",
                    sentence=sentence,
                    actor=actor,
                    details={"rows": changed},
                )
            self._store.compact()
        except SQLAlchemyError as error:
            raise self._damaged(error) from error
        return len(changed)

    def _append(self, table: Table, at: datetime, **columns: object) -> None:
        try:
            with self._engine.execution_options(writes=True).begin() as connection:
                self._store.begin_writing(connection)
                self._add(connection, table, at, **columns)
        except SQLAlchemyError as error:
            raise self._damaged(error) from error

    def _add(self, connection: Connection, table: Table, at: datetime, **columns: object) -> None:
        seq, previous_hash = self._head(connection)
        row: Row = {column.name: None for column in table.columns}
        row.update({name: _stored(_text(value)) for name, value in columns.items()})
        row.update(seq=seq + 1, at=at.isoformat(), salt=secrets.token_hex(16), previous_hash=previous_hash)
        row["row_hash"] = row_hash(table, row)
        row["seal"] = seal_of(self._key, _PURPOSE, {"row": row["row_hash"]})
        connection.execute(insert(table).values(**row))
        self._write_head(connection, seq + 1, row["row_hash"])

    def _head(self, connection: Connection) -> tuple[int, str]:
        head = connection.execute(select(HEAD.c.seq, HEAD.c.row_hash).where(HEAD.c.id == 1)).one_or_none()
        return (head.seq, head.row_hash) if head else (0, _GENESIS)

    def _write_head(self, connection: Connection, seq: int, row_hash: str) -> None:
        values = {"seq": seq, "row_hash": row_hash, "seal": seal_of(self._key, _PURPOSE, {"head": row_hash, "seq": seq})}
        if seq == 1:
            connection.execute(insert(HEAD).values(id=1, **values))
        else:
            connection.execute(update(HEAD).where(HEAD.c.id == 1).values(**values))

    # What is written there ---------------------------------------------------------------------------------------------------

    def plan_rows(self, plan_id: str | None = None) -> list[Row]:
        """Return the rows of one plan, or of all, oldest first."""
        query = select(PLANS).order_by(PLANS.c.seq)
        return self._rows(query if plan_id is None else query.where(PLANS.c.plan_id == plan_id))

    def change_rows(self, plan_id: str | None = None, *, phase: str | None = None, limit: int | None = None) -> list[Row]:
        """Return rows of changes, newest first; of one plan or of all, of one phase or of all."""
        query = select(CHANGES).order_by(CHANGES.c.seq.desc())
        if plan_id is not None:
            query = query.where(CHANGES.c.plan_id == plan_id)
        if phase is not None:
            query = query.where(CHANGES.c.phase == phase)
        return self._rows(query if limit is None else query.limit(limit))

    def run_rows(self, limit: int | None = None) -> list[Row]:
        """Return the rows of runs, newest first."""
        query = select(RUNS).order_by(RUNS.c.seq.desc())
        return self._rows(query if limit is None else query.limit(limit))

    def decision_rows(self, finding_id: str | None = None) -> list[Row]:
        """Return the decisions about one finding, or about all, newest first."""
        query = select(DECISIONS).order_by(DECISIONS.c.seq.desc())
        return self._rows(query if finding_id is None else query.where(DECISIONS.c.finding_id == finding_id))

    def event_rows(self, limit: int | None = None, *, kind: str | None = None) -> list[Row]:
        """Return the events, newest first; of one kind or of all."""
        query = select(EVENTS).order_by(EVENTS.c.seq.desc())
        if kind is not None:
            query = query.where(EVENTS.c.kind == kind)
        return self._rows(query if limit is None else query.limit(limit))

    def entries(self) -> list[tuple[str, Row]]:
        """Return every row with the name of its table, oldest first."""
        try:
            with self._store.reading().connect() as connection:
                return [(table.name, row) for table, row in in_sequence(connection)]
        except SQLAlchemyError as error:
            raise self._damaged(error) from error

    def contents(self) -> dict[str, list[Row]]:
        """Return all rows of each table and the head, as they stood at one moment."""
        try:
            with self._store.reading().connect() as connection:
                rows: dict[str, list[Row]] = {table.name: [] for table in TABLES}
                for table, row in in_sequence(connection):
                    rows[table.name].append(row)
                rows[HEAD.name] = [dict(row) for row in connection.execute(select(HEAD)).mappings()]
                return rows
        except SQLAlchemyError as error:
            raise self._damaged(error) from error

    def adopt(self, contents: dict[str, list[Row]]) -> bool:
        """Take over what :meth:`contents` returned elsewhere, whole or not at all; False when these rows are here already.

        Raises LedgerProblem when other rows are here, or when the rows do not prove themselves with the key of this home.
        """
        try:
            with self._engine.execution_options(writes=True).begin() as connection:
                self._store.begin_writing(connection)
                if self._head(connection)[0]:
                    self._check_beginning(connection, contents)
                    return False
                for table in (*TABLES, HEAD):
                    if contents[table.name]:
                        connection.execute(insert(table), contents[table.name])
                found = self._verify(connection)
                if not found.is_sound:
                    raise LedgerProblem(
                        f"{found.problem} If it was sealed by another home, copy that home's plan.key here first. Nothing was changed."
                    )
                return True
        except SQLAlchemyError as error:
            raise self._damaged(error) from error

    def _check_beginning(self, connection: Connection, contents: dict[str, list[Row]]) -> None:
        here = {(table.name, row["seq"]): row["row_hash"] for table, row in in_sequence(connection)}
        theirs = {(table.name, row["seq"]): row["row_hash"] for table in TABLES for row in contents[table.name]}
        if not theirs.items() <= here.items():
            raise LedgerProblem(
                f"The ledger {self.place} holds other rows already, and two ledgers cannot become one. Use an empty home; "
                "nothing was changed."
            )

    @property
    def how_to_set_aside(self) -> str:
        """What to do with a ledger that cannot be trusted, as the end of a sentence."""
        return f"move {self.place} away" if self.path is not None else f"set LEDGER_URL to another database and keep {self.place}"

    @property
    def place(self) -> str:
        """Where the ledger is, in words."""
        return self._store.place

    def unsettled_intents(self) -> list[Row]:
        """Return the intents whose outcome nobody knows, oldest first: the process died, or the vendor could not be read."""
        other = CHANGES.alias()
        has_outcome = exists().where(other.c.attempt_id == CHANGES.c.attempt_id, other.c.phase == "outcome")
        return self._rows(select(CHANGES).where(CHANGES.c.phase == "intent", ~has_outcome).order_by(CHANGES.c.seq))

    def _rows(self, query: Any) -> list[Row]:
        try:
            with self._engine.connect() as connection:
                return [dict(row) for row in connection.execute(query).mappings()]
        except SQLAlchemyError as error:
            raise self._damaged(error) from error

    # Whether it is as it was written -----------------------------------------------------------------------------------------

    def verify(self) -> Verification:
        """Read every row and check the chain, the seals and the head; the result names the first bad row."""
        try:
            with self._store.reading().connect() as connection:
                return self._verify(connection)
        except SQLAlchemyError as error:
            return Verification(0, "", self._damaged(error).sentence, self.place)

    def _verify(self, connection: Connection) -> Verification:
        expected, previous_hash = 1, _GENESIS
        vouched = _vouched(connection)
        for table, row in in_sequence(connection):
            name = f"{table.name} row {row['seq']}"
            problem = self._row_problem(table, row, expected, previous_hash, vouched.get((table.name, row["seq"])))
            if problem is not None:
                return Verification(expected - 1, previous_hash, f"The ledger was altered: {name} {problem}.", name)
            expected, previous_hash = expected + 1, row["row_hash"]
        count = expected - 1
        head = connection.execute(select(HEAD)).mappings().all()
        name = f"the row after row {count}" if count else "the first row"
        if not head and count == 0:
            return Verification(0, _GENESIS)
        if len(head) != 1 or head[0]["id"] != 1:
            return Verification(count, previous_hash, "The ledger was altered: its head is gone or double.", "head")
        seq, row_hash, seal = head[0]["seq"], head[0]["row_hash"], head[0]["seal"]
        if not fits(self._key, _PURPOSE, {"head": row_hash, "seq": seq}, seal):
            return Verification(count, previous_hash, "The ledger was altered: its head does not fit its seal.", "head")
        if (seq, row_hash) != (count, previous_hash):
            return Verification(count, previous_hash, f"The ledger was altered: {name} is missing; there were {seq} rows.", name)
        return Verification(count, previous_hash)

    def _row_problem(self, table: Table, row: Row, expected: int, previous_hash: str, redacted_hash: str | None) -> str | None:
        if row["seq"] != expected:
            return f"stands where row {expected} should be"
        if row["previous_hash"] != previous_hash:
            return "does not follow the row before it"
        if row_hash(table, row) not in {row["row_hash"], redacted_hash}:
            return "does not fit its hash"
        if not fits(self._key, _PURPOSE, {"row": row["row_hash"]}, str(row["seal"])):
            return "was not sealed with the key of this home"
        return None

    def _damaged(self, error: Exception) -> LedgerProblem:
        return LedgerProblem(self._store.damage_words(error))
