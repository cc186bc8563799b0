"""Where the ledger is kept: a SQLite file beside the warehouse, or a PostgreSQL database that a team shares (``LEDGER_URL``).

A commit is on the disk before it returns, and writers wait for one another, so that no sequence number is given twice.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url

from pipelines.ledger_tables import METADATA, TABLES
from pipelines.settings import ledger_url

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "ledger.sqlite"
# Another process of this home may be writing its row; it needs milliseconds.
_BUSY_SECONDS: Final = 15
_SALT: Final = "salt"
_POSTGRESQL: Final = "postgresql"
_DRIVER: Final = "postgresql+pg8000"


@dataclass(frozen=True)
class Store:
    """One place that holds a ledger. ``path`` is None for a database that is reached over the network."""

    engine: Engine
    place: str
    path: Path | None

    def damage_words(self, error: Exception) -> str:
        """Return what to do when the ledger cannot be used, in one sentence; no password is in it."""
        first_line = _words(error)
        if self.path is None:
            return (
                f"The ledger {self.place} cannot be used ({first_line}). Start that server or correct LEDGER_URL; "
                "nothing is written to a vendor without its ledger."
            )
        known = first_line.lower()
        if "full" in known:
            then = "Make room on its disk and run the command again; the ledger is as it was."
        elif "readonly" in known or "read-only" in known:
            then = "Let this user write to it and to its folder, and run the command again; the ledger is as it was."
        else:
            then = (
                "If the file is damaged, put back a backup of it; without one, move it away, keep it for your records, and run the command "
                "again: handoff begins a new one."
            )
        return f"The ledger {self.path} cannot be used ({first_line}). {then}"

    def make_tables(self) -> None:
        """Make the tables that are not there yet, and the columns that a ledger of an earlier version lacks."""
        engine = self.engine.execution_options(writes=True)
        METADATA.create_all(engine)
        inspector = inspect(engine)
        for table in TABLES:
            if _SALT not in {column["name"] for column in inspector.get_columns(table.name)}:
                with engine.begin() as connection:
                    connection.exec_driver_sql(f"alter table {table.name} add column {_SALT} text")

    def compact(self) -> None:
        """Write the tables anew, so that no page keeps what a row once held."""
        if self.engine.dialect.name == _POSTGRESQL:
            with self.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                for table in TABLES:
                    connection.exec_driver_sql(f"vacuum full {table.name}")
            return
        with closing(self.engine.raw_connection()) as file:  # SQLite does this outside of transactions only
            file.cursor().execute("vacuum")

    def begin_writing(self, connection: Connection) -> None:
        """Let this transaction be the only one that appends; SQLite's has seen to that when it began."""
        if connection.dialect.name == _POSTGRESQL:
            connection.exec_driver_sql("lock table head in exclusive mode")

    def reading(self) -> Engine:
        """Return the engine for reading many tables as they stand at one moment."""
        if self.engine.dialect.name == _POSTGRESQL:
            return self.engine.execution_options(isolation_level="REPEATABLE READ")
        return self.engine


def _words(error: Exception) -> str:
    """Return what the database says, in one line; PostgreSQL's driver hands over its message as a mapping."""
    cause = getattr(error, "orig", None) or error
    said = cause.args[0] if cause.args else ""
    return str(said.get("M", said) if isinstance(said, dict) else cause).splitlines()[0]


def store_of(home: Path) -> Store:
    """Return the place that holds the ledger of ``home``, making the file when there is none."""
    url = ledger_url()
    if url is not None:
        return _in_postgresql(url)
    path = home / FILE_NAME
    # made here so that SQLite's own files take over its mode
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_transaction)
    return Store(engine, str(path), path)


def is_begun(home: Path) -> bool:
    """Return whether ``home`` has a ledger already; a database that is named by LEDGER_URL counts as one."""
    return ledger_url() is not None or (home / FILE_NAME).exists()


def _in_postgresql(address: str) -> Store:
    url = make_url(address).set(drivername=_DRIVER)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _configure_postgresql)
    return Store(engine, f"{url.host or 'localhost'}/{url.database or ''}", None)


def _configure_postgresql(connection: Any, _: object) -> None:
    """Make a commit mean that the row is on the disk, whatever the server's default is."""
    cursor = connection.cursor()
    cursor.execute("set synchronous_commit = on")
    cursor.close()
    connection.commit()


def _configure_sqlite(connection: Any, _: object) -> None:
    """Make a commit mean that the row is on the disk, even if the power goes."""
    connection.isolation_level = None  # transactions begin where this module says
    cursor = connection.cursor()
    # EXTRA is FULL and also syncs the folder once the rollback journal is gone
    cursor.execute("pragma synchronous = EXTRA")
    cursor.execute("pragma journal_mode = DELETE")
    # what is replaced is overwritten with zeros
    cursor.execute("pragma secure_delete = ON")
    cursor.close()


def _begin_transaction(connection: Connection) -> None:
    """Let writers take the lock at once, so that two processes cannot give one sequence number twice."""
    connection.exec_driver_sql("begin immediate" if connection.get_execution_options().get("writes") else "begin")
