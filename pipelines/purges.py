"""``handoff purge --person``: takes a person out of every snapshot that is kept, out of the ledger, and out of what runs left behind.

A snapshot is never changed: each that holds the person is written anew, as a new version beside it, and the old one is removed. What is
written is read from a copy in which the person is replaced already, so that no free page of the new file has ever held the person. In the
ledger the rows stay and their texts go (``Ledger.redact``).
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from pipelines import warehouse
from pipelines.contents import Contents, literal, quoted
from pipelines.decisions import author
from pipelines.errors import ConfigurationError
from pipelines.identities import REPLACEMENT, Identity, identify
from pipelines.ledger import Ledger
from pipelines.retention import MANIFEST, WITHDRAWN
from pipelines.sources.people import hashes_of

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.settings import Settings

_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# Columns that say whose row it is
_OF_CONTACT: Final = "contact_id"
_OF_OWNER: Final = "owner_id"


@dataclass(frozen=True)
class Purged:
    """What was done. ``still_at`` names the records from which the next sync would read the person again."""

    snapshots: int
    values: int
    ledger_rows: int
    plans: int
    still_at: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What a person reads."""
        done = (
            f"Removed: {self.values} values in {self.snapshots} snapshots, the texts of {self.ledger_rows} rows of the ledger, "
            f"{self.plans} plans. "
        )
        if not self.still_at:
            return (
                done
                + "No record of HubSpot that handoff has read has this address. What was exported or sent before is elsewhere."
            )
        return (
            done
            + f"HubSpot still has {' and '.join(self.still_at)}: remove the person there as well, and from other systems, or the next "
            "sync reads it again. What was exported or sent before is elsewhere."
        )


def purge(settings: Settings, address: str, *, at: datetime, by: str | None = None) -> Purged:
    """Take the person with ``address`` out of everything in this home. One that was interrupted is done again.

    Raises ConfigurationError when that is no address, Locked while something else works in this home.
    """
    if not _ADDRESS.fullmatch(address.strip()):
        raise ConfigurationError(
            "A person is named by an e-mail address (`handoff purge --person name@example.org`); nothing was removed."
        )
    home = settings.handoff_home
    layout = warehouse.Layout(home)
    with warehouse.run_lock(home, what="handoff purge", started_at=at):
        shutil.rmtree(layout.building_file.parent, ignore_errors=True)
        shutil.rmtree(home / "work", ignore_errors=True)  # logs and compiled models; the next sync makes them anew
        versions = sorted(path for path in (layout.versions.iterdir() if layout.versions.is_dir() else ()) if path.is_dir())
        with ExitStack() as stack:
            opened = [stack.enter_context(closing(warehouse.Snapshot(version))) for version in versions]
            identity = identify(opened, address, hashes_of(settings, address))
        ledger_rows = _purge_ledger(home, identity, at, by)
        counts = [_purge_version(layout, version, identity, at) for version in versions]
        plans = _purge_plans(home, identity)
    still_at = (
        *(f"contact {contact_id}" for contact_id in sorted(identity.contact_ids)),
        *(f"user {owner_id}" for owner_id in sorted(identity.owner_ids)),
    )
    return Purged(sum(count > 0 for count in counts), sum(counts), ledger_rows, plans, still_at)


def _purge_ledger(home: Path, identity: Identity, at: datetime, by: str | None) -> int:
    pattern = identity.pattern()
    ledger = Ledger.existing(home)
    if ledger is None:
        return 0
    with ledger:
        return ledger.redact(
            lambda text: pattern.sub(REPLACEMENT, text),
            "A person was removed from the snapshots and from the texts of the ledger.",
            at=at,
            actor=pattern.sub(REPLACEMENT, author(by)),
        )


def _purge_plans(home: Path, identity: Identity) -> int:
    """Remove plans that name the person: they are sealed, so they cannot be changed, and they can be made again."""
    pattern = identity.pattern()
    folder = home / "plans"
    found = [path for path in (folder.iterdir() if folder.is_dir() else ()) if pattern.search(path.read_text("utf-8", "replace"))]
    for path in found:
        path.unlink()
    return len(found)


def _purge_version(layout: warehouse.Layout, version: Path, identity: Identity, at: datetime) -> int:
    """Write ``version`` anew without the person, if it has the person, and return how many values were replaced or removed."""
    work = Path(tempfile.mkdtemp(prefix="run-purge-", dir=warehouse.make_private_folder(layout.home / "work")))
    try:
        copy = work / warehouse.FILE_NAME
        shutil.copyfile(version / warehouse.FILE_NAME, copy)
        with duckdb.connect(str(copy)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            count = _clean(connection, identity)
            contents = Contents.of(connection)
        if not count:
            return 0
        building = layout.building_file
        warehouse.make_private_folder(building.parent)
        warehouse.new_file(building)
        with duckdb.connect(str(building)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach {literal(copy)} as cleaned (read_only)")
            contents.make(connection, lambda schema, table: quoted("cleaned", schema, table))
            connection.execute("detach cleaned")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    manifest = json.loads((version / MANIFEST).read_text(encoding="utf-8"))
    # the name sorts behind the old one and before the next run
    new = warehouse.move_to_versions(
        layout.home,
        f"{version.name.split('-purged-')[0]}-purged-{secrets.token_hex(3)}",
        {**manifest, "purged_at": at.isoformat()},
    )
    if (version / WITHDRAWN).exists():
        (new / WITHDRAWN).touch(mode=0o600)
    if warehouse.current_version(layout.home) == version:
        warehouse.point_to(layout, new)
    shutil.rmtree(version)
    return count


def _clean(connection: duckdb.DuckDBPyConnection, identity: Identity) -> int:
    count = 0
    for table, ids in (("contacts", identity.contact_ids), ("owners", identity.owner_ids)):
        count += _delete(connection, "raw_hubspot", table, "id", ids)
    for side in ("from", "to"):
        count += _delete(
            connection, "raw_hubspot", "associations", f"{side}_id", identity.contact_ids, f"{side}_object = 'contacts'"
        )
    count += _delete(connection, "raw_hubspot", "property_histories", "id", identity.contact_ids, "object_type = 'contacts'")
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() semi join duckdb_tables() "
        "using (schema_name, table_name) order by column_index"
    ).fetchall():
        tables.setdefault((schema, table), {})[column] = kind
    for (schema, table), kinds in tables.items():
        varchars = [column for column, kind in kinds.items() if kind == "VARCHAR"]
        count += _replace(connection, quoted(schema, table), varchars, identity, None)
        for column, ids in ((_OF_CONTACT, identity.contact_ids), (_OF_OWNER, identity.owner_ids)):
            if column in kinds and ids:
                count += _replace(connection, quoted(schema, table), varchars, identity, (column, ids))
    return count


def _delete(  # noqa: PLR0917 - what is deleted, from where, by what
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, column: str, ids: set[str], condition: str = "true"
) -> int:
    there = connection.execute(
        "select 1 from duckdb_tables() where schema_name = ? and table_name = ?", [schema, table]
    ).fetchone()
    if there is None or not ids:
        return 0
    row = connection.execute(
        f"delete from {quoted(schema, table)} where {condition} and {quoted(column)} in (select unnest(?))", [sorted(ids)]
    ).fetchone()
    return int(row[0]) if row else 0


def _replace(
    connection: duckdb.DuckDBPyConnection, table: str, columns: list[str], identity: Identity, own: tuple[str, set[str]] | None
) -> int:
    """Replace the person in the text columns of a table: in all rows, or more thoroughly in those whose column has one of the ids."""
    if not columns:
        return 0
    if own is None:  # the rough look is DuckDB's, the exact one Python's, as in the ledger
        condition = " or ".join(f"regexp_matches({quoted(column)}, $1, 'i')" for column in columns)
        parameter: object = "|".join(re.escape(text) for text in identity.spellings())
    else:
        condition, parameter = f"{quoted(own[0])} in (select unnest($1))", sorted(own[1])
    pattern = identity.pattern(own_rows=own is not None)
    chosen = ", ".join(quoted(column) for column in columns)
    found = connection.execute(f"select rowid, {chosen} from {table} where {condition}", [parameter]).fetchall()
    count = 0
    for rowid, *values in found:
        before = {column: value for column, value in zip(columns, values, strict=True) if value is not None}
        changed = {column: new for column, value in before.items() if (new := pattern.sub(REPLACEMENT, value)) != value}
        if changed:
            assignments = ", ".join(f"{quoted(column)} = ?" for column in changed)
            connection.execute(f"update {table} set {assignments} where rowid = ?", [*changed.values(), rowid])
            count += len(changed)
    return count
