"""``handoff export`` and ``handoff restore``: everything of one home as Parquet, with a manifest that proves each file.

    DIR/
        manifest.json                       SHA-256, bytes and rows of every other file; written last: without it an export is not whole
        snapshots/<run id>/schema.json      the statements that make its tables and views
        snapshots/<run id>/<schema>/<table>.parquet
        ledger/<table>.parquet              with hashes and seals, as they are
        plans/, keys/                       as they are; keys only if asked for, since they open and seal things

Parquet is read by everything, so that nobody needs handoff to get at what it held.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import duckdb

from pipelines import warehouse
from pipelines.actions.seal import KEY_FILE as PLAN_KEY
from pipelines.contents import Contents, literal, quoted
from pipelines.errors import ConfigurationError, HandoffError
from pipelines.ledger import Ledger
from pipelines.ledger_tables import HEAD, TABLES
from pipelines.retention import MANIFEST, WITHDRAWN
from pipelines.sources.people import KEY_FILE as EMAIL_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

FORMAT: Final = 1
_KEYS: Final = (PLAN_KEY, EMAIL_KEY)
_SCHEMA: Final = "schema.json"
# Parquet has no integers of 128 bits: DuckDB would write them as floating point
_AS_TEXT: Final = frozenset({"HUGEINT", "UHUGEINT", "INTERVAL", "BIT", "UUID", "TIME WITH TIME ZONE"})


@dataclass(frozen=True)
class Counted:
    """What an export or a restore carried."""

    snapshots: int
    tables: int
    ledger_rows: int
    has_keys: bool


def export(home: Path, target: Path, *, at: datetime, current_only: bool = False, with_keys: bool = False) -> Counted:
    """Write everything that ``home`` holds into the empty folder ``target``. Raises ConfigurationError, NoSnapshot or Locked."""
    with warehouse.run_lock(home, what="handoff export", started_at=at):
        versions = _versions(home, current_only=current_only)
        warehouse.make_private_folder(target)
        if any(target.iterdir()):
            raise ConfigurationError(
                f"{target} is not empty. Name a folder that is, or that does not exist yet; nothing was written."
            )
        tables = sum(_export_snapshot(version, target / "snapshots" / version.name) for version in versions)
        ledger_rows = _export_ledger(home, target / "ledger")
        if (home / "plans").is_dir():
            shutil.copytree(home / "plans", target / "plans")
        if with_keys:
            warehouse.make_private_folder(target / "keys")
            for name in _KEYS:
                if (home / name).exists():
                    shutil.copyfile(home / name, target / "keys" / name)
        current = warehouse.current_run_id(home)
        manifest = {
            "format": FORMAT,
            "handoff_version": installed_version("handoff"),
            "exported_at": at.isoformat(),
            "current": current,
            "files": {path.relative_to(target).as_posix(): _described(path) for path in sorted(_files(target))},
        }
        warehouse.write_bytes_durably(target / MANIFEST, json.dumps(manifest, indent=2).encode())
    return Counted(len(versions), tables, ledger_rows, with_keys)


def _versions(home: Path, *, current_only: bool) -> list[Path]:
    current = warehouse.current_version(home)
    if current is None:
        raise warehouse.NoSnapshot(f"There is no snapshot in {home} yet, so there is nothing to export. Run `handoff sync`.")
    versions = [current] if current_only else sorted(warehouse.Layout(home).versions.iterdir())
    for version in versions:
        problem = warehouse.problem_of(version)
        if problem is not None:
            raise HandoffError(f"Snapshot {version.name} {problem}. Remove {version} or go back before it, then export again.")
    return versions


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            yield path
        else:
            path.chmod(0o700)


def _described(path: Path) -> dict[str, Any]:
    described: dict[str, Any] = {"sha256": warehouse.sha256_of(path), "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            row = connection.execute("select num_rows from parquet_file_metadata(?)", [str(path)]).fetchone()
        described["rows"] = row[0] if row else 0
    return described


def _parquet_name(schema: str, table: str) -> PurePosixPath:
    # every character but letters, digits and _.-~ is escaped, so that no name leads elsewhere
    return PurePosixPath(quote(schema, safe="").replace(".", "%2E")) / (quote(table, safe="").replace(".", "%2E") + ".parquet")


def _export_snapshot(version: Path, target: Path) -> int:
    warehouse.make_private_folder(target)
    shutil.copyfile(version / MANIFEST, target / MANIFEST)
    if (version / WITHDRAWN).exists():
        (target / WITHDRAWN).touch()
    with duckdb.connect(str(version / warehouse.FILE_NAME), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        contents = Contents.of(connection)
        columns = connection.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal order by column_index"
        ).fetchall()
        for made in contents.tables:
            path = target / _parquet_name(made.schema, made.name)
            path.parent.mkdir(exist_ok=True)
            chosen = ", ".join(
                f"cast({quoted(name)} as varchar) as {quoted(name)}" if kind in _AS_TEXT else quoted(name)
                for of_schema, of_table, name, kind in columns
                if (of_schema, of_table) == (made.schema, made.name)
            )
            connection.execute(
                f"copy (select {chosen} from {quoted(made.schema, made.name)}) to {literal(path)} (format parquet, compression zstd)"
            )
    (target / _SCHEMA).write_text(json.dumps(contents.as_json(), indent=1), encoding="utf-8")
    return len(contents.tables)


def _export_ledger(home: Path, target: Path) -> int:
    ledger = Ledger.existing(home)
    if ledger is None:
        return 0
    with ledger:
        contents = ledger.contents()
    warehouse.make_private_folder(target)
    for table in (*TABLES, HEAD):
        names = [column.name for column in table.columns]
        kinds = ", ".join(f"{quoted(name)} {'bigint' if name in {'seq', 'id'} else 'varchar'}" for name in names)
        with duckdb.connect() as connection:
            connection.execute(f"create table rows ({kinds})")
            values = [[row[name] for name in names] for row in contents[table.name]]
            if values:
                connection.executemany(f"insert into rows values ({', '.join('?' * len(names))})", values)
            connection.execute(f"copy rows to {literal(target / (table.name + '.parquet'))} (format parquet)")
    return sum(len(contents[table.name]) for table in TABLES)


def restore(home: Path, source: Path, *, at: datetime) -> Counted:
    """Fill the empty ``home`` with what :func:`export` wrote into ``source``; a restore that was interrupted is done again.

    Every file is checked against the manifest before anything is written; the pointer is turned last.
    """
    manifest = _checked_manifest(source)
    with warehouse.run_lock(home, what="handoff restore", started_at=at):
        if warehouse.current_version(home) is not None:
            raise ConfigurationError(
                f"{home} holds a snapshot already, and a restore does not mix two homes. Set HANDOFF_HOME to an empty folder; "
                "nothing was changed."
            )
        has_keys = _restore_keys(home, source / "keys")
        folders = sorted(path for path in (source / "snapshots").iterdir() if path.is_dir())
        ledger_rows = _restore_ledger(home, source, at)
        tables = sum(_restore_snapshot(home, folder, at) for folder in folders)
        if (source / "plans").is_dir():
            warehouse.make_private_folder(home / "plans")
            for path in (source / "plans").iterdir():
                warehouse.write_bytes_durably(home / "plans" / path.name, path.read_bytes())
        layout = warehouse.Layout(home)
        warehouse.point_to(layout, layout.versions / manifest["current"])
    return Counted(len(folders), tables, ledger_rows, has_keys)


def _checked_manifest(source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
        files, current = dict(manifest["files"]), str(manifest["current"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{source} is no whole export: its {MANIFEST} cannot be read ({type(error).__name__}). Export again; nothing was changed."
        ) from error
    if manifest.get("format") != FORMAT:
        raise ConfigurationError(
            f"{source} was exported in a format that this version does not know. Use the version that wrote it."
        )
    problems = []
    for name, described in files.items():
        path = source / name
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or not path.is_file():
            problems.append(f"{name} is missing")
        elif warehouse.sha256_of(path) != described.get("sha256"):
            problems.append(f"{name} was changed")
    strange = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()} - {*files, MANIFEST}
    problems += [f"{name} is not in the manifest" for name in sorted(strange)]
    if f"snapshots/{current}/{_SCHEMA}" not in files:
        problems.append(f"the snapshot {current} is missing")
    if problems:
        raise ConfigurationError(
            f"{source} is not as it was exported: {'; '.join(problems[:5])}{' and more' if len(problems) > 5 else ''}. "
            "Take another copy; nothing was changed."
        )
    return manifest


def _restore_keys(home: Path, folder: Path) -> bool:
    found = [path for path in (folder / name for name in _KEYS) if path.exists()]
    for path in found:
        target = home / path.name
        if target.exists() and target.read_bytes() != path.read_bytes():
            raise ConfigurationError(
                f"{target} is another key than the one that was exported. Set HANDOFF_HOME to an empty folder; nothing was changed."
            )
    for path in found:
        warehouse.write_bytes_durably(home / path.name, path.read_bytes())
    return bool(found)


def _restore_ledger(home: Path, source: Path, at: datetime) -> int:
    if not (source / "ledger").is_dir():
        return 0
    contents: dict[str, list[dict[str, Any]]] = {}
    with duckdb.connect() as connection:
        for table in (*TABLES, HEAD):
            read = connection.execute(f"select * from read_parquet({literal(source / 'ledger' / (table.name + '.parquet'))})")
            names = [column[0] for column in read.description]
            contents[table.name] = [dict(zip(names, row, strict=True)) for row in read.fetchall()]
    if not (home / PLAN_KEY).exists():
        raise ConfigurationError(
            f"The ledger is sealed with a key that is not in this export. Copy {PLAN_KEY} (and {EMAIL_KEY}) of the old home into {home}, "
            "or export with --with-keys, and restore again; nothing was changed."
        )
    with Ledger.open(home) as ledger:
        if ledger.adopt(contents):
            ledger.record_event(
                "restore",
                at=at,
                subject=str(contents[HEAD.name][0]["seq"]) if contents[HEAD.name] else "0",
                sentence=f"The ledger up to here and the snapshots come from an export of {_exported_at(source)}.",
            )
    return sum(len(contents[table.name]) for table in TABLES)


def _exported_at(source: Path) -> str:
    return str(json.loads((source / MANIFEST).read_text(encoding="utf-8"))["exported_at"])


def _restore_snapshot(home: Path, folder: Path, at: datetime) -> int:
    layout = warehouse.Layout(home)
    building = layout.building_file
    shutil.rmtree(building.parent, ignore_errors=True)
    warehouse.make_private_folder(building.parent)
    contents = Contents.from_json(json.loads((folder / _SCHEMA).read_text(encoding="utf-8")))
    warehouse.new_file(building)
    with duckdb.connect(str(building)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        contents.make(connection, lambda schema, table: f"read_parquet({literal(folder / _parquet_name(schema, table))})")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    target = layout.versions / folder.name
    shutil.rmtree(target, ignore_errors=True)
    version = warehouse.move_to_versions(home, folder.name, {**manifest, "restored_at": at.isoformat()})
    if (folder / WITHDRAWN).exists():
        (version / WITHDRAWN).touch(mode=0o600)
    return len(contents.tables)
