"""Lands one source in the private copy, whole or not at all, and says how complete it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines.errors import HandoffError, VendorError
from pipelines.redaction import redacted
from pipelines.sources.raw import RAW_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pipelines.sources.registry import SourceRun

COMPLETE: Final = "complete"
STALE: Final = "stale"
NEVER: Final = "never"


@dataclass
class SourceOutcome:
    """How one source fared in this run. ``status`` is complete, stale (older data kept) or never (nothing was ever loaded)."""

    source: str
    is_sandbox: bool
    attempted_at: datetime
    status: str = NEVER
    last_complete_at: datetime | None = None
    error: str | None = None
    exit_code: int = 0
    is_carried: bool = False  # this run read something else: what is known of the source stays
    row_counts: dict[str, int] = field(default_factory=dict)
    request_count: int = 0
    retry_count: int = 0
    seconds: float = 0.0
    load_id: str | None = None
    quarantine: list[dict[str, str]] = field(default_factory=list)
    # of files: the raw table and name of each that was read anew; no name: whatever was set aside of the table before
    places: list[tuple[str, str]] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """Rows in all tables of the source."""
        return sum(self.row_counts.values())


def land(
    outcome: SourceOutcome, open_source: Callable[[], SourceRun], *, building_file: Path, previous_file: Path | None, work: Path
) -> None:
    """Extract a source and load it into ``raw_<source>`` of the private copy; ``outcome`` says how it went.

    A failure of any kind leaves the tables as the last complete load left them.
    """
    began = time.monotonic()
    run = None
    try:
        # while one connection is open, those that reading and loading ask for cost nothing; else each opens and checkpoints the file
        with duckdb.connect(str(building_file)):
            run = open_source()
            run.read()
            # nothing was touched until here, and what is touched from here on is put back if it fails
            run.landing.make_room()
            outcome.load_id = _run_pipeline(outcome.source, run.tables(), building_file, work)
    except HandoffError as error:
        _fail(outcome, error.sentence, error.exit_code)
    except Exception as error:  # noqa: BLE001 - whatever breaks one source must not take the others with it; it is shown, not hidden
        known = _known_cause(error)
        if known is not None:
            _fail(outcome, known.sentence, known.exit_code)
        else:
            first_line = redacted(str(error)).strip().splitlines()[0][:300] if str(error).strip() else ""
            _fail(
                outcome,
                f"Reading {outcome.source} broke in a way that handoff does not know ({type(error).__name__}: {first_line}). "
                "Its last complete data is kept; please report this line.",
                VendorError.exit_code,
            )
    else:
        outcome.status = COMPLETE
        outcome.last_complete_at = outcome.attempted_at
    finally:
        outcome.seconds = time.monotonic() - began
        if run is not None:
            outcome.request_count = run.transport.request_count
            outcome.retry_count = run.transport.retry_count
            outcome.quarantine = list(run.quarantine)
            run.transport.close()
    if outcome.status != COMPLETE:
        restore_tables(outcome.source, building_file, previous_file)
    outcome.row_counts = count_rows(outcome.source, building_file)


def _fail(outcome: SourceOutcome, sentence: str, exit_code: int) -> None:
    outcome.error = sentence
    outcome.exit_code = exit_code
    outcome.status = STALE if outcome.last_complete_at else NEVER


def _known_cause(error: BaseException) -> HandoffError | None:
    """Return the sentence-bearing error that dlt wrapped, if there is one."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, HandoffError):
            return current
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return None


# Trying dictionaries on texts takes sixty megabytes whenever a table is written, and where they would be best FSST does as well
_DUCKDB_CONFIG: Final = {"threads": 1, "disabled_compression_methods": "dictionary"}


def _run_pipeline(source: str, data: Any, building_file: Path, work: Path) -> str:
    import dlt  # noqa: PLC0415 - after settings.prepare_dlt, and only in processes that load
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials  # noqa: PLC0415

    # one connection for all of dlt's jobs: opening the file for each of them took a tenth of a second each time
    with duckdb.connect(str(building_file)) as connection:
        pipeline = dlt.pipeline(
            pipeline_name=f"handoff_{source}",
            destination=dlt.destinations.duckdb(DuckDbCredentials(connection, global_config=_DUCKDB_CONFIG)),
            dataset_name=f"raw_{source}",
            pipelines_dir=str(work / "dlt"),
        )
        info = pipeline.run(data, loader_file_format="parquet")
    info.raise_on_failed_jobs()
    return info.loads_ids[-1] if info.loads_ids else ""


def restore_tables(source: str, building_file: Path, previous_file: Path | None) -> None:
    """Put the tables of ``source`` back as they are in the published snapshot (or away, when there is none)."""
    schema = f"raw_{source}"
    with duckdb.connect(str(building_file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"drop schema if exists {schema} cascade")
        connection.execute(f"drop schema if exists {schema}_staging cascade")
        if previous_file is None:
            return
        connection.execute(f"attach '{str(previous_file).replace(chr(39), chr(39) * 2)}' as previous (read_only)")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'previous' and schema_name = ?", [schema]
        ).fetchall()
        connection.execute(f"create schema {schema}")
        for (table,) in tables:
            quoted = '"' + table.replace('"', '""') + '"'
            connection.execute(f"create table {schema}.{quoted} as from previous.{schema}.{quoted}")
        connection.execute("detach previous")


def count_rows(source: str, building_file: Path) -> dict[str, int]:
    """Return the rows of each table of ``source`` in the private copy; tables that do not exist yet are left out."""
    counts: dict[str, int] = {}
    with duckdb.connect(str(building_file)) as connection:
        existing = {
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = ?", [f"raw_{source}"]
            ).fetchall()
        }
        for table in RAW_TABLES[source]:
            if table in existing:
                row = connection.execute(f'select count(*) from raw_{source}."{table}"').fetchone()
                counts[table] = int(row[0]) if row else 0
    return counts
