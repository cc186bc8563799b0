"""The tables of the ledger, the same in SQLite and PostgreSQL, and what ties each row to the one before it.

Every row carries a SHA-256 over its content and the hash of the row before it, over all tables in one chain.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, select

from pipelines.actions.seal import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Row = dict[str, Any]

METADATA: Final = MetaData()
_NEVER_REDACTED: Final = frozenset({"at", "salt", "previous_hash", "row_hash", "seal"})


def _chained(name: str, *columns: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("seq", Integer, primary_key=True, autoincrement=False),  # one sequence over all tables
        Column("at", Text, nullable=False),  # ISO 8601, UTC
        *(Column(column, Text) for column in columns),
        Column(
            "salt", Text
        ),  # keeps the hash from confirming a guess once the row is redacted; null then, and in the rows of old
        Column("previous_hash", Text, nullable=False),
        Column("row_hash", Text, nullable=False),
        Column("seal", Text, nullable=False),
    )


RUNS: Final = _chained("runs", "run_id", "phase", "what", "as_of_on", "outcome", "exit_code", "details")
PLANS: Final = _chained("plans", "plan_id", "phase", "actor", "run_id", "seal_of_plan", "outcome", "details")
CHANGES: Final = _chained(
    "changes",
    "plan_id",
    "change_id",
    "attempt_id",
    "phase",  # intent | outcome | result | verified
    "step",
    "status",
    "system",
    "object",
    "record_id",
    "field",
    "before",
    "after",
    "actor",
    "sentence",
    "answer_id",  # the vendor's own id of its answer
    "details",
)
EVENTS: Final = _chained("events", "kind", "subject", "actor", "sentence", "details")
DECISIONS: Final = _chained(
    "decisions",
    "finding_id",
    "kind",  # ack | snooze | waive | reopen
    "until_on",
    "reason",
    "actor",
    "evidence_hash",  # of what the decision was about
    "run_id",  # of the snapshot that showed it
)
TABLES: Final[tuple[Table, ...]] = (RUNS, PLANS, CHANGES, DECISIONS, EVENTS)
HEAD: Final = Table(
    "head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("row_hash", Text, nullable=False),
    Column("seal", Text, nullable=False),
)


def row_hash(table: Table, row: Row) -> str:
    """Return the SHA-256 over the content of a row, its table's name and the hash of the row before it."""
    content = {name: value for name, value in row.items() if name not in {"row_hash", "seal"}}
    if content.get("salt") is None:
        content.pop("salt", None)  # rows written before there were salts keep their hashes
    return sha256_of(
        {"table": table.name, **{name: value if name == "seq" else _comparable(value) for name, value in content.items()}}
    )


def redacted(row: Row, replace: Callable[[str], str]) -> Row:
    """Return ``row`` with its texts replaced; its hash, seal and place in the chain stay, its salt goes when something was replaced."""
    new = {
        name: replace(value) if isinstance(value, str) and name not in _NEVER_REDACTED else value for name, value in row.items()
    }
    return new if new == row else {**new, "salt": None}


def _comparable(value: object) -> str | None:
    """Return a stored value as text; a blob that somebody put there must not end the check."""
    return value if value is None or isinstance(value, str) else f"{type(value).__name__}:{value!r}"


def in_sequence(connection: Connection) -> Iterator[tuple[Table, Row]]:
    """Yield every row of every table in the order in which they were written."""

    def stream(table: Table) -> Iterator[tuple[int, str, Table, Row]]:
        for row in connection.execute(select(table).order_by(table.c.seq)).mappings():
            yield row["seq"], table.name, table, dict(row)

    for _, _, table, row in heapq.merge(*(stream(table) for table in TABLES), key=lambda item: (item[0], item[1])):
        yield table, row
