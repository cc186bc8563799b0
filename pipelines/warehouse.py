"""Snapshots of the warehouse: built in private, published by moving one pointer, read by anyone.

    HANDOFF_HOME/warehouse/
        .lock                     held (flock) by the one process that builds
        building/wh.duckdb        the private copy; the path never changes, dbt's partial parse and its views need that
        versions/<run id>/        wh.duckdb and manifest.json; never changed once it is here (`withdrawn`: a rollback went behind it)
        CURRENT -> versions/...   the pointer that readers follow

A reader sees a whole snapshot or the one before, whatever happens to the run that builds the next.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import duckdb

from pipelines.errors import ConfigurationError, HandoffError
from pipelines.logs import STREAM
from pipelines.retention import MANIFEST, as_of_of, versions_to_keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    import pandas as pd

FILE_NAME: Final = "wh.duckdb"
# The smallest that DuckDB has. Each of hundreds of small tables takes a block for every column or so, and a file keeps what one build freed
# for the next one: with DuckDB's usual 256 KB a snapshot of the demo is 138 MB, so 35.
_BLOCK_BYTES: Final = 16_384
# half a second: what a holder needs on a busy machine to write who it is
_NOTE_READS, _NOTE_SECONDS = 20, 0.025


class Locked(HandoffError):
    """Another process of this HANDOFF_HOME is syncing, importing or applying."""

    exit_code = 75


class NoSnapshot(HandoffError):
    """Nothing has been published yet, or the pointer leads nowhere."""


@dataclass(frozen=True)
class Layout:
    """The paths below one HANDOFF_HOME."""

    home: Path

    @property
    def root(self) -> Path:
        """The folder of the warehouse."""
        return self.home / "warehouse"

    @property
    def building_file(self) -> Path:
        """The private copy; its path is constant."""
        return self.root / "building" / FILE_NAME

    @property
    def versions(self) -> Path:
        """The folder of published snapshots."""
        return self.root / "versions"

    @property
    def current(self) -> Path:
        """The pointer."""
        return self.root / "CURRENT"

    @property
    def lock_file(self) -> Path:
        """The file whose lock a building process holds."""
        return self.root / ".lock"


def check_home(home: Path, *, will_write: bool) -> None:
    """Raise ConfigurationError when ``home`` is no folder, or this user may not use it or what lies in it."""
    needed = os.R_OK | os.W_OK if will_write else os.R_OK
    problem = None
    try:
        existing = next(path for path in (home, *home.parents) if path.exists())
        if not existing.is_dir():
            problem = f"{existing} is a file"
        elif not os.access(existing, needed | os.X_OK):
            problem = f"this user may not {'write' if will_write else 'read'} in {existing}"
        elif existing == home:
            parts = sorted(home.iterdir()) if will_write else [Layout(home).root]
            closed = [path for path in parts if path.exists() and not os.access(path, needed)]
            problem = f"this user may not {'write' if will_write else 'read'} {closed[0]}" if closed else None
    except OSError as error:
        problem = f"{error.strerror}: {error.filename}"
    if problem is not None:
        raise ConfigurationError(
            f"HANDOFF_HOME is {home}, and that cannot be used: {problem}. "
            "Make it a folder of this user, or set HANDOFF_HOME to another one."
        )


def make_private_folder(folder: Path) -> Path:
    """Create ``folder`` and its parents so that only this user can look inside. It is on the disk when this returns."""
    if folder.is_dir():
        return folder
    if not folder.parent.exists():
        make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(PermissionError):  # a folder above ours that may be entered and not listed cannot be synced by us either
        sync_to_disk(folder.parent)
    return folder


def _lock_holder(file: IO[str]) -> str:
    """Return who holds the lock. Whoever has just taken it may not have written its note yet, so a note of nobody is read again."""
    for _ in range(_NOTE_READS):
        file.seek(0)
        try:
            holder = json.loads(file.read())
            if holder["host"] != socket.gethostname() or _is_running(int(holder["pid"])):
                return f"process {holder['pid']} on {holder['host']}, which began `{holder['what']}` at {holder['started_at']}"
        except (ValueError, KeyError, TypeError):
            pass  # half written
        time.sleep(_NOTE_SECONDS)
    return "another process"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True


@contextmanager
def run_lock(home: Path, *, what: str, started_at: datetime) -> Iterator[None]:
    """Hold the one lock of this home. Raises Locked, naming the holder, when somebody else has it.

    The kernel releases the lock when its holder dies, however it dies: there are no stale locks to clean up.
    """
    layout = Layout(home)
    make_private_folder(layout.root)
    descriptor = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Locked(
                    f"{home} is in use by {_lock_holder(file)}. Wait for it to end and run this command again; "
                    "nothing was changed."
                ) from error
            _write_lock_note(file, what, started_at)
            yield
    finally:
        pass


def _write_lock_note(file: IO[str], what: str, started_at: datetime) -> None:
    file.seek(0)
    file.truncate()
    note = {"pid": os.getpid(), "host": socket.gethostname(), "what": what, "started_at": f"{started_at:%Y-%m-%d %H:%M:%S} UTC"}
    file.write(json.dumps(note))
    file.flush()


def current_version(home: Path) -> Path | None:
    """Return the folder of the published snapshot, or None when nothing was ever published."""
    pointer = Layout(home).current
    if not pointer.is_symlink():
        return None
    return Path(os.path.realpath(pointer))


def current_run_id(home: Path) -> str | None:
    """Return the id of the run that published the present snapshot."""
    version = current_version(home)
    return version.name if version else None


def begin_private_copy(home: Path) -> Path:
    """Copy the current snapshot to the constant private path and return that path. The caller holds the lock."""
    layout = Layout(home)
    building = layout.building_file
    if building.parent.exists():
        shutil.rmtree(building.parent)
    make_private_folder(building.parent)
    version = current_version(home)
    if version is not None:
        source = version / FILE_NAME
        if source.with_name(f"{FILE_NAME}.wal").exists():
            raise HandoffError(
                f"The snapshot {version} has an unfinished write-ahead log, so somebody wrote into it. "
                "Run `handoff doctor`; it says which earlier snapshot is sound."
            )
        shutil.copyfile(source, building)
    else:
        new_file(building)
    return building


def new_file(path: Path) -> None:
    """Make an empty warehouse at ``path``; a file keeps the size of block that it was made with."""
    duckdb.connect(str(path), config={"default_block_size": str(_BLOCK_BYTES)}).close()


def write_bytes_durably(path: Path, content: bytes) -> None:
    """Write a small file so that a crash leaves the old one or the new one, on disk, readable by this user only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_to_disk(path.parent)


def sync_to_disk(path: Path) -> None:
    """Return when what a file holds, or the names that a folder holds, will outlive a failure of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def problem_of(version: Path) -> str | None:
    """Return what is wrong with a published snapshot, in words that follow its name; None when it is as it was published."""
    try:
        expected = json.loads((version / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        actual = sha256_of(version / FILE_NAME)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"is not whole ({type(error).__name__}: {error})"
    return None if actual == expected else "was changed after it was published (its SHA-256 differs)"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish(home: Path, run_id: str, manifest: dict[str, Any]) -> Path:
    """Move the finished private copy to ``versions/<run_id>`` and turn the pointer to it. The caller holds the lock."""
    version = move_to_versions(home, run_id, manifest)
    point_to(Layout(home), version)
    remove_old_versions(Layout(home))
    return version


def move_to_versions(home: Path, run_id: str, manifest: dict[str, Any]) -> Path:
    """Move the finished private copy to ``versions/<run_id>``, on the disk and with its hash; nobody reads it yet."""
    layout = Layout(home)
    building = layout.building_file
    if building.with_name(f"{FILE_NAME}.wal").exists():
        raise HandoffError(
            f"{building} still has a write-ahead log: a connection was left open. Nothing was published; please report this."
        )
    building.chmod(0o600)
    sync_to_disk(building)
    content = {**manifest, "run_id": run_id, "sha256": sha256_of(building), "bytes": building.stat().st_size}
    write_bytes_durably(building.parent / MANIFEST, json.dumps(content, indent=2, default=str).encode())
    make_private_folder(layout.versions)
    version = layout.versions / run_id
    building.parent.rename(version)
    sync_to_disk(layout.versions)
    return version


def point_to(layout: Layout, version: Path) -> None:
    """Turn the pointer to ``version``, at once for everybody who reads. The caller holds the lock."""
    temporary = layout.root / f".CURRENT.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(version.relative_to(layout.root), target_is_directory=True)
    temporary.replace(layout.current)
    sync_to_disk(layout.root)


def remove_old_versions(layout: Layout) -> None:
    """Remove the versions that retention does not keep."""
    current = current_version(layout.home)
    dated = {path: as_of_of(path) for path in layout.versions.iterdir()}
    kept = {current, *versions_to_keep(dated)}
    for path in dated:
        if path not in kept:
            shutil.rmtree(path)


class Snapshot:
    """One published snapshot, opened for reading only."""

    def __init__(self, version: Path) -> None:
        """Open ``version`` (a folder of ``versions/``)."""
        self.version = version
        self.run_id = version.name
        self._connection = duckdb.connect(
            str(version / FILE_NAME),
            read_only=True,
            config={"python_enable_replacements": "false"},
        )
        # DuckDB shares one instance among a process's connections to a file: the second finds the doors closed already
        locked = self._connection.execute("select current_setting('lock_configuration')").fetchone()
        if locked == (True,):
            return
        # the zone needs an extension of its own loaded, so it comes before the doors are closed
        for statement in ("set global TimeZone = 'UTC'", "set enable_external_access = false", "set lock_configuration = true"):
            self._connection.execute(statement)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the run wrote down about itself when it published."""
        content: dict[str, Any] = json.loads((self.version / MANIFEST).read_text(encoding="utf-8"))
        return content

    @property
    def published_at(self) -> datetime:
        """When the snapshot was published (UTC)."""
        return datetime.fromisoformat(self.manifest["published_at"])

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pd.DataFrame:
        """Return the rows of a SELECT as a data frame."""
        return self._connection.cursor().execute(sql, list(parameters)).df()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return the rows of a SELECT as dictionaries (no pandas)."""
        cursor = self._connection.cursor().execute(sql, list(parameters))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def published_at_of(version: Path) -> datetime | None:
    """Return when a snapshot was published (UTC), from its manifest; None where that cannot be read."""
    try:
        return datetime.fromisoformat(json.loads((version / "manifest.json").read_text(encoding="utf-8"))["published_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def open_as_of(home: Path, day: date) -> Snapshot:
    """Open the newest retained snapshot that speaks of ``day`` or of a day before. Raises NoSnapshot, naming the first day there is."""
    root = Layout(home).versions
    dated = {path: as_of for path in (root.iterdir() if root.is_dir() else ()) if (as_of := as_of_of(path)) is not None}
    fitting = [path for path, as_of in dated.items() if as_of <= day]
    if not fitting:
        first = f"The oldest that is kept speaks of {min(dated.values())}" if dated else "None is kept"
        raise NoSnapshot(
            f"There is no snapshot of {day} or before in {home}. {first}; docs/architecture.md says what is kept how long."
        )
    version = max(fitting, key=lambda path: (dated[path], path.name))
    try:
        return Snapshot(version)
    except duckdb.IOException as error:
        raise NoSnapshot(
            f"The snapshot {version} cannot be opened ({str(error).splitlines()[0]}). Run `handoff doctor` to see which is sound."
        ) from error


def open_current(home: Path) -> Snapshot:
    """Open the published snapshot, here or at SNAPSHOT_URL. Raises NoSnapshot, saying what to run first."""
    from pipelines.snapshot_store import follow  # noqa: PLC0415 - which fetches into this module's folders

    problem = follow(home)
    if problem is not None:
        STREAM.write(f"{problem}\n")
    for attempt in (1, 2):  # the version may be removed between reading the pointer and opening the file
        version = current_version(home)
        if version is None:
            raise NoSnapshot(
                problem
                or f"There is no snapshot in {home} yet. Run `handoff sync`, or `make demo` to try the invented organisation."
            )
        try:
            return Snapshot(version)
        except duckdb.IOException as error:
            if attempt == 2 or (version / FILE_NAME).exists():
                raise NoSnapshot(
                    f"The snapshot {version} cannot be opened ({str(error).splitlines()[0]}). "
                    "Run `handoff doctor` to see which earlier snapshot is sound, or `handoff sync` to build a new one."
                ) from error
            time.sleep(0.05)
    raise AssertionError
