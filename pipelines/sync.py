"""The run, top to bottom: lock, private copy, extract, build, check, publish, record.

Readers see the last complete snapshot until the one line that turns the pointer. Whatever kills a run costs nothing but its time.
Exit codes: 0 published, 2 published but something must be configured, 3 published with a stale source, 4 held back, 75 locked.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines import clock, decisions, snapshot_store, transform, warehouse
from pipelines.actions import closing, marks
from pipelines.actions.opening import OpenTargets, Targets
from pipelines.checks import ShrinkGuard
from pipelines.drift import record_drift
from pipelines.engines import spark_of
from pipelines.errors import ConfigurationError, HandoffError, disk_problem
from pipelines.extract import COMPLETE, STALE, SourceOutcome, count_rows, land, restore_tables
from pipelines.ledger import Ledger
from pipelines.logs import STREAM
from pipelines.sandbox.attachment import attached
from pipelines.settings import DEMO_AS_OF, Settings, prepare_dlt
from pipelines.sources.raw import OPS_TABLES, create_missing_tables
from pipelines.sources.spill import Earlier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime

    from pipelines.engines import SparkPlace
    from pipelines.progress import Progress
    from pipelines.rules import Rules
    from pipelines.sources.files import FileImport
    from pipelines.sources.registry import Errand

EXIT_OK: Final = 0
EXIT_STALE: Final = 3
EXIT_HELD: Final = 4


@dataclass
class RunResult:
    """What a run did. ``held`` says why nothing was published; it is None when a snapshot was."""

    run_id: str
    as_of: date
    outcomes: list[SourceOutcome] = field(default_factory=list)
    build: transform.BuildResult | None = None
    held: str | None = None
    # why the snapshot is here and not at SNAPSHOT_URL
    not_stored: str | None = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """The code that a scheduler reads."""
        if self.held is not None:
            return EXIT_HELD
        codes = [outcome.exit_code for outcome in self.outcomes if outcome.exit_code]
        if self.not_stored is not None:
            codes.append(EXIT_STALE)
        return min(codes, default=EXIT_OK)


def as_of_date(settings: Settings, rules: Rules, given: date | None) -> date:
    """Return the date that the reports speak of: the given one, the demo's in an all-sandbox home, else the organisation's today."""
    if given is not None:
        return given
    if not rules.from_files and all(settings.is_sandbox(vendor) for vendor in rules.vendors):
        return DEMO_AS_OF
    return clock.today_in(rules.organisation["timezone"])


@dataclass
class _Run:
    """What the steps of one run share."""

    settings: Settings
    rules: Rules
    result: RunResult
    started_at: datetime
    progress: Progress
    on_spark: SparkPlace | None
    previous_file: Path | None
    before: dict[str, SourceOutcome]
    building: Path
    work: Path

    @property
    def home(self) -> Path:
        return self.settings.handoff_home


def sync(
    settings: Settings,
    rules: Rules,
    *,
    as_of: date,
    progress: Progress,
    accept_shrink: bool = False,
    imported: FileImport | None = None,
    only: frozenset[str] = frozenset(),
) -> RunResult:
    """Run once: read every source (or ``only`` these vendors, or ``imported``, a file), build, check and publish.

    Raises Locked when another run holds the home, ConfigurationError when nothing could be begun.
    """
    started_at = clock.now()
    spark_of(settings)  # refuses, before anything is read, an engine that cannot build it
    run_id = f"{started_at:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(2)}"
    result = RunResult(run_id, as_of)
    STREAM.run_id = run_id
    home = settings.handoff_home
    what = "handoff sync" if imported is None else "handoff import"
    with warehouse.run_lock(home, what=what, started_at=started_at):
        ledger = Ledger.open(home)
        ledger.record_run_started(run_id, what=what, as_of=as_of, started_at=started_at)
        # until it is known better; a run that raises leaves the code that the command line then returns
        outcome, exit_code = "failed", HandoffError.exit_code
        try:
            going_on = snapshot_store.begin_from_there(settings)
            if going_on is not None:
                progress.done(going_on)
            with _begin(settings, rules, result, started_at, progress) as run:
                if imported is None:
                    _extract_vendors(run, only or frozenset(rules.vendors))
                else:
                    for vendor in rules.vendors:
                        _carry_along(run, vendor, is_sandbox=settings.is_sandbox(vendor))
                if only:
                    _carry_along(run, "files", is_sandbox=False)
                else:
                    _land_files(run, imported)
                for name in sorted(rules.from_files):
                    _stand_in(run, name)
                _build(run)
                _publish_or_hold(run, accept_shrink=accept_shrink)
            outcome, exit_code = "held" if result.held else "published", result.exit_code
        except HandoffError as error:
            exit_code = error.exit_code
            raise
        except (OSError, duckdb.Error) as error:
            known = disk_problem(error)
            if known is None:
                raise
            exit_code = known.exit_code
            raise known from error
        finally:
            result.seconds = (clock.now() - started_at).total_seconds()
            ledger.record_run_finished(
                run_id, finished_at=clock.now(), outcome=outcome, exit_code=exit_code, details=details_of(result)
            )
            ledger.close()
    return result


@contextmanager
def _begin(settings: Settings, rules: Rules, result: RunResult, started_at: datetime, progress: Progress) -> Iterator[_Run]:
    """Make the private copy and a fresh working folder; the folder goes when the run ends, the copy stays if it was refused."""
    home = settings.handoff_home
    previous = warehouse.current_version(home)
    previous_file = previous / warehouse.FILE_NAME if previous else None
    before = _previous_outcomes(previous_file, started_at)
    for left_over in (home / "work").glob("run-*"):  # of runs that were killed: the lock is ours, so nobody works there
        shutil.rmtree(left_over, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=warehouse.make_private_folder(home / "work")))
    try:
        prepare_dlt(work)
        building = warehouse.begin_private_copy(home)
        yield _Run(settings, rules, result, started_at, progress, spark_of(settings), previous_file, before, building, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _extract_vendors(run: _Run, asked: frozenset[str]) -> None:
    """Read each vendor that is asked for independently; one that fails keeps its last complete data and is marked."""
    from pipelines.sources.registry import SOURCES  # noqa: PLC0415 - imports dlt, which must find its folder prepared

    settings, names = run.settings, run.rules.source_names
    _refuse_to_mix(run)
    with attached(settings) as sandbox_url:
        for vendor in run.rules.vendors:
            is_sandbox = settings.is_sandbox(vendor)
            if vendor not in asked:
                _carry_along(run, vendor, is_sandbox=is_sandbox)
                continue
            run.progress.step(f"Reading {names[vendor]}{' (SANDBOX)' if is_sandbox else ''}")
            known = run.before.get(vendor)
            outcome = SourceOutcome(vendor, is_sandbox, run.started_at)
            keeps = run.previous_file
            if known is not None and known.is_sandbox == is_sandbox:
                outcome.last_complete_at = known.last_complete_at
            elif known is not None:  # the invented records must not stand in for real ones
                restore_tables(vendor, run.building, None)
                keeps = None
            errand = _errand(run, vendor, sandbox_url if is_sandbox else None)
            land(outcome, partial(SOURCES[vendor], errand), building_file=run.building, previous_file=keeps, work=run.work)
            run.result.outcomes.append(outcome)
            run.progress.done(_source_line(names[vendor], outcome))


def _errand(run: _Run, source: str, sandbox_url: str | None) -> Errand:
    from pipelines.sources.registry import Errand  # noqa: PLC0415 - as above

    return Errand(run.settings, run.rules, run.result.as_of, sandbox_url, run.building, run.work / "landing" / source)


def _carry_along(run: _Run, source: str, *, is_sandbox: bool) -> None:
    """Keep a source as the published snapshot has it: this run reads something else."""
    outcome = run.before.get(source) or SourceOutcome(source, is_sandbox, run.started_at)
    outcome.is_carried = source in run.before
    outcome.row_counts = count_rows(source, run.building)
    run.result.outcomes.append(outcome)


def source_lines(rules: Rules, result: RunResult) -> list[str]:
    """Return one line for each source, as a run prints them."""
    return [_source_line(rules.source_names.get(outcome.source, outcome.source), outcome) for outcome in result.outcomes]


def _source_line(name: str, outcome: SourceOutcome) -> str:
    mark = " SANDBOX" if outcome.is_sandbox else ""
    if outcome.status == COMPLETE:
        requests = f", {outcome.request_count} requests" if outcome.request_count else ""
        retries = f", {outcome.retry_count} retries" if outcome.retry_count else ""
        aside = f", {len(outcome.quarantine)} set aside" if outcome.quarantine else ""
        return f"{name}{mark}: complete, {outcome.row_count:,} rows{requests}{retries}{aside}, {outcome.seconds:.1f} s"
    if outcome.status == STALE:
        since = f"{outcome.last_complete_at:%Y-%m-%d %H:%M} UTC"
        return f"{name}{mark}: STALE since {since}. {outcome.error}"
    return f"{name}{mark}: NEVER LOADED, what depends on it is not evaluated. {outcome.error}"


def _refuse_to_mix(run: _Run) -> None:
    """Refuse to replace a vendor's real records by invented ones because its token went missing."""
    for vendor in run.rules.vendors:
        known = run.before.get(vendor)
        if known is not None and known.last_complete_at and not known.is_sandbox and run.settings.is_sandbox(vendor):
            raise ConfigurationError(
                f"{run.home} holds real records of {run.rules.source_names[vendor]}, but its token is not set now, so the "
                f"sandbox's invented records would replace them. Set the token again ({vendor.upper()}_... in the environment or "
                ".env), or set HANDOFF_HOME to another folder to try the sandbox. Nothing was changed."
            )


def _land_files(run: _Run, imported: FileImport | None) -> None:
    """Load ``imported``, or what a sync finds by itself: the exports of COST_EXPORTS and the inbox. The rest is carried along."""
    from pipelines.sources.files_exports import open_cost_exports  # noqa: PLC0415 - as above
    from pipelines.sources.files_inbox import FOLDER, look_into  # noqa: PLC0415 - as above

    settings = run.settings
    known = run.before.get("files")
    outcome = SourceOutcome("files", False, run.started_at, last_complete_at=known.last_complete_at if known else None)
    run.result.outcomes.append(outcome)
    if imported is not None:
        _land_file(run, outcome, imported.path.name, lambda: imported)
        return
    outcome.status = COMPLETE
    outcome.last_complete_at = outcome.last_complete_at or run.started_at
    address = settings.cost_exports
    if address is not None:
        _land_file(run, outcome, "cost exports", lambda: open_cost_exports(address, settings, run.rules))
    inbox = look_into(settings, run.rules, Earlier("files", run.building))
    if inbox.files or inbox.problems:
        _land_file(run, outcome, "inbox", lambda: inbox)
    outcome.places.append((FOLDER, ""))
    for sentence in inbox.problems.values():
        run.progress.done(sentence)
        outcome.exit_code = outcome.exit_code or ConfigurationError.exit_code
    outcome.row_counts = count_rows("files", run.building)


def _land_file(run: _Run, outcome: SourceOutcome, name: str, opened: Callable[[], FileImport]) -> None:
    """Land one thing that was handed in, and add what came of it to ``outcome``: what failed once has failed."""
    from pipelines.sources.registry import SourceRun, open_import  # noqa: PLC0415 - as above

    run.progress.step(f"Reading {name}")
    part = SourceOutcome("files", False, run.started_at, last_complete_at=outcome.last_complete_at)
    items: list[FileImport] = []

    def opener() -> SourceRun:
        items.append(opened())
        return open_import(items[0], _errand(run, f"files/{name}", None))

    land(part, opener, building_file=run.building, previous_file=run.previous_file, work=run.work)
    is_first = outcome.load_id is None and outcome.error is None
    if is_first or part.status != COMPLETE:
        outcome.status, outcome.last_complete_at = part.status, part.last_complete_at
    outcome.error = outcome.error or part.error
    outcome.exit_code = outcome.exit_code or part.exit_code
    outcome.load_id = part.load_id or outcome.load_id
    outcome.row_counts = part.row_counts
    outcome.request_count += part.request_count
    outcome.retry_count += part.retry_count
    outcome.seconds += part.seconds
    if part.status == COMPLETE:
        outcome.quarantine += part.quarantine
        outcome.places += items[0].places
    run.progress.done(_source_line(f"Imported files ({name})", part))


def _stand_in(run: _Run, vendor: str) -> None:
    """Make what the vendor's API would fill of the files that were imported."""
    from pipelines.sources.files_vendors import stand_in  # noqa: PLC0415 - as above

    outcome = stand_in(vendor, run.building, run.rules, run.started_at)
    run.result.outcomes.append(outcome)
    run.progress.done(_source_line(f"{run.rules.source_names[vendor]} (from files)", outcome))


@contextmanager
def _readers(settings: Settings, rules: Rules) -> Iterator[Targets]:
    """Open the vendors for reading what no load holds."""
    with attached(settings) as sandbox_url:
        opened = OpenTargets(settings, rules, sandbox_url, may_write=False)
        try:
            yield opened
        finally:
            opened.close()


def _build(run: _Run) -> None:
    _write_run_tables(run.result, run.rules, run.started_at, run.building)
    record_drift(run.building, run.previous_file, run.result.outcomes, run.rules, run.started_at)
    is_other_data = any(
        outcome.source in run.before and run.before[outcome.source].is_sandbox != outcome.is_sandbox
        for outcome in run.result.outcomes
    )
    decisions.bring_in(run.home, run.building, forget_states=is_other_data)
    with Ledger.open(run.home) as ledger:
        is_sandbox = {outcome.source: outcome.is_sandbox for outcome in run.result.outcomes}
        closing.bring_in(ledger, run.building, is_sandbox, partial(_readers, run.settings, run.rules))
    run.progress.step(
        "Building the models" if run.on_spark is None else f"Building the models on Spark at {run.on_spark.master_url}"
    )
    run.result.build = transform.build(
        building_file=run.building,
        rules_dir=run.rules.directory,
        work_folder=run.home / "work",
        as_of=run.result.as_of,
        on_node=run.progress.detail,
        on_spark=run.on_spark,
    )


def _publish_or_hold(run: _Run, *, accept_shrink: bool) -> None:
    _check(run.result, run.rules, run.home, run.previous_file, accept_shrink=accept_shrink)
    if run.result.held is not None:
        return
    with duckdb.connect(str(run.building)) as connection:
        connection.execute("checkpoint")
    warehouse.publish(run.home, run.result.run_id, _manifest(run.result, run.rules))
    with Ledger.open(run.home) as ledger:
        closing.record_checks(run.home, ledger, at=clock.now())
        marks.record_marks(run.home, run.rules, ledger, at=clock.now())
    run.progress.done(f"Published snapshot {run.result.run_id}.")
    run.result.not_stored = snapshot_store.publish_there(run.settings)
    if run.result.not_stored is not None:
        run.progress.done(f"NOT STORED: {run.result.not_stored}")


def _previous_outcomes(previous_file: Path | None, started_at: datetime) -> dict[str, SourceOutcome]:
    if previous_file is None:
        return {}
    with duckdb.connect(str(previous_file), read_only=True) as connection:
        rows = connection.execute(
            "select source, status, is_sandbox, last_attempt_at, last_complete_at, error, load_id from ops.source_status"
        ).fetchall()
    return {
        source: SourceOutcome(
            source,
            is_sandbox,
            last_attempt_at or started_at,
            status=status,
            last_complete_at=last_complete_at,
            error=error,
            load_id=load_id,
        )
        for source, status, is_sandbox, last_attempt_at, last_complete_at, error, load_id in rows
    }


def _write_run_tables(result: RunResult, rules: Rules, started_at: datetime, building: Path) -> None:
    """Write what the models and the screens need to know about this run and its sources (schema ``ops``)."""
    with duckdb.connect(str(building)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_missing_tables(connection)
        connection.execute("delete from ops.run")
        read = [outcome for outcome in result.outcomes if not outcome.is_carried]
        for outcome in read:
            for table in ("source_status", "source_tables"):
                connection.execute(f'delete from ops."{table}" where source = ?', [outcome.source])
        is_sandbox = any(outcome.is_sandbox for outcome in result.outcomes)
        _insert(connection, "run", [result.run_id, result.as_of, started_at, is_sandbox, rules.profile, version("handoff")])
        for outcome in read:
            _insert(
                connection,
                "source_status",
                [
                    outcome.source,
                    outcome.status,
                    outcome.is_sandbox,
                    outcome.attempted_at,
                    outcome.last_complete_at,
                    outcome.error,
                    outcome.row_count,
                    outcome.request_count,
                    outcome.retry_count,
                    len(outcome.quarantine),
                    outcome.seconds,
                    outcome.load_id,
                ],
            )
            for table, rows in outcome.row_counts.items():
                _insert(connection, "source_tables", [outcome.source, table, rows, None])
            if outcome.status == COMPLETE and outcome.source != "files":
                connection.execute("delete from ops.quarantine where source = ?", [outcome.source])
            for table, name in outcome.places:
                connection.execute(
                    "delete from ops.quarantine where source = ? and table_name = ? and "
                    "(starts_with(record_ref, ? || ', ') or starts_with(record_ref, ? || '/') or ? = '')",
                    [outcome.source, table, *[name] * 3],
                )
            for row in outcome.quarantine:
                _insert(
                    connection,
                    "quarantine",
                    [
                        outcome.source,
                        row["table_name"],
                        row["record_ref"],
                        row["reason"],
                        row["payload"],
                        started_at,
                        outcome.load_id,
                    ],
                )


def _insert(connection: duckdb.DuckDBPyConnection, table: str, values: list[object]) -> None:
    if len(values) != len(OPS_TABLES[table]):
        raise AssertionError(f"ops.{table} has {len(OPS_TABLES[table])} columns, not {len(values)}")
    # by name: in a table of an earlier version new columns stand last
    names = ", ".join(f'"{name}"' for name in OPS_TABLES[table])
    connection.execute(f'insert into ops."{table}" ({names}) values ({", ".join("?" * len(values))})', values)


def _check(result: RunResult, rules: Rules, home: Path, previous_file: Path | None, *, accept_shrink: bool) -> None:
    build = result.build
    if build is None:
        raise AssertionError("checked before it was built")
    if not build.is_publishable:
        problems = [*build.errors, *build.failed_checks]
        result.held = (
            f"{len(problems)} check{'s' * (len(problems) != 1)} did not hold: {'; '.join(problems[:5])}. "
            f"The last snapshot stays in use. The refused one is {warehouse.Layout(home).building_file}; "
            "look at the rows the check names, mend them at the vendor or in the rule tables, and sync again."
        )
        return
    guard = ShrinkGuard(home, rules)
    shrunk = guard.shrunk_tables(previous_file, result.outcomes)
    if shrunk and not accept_shrink and not guard.seen_before(shrunk):
        guard.remember(shrunk)
        result.held = (
            f"Suspiciously many records vanished at once: {', '.join(map(str, shrunk))}. The last snapshot stays in use. "
            "If this is right, run `handoff sync --accept-shrink`; the next sync also accepts it if it sees the same again."
        )
        return
    guard.forget()


def _manifest(result: RunResult, rules: Rules) -> dict[str, Any]:
    return {
        "published_at": clock.now().isoformat(),
        "as_of": result.as_of.isoformat(),
        "rules_profile": rules.profile,
        "handoff_version": version("handoff"),
        "sources": {
            outcome.source: {
                "status": outcome.status,
                "is_sandbox": outcome.is_sandbox,
                "last_complete_at": outcome.last_complete_at.isoformat() if outcome.last_complete_at else None,
                "rows": outcome.row_counts,
            }
            for outcome in result.outcomes
        },
    }


def details_of(result: RunResult) -> dict[str, Any]:
    """Return what the ledger keeps of a run: its sources, its checks, and why it was held."""
    return {
        "held": result.held,
        "not_stored": result.not_stored,
        "seconds": round(result.seconds, 3),
        "sources": [
            {
                "source": outcome.source,
                "status": outcome.status,
                "is_sandbox": outcome.is_sandbox,
                "rows": outcome.row_count,
                "requests": outcome.request_count,
                "retries": outcome.retry_count,
                "quarantined": len(outcome.quarantine),
                "seconds": round(outcome.seconds, 3),
                "error": outcome.error,
            }
            for outcome in result.outcomes
        ],
        "checks_held": len(result.build.passed_checks) if result.build else None,
        "checks_failed": result.build.failed_checks if result.build else None,
    }
