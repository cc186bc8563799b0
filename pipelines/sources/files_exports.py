"""Cost exports that AWS delivers again and again into a bucket, or that somebody copied from there into a folder.

    <export>/metadata/BILLING_PERIOD=2026-11/[<execution>/]<name>-Manifest.json
    <export>/data/BILLING_PERIOD=2026-11/[<execution>/]<name>-00001.snappy.parquet, or .csv.gz
        -> raw_files.daily_costs (Parquet), focus_costs (CSV), exports

The manifest says which files make up a billing period; AWS writes it after them. Files that it does not name are leftovers of an
earlier delivery and are not read. Where the export keeps every delivery (CREATE_NEW_REPORT) each execution has a folder, and the newest
one counts; where it overwrites (OVERWRITE_REPORT) there is none. A period is read when its manifest or one of its files is not what it
was at the last import, or the tags that count are others, and then replaces what was there of it; other periods stay, also those that are
no longer in the bucket. Charges in Parquet files stay where they lie and are added up there (``files_daily_costs.py``); of a bucket the
columns for that are fetched. Charges in CSV files are read one by one. Read is the FOCUS table. CUR 2.0 is refused with a sentence.
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError, GarbageAnswer, Unavailable
from pipelines.sources.files import open_focus_file
from pipelines.sources.files_daily_costs import add_up, needed_names
from pipelines.sources.files_stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.files_csv import Quarantined
    from pipelines.sources.files_daily_costs import DailyCosts
    from pipelines.sources.files_stores import Store, StoredFile
    from pipelines.sources.landing import Landing
    from pipelines.transport import Transport

_PERIOD: Final = r"BILLING_PERIOD=(?P<period>\d{4}-\d{2})"
_MANIFEST: Final = re.compile(rf"(?P<root>(?:.+/)?)metadata/{_PERIOD}/(?:(?P<execution>[^/]+)/)?[^/]*Manifest\.json")
# Another one lets every period be read again: it is kept in another form than before
_FORM: Final = "daily"
_DATA_FILE: Final = re.compile(rf".*\bdata/(?P<path>{_PERIOD}/.+\.(?:parquet|csv|csv\.gz))")


@dataclass(frozen=True)
class Partition:
    """One billing period of one export, as its manifest describes it."""

    export: str
    period: str
    manifest: str
    files: tuple[StoredFile, ...]
    fingerprint: str

    @property
    def place(self) -> str:
        """What the names of its files begin with."""
        return f"{self.export}/BILLING_PERIOD={self.period}"

    def name_of(self, file: StoredFile) -> str:
        """What people call one of its files by."""
        return f"{self.export}/{file.path[file.path.index(f'BILLING_PERIOD={self.period}/') :]}"


@dataclass
class CostExports:
    """The exports below a folder or prefix. Reading them fills ``row_count``, ``quarantine``, ``read`` and ``unchanged``."""

    path: PurePath
    store: Store
    partitions: list[Partition]
    tag_keys: list[str]
    memory: str
    row_count: int = 0
    quarantine: list[Quarantined] = field(default_factory=list)
    read: list[Partition] = field(default_factory=list)
    unchanged: list[Partition] = field(default_factory=list)

    @property
    def transport(self) -> Transport | None:
        """The way to the bucket; None for a folder."""
        return self.store.transport

    @property
    def places(self) -> list[tuple[str, str]]:
        """The periods that were read."""
        return [(table, partition.place) for partition in self.read for table in ("focus_costs", "daily_costs")]

    def land(self, landing: Landing, folder: Path) -> None:
        """Read the periods that changed since the last import; they replace what is known of them. Raises VendorError."""
        columns = ("export_name", "billing_period", "fingerprint")
        known = {(export, period): mark for export, period, mark in landing.earlier.tuples("exports", *columns)}
        for partition in self.partitions:
            is_known = known.get((partition.export, partition.period)) == partition.fingerprint
            (self.unchanged if is_known else self.read).append(partition)
        changed = [partition.place for partition in self.read]
        landing.keep_others("exports")
        place = "regexp_extract(file_name, '^(.*/BILLING_PERIOD=[0-9-]+)/', 1)"
        landing.keep("focus_costs", f"{place} not in (select unnest(?::varchar[]))", changed)
        place = "export_name || '/BILLING_PERIOD=' || billing_period"
        for table in ("exports", "daily_costs"):
            landing.keep(table, f"{place} not in (select unnest(?::varchar[]))", changed)
        for partition in self.read:
            self._land(partition, landing, folder)
        self._check_that_nothing_moved()

    def _land(self, partition: Partition, landing: Landing, folder: Path) -> None:
        parquet = [stored for stored in partition.files if stored.path.endswith(".parquet")]
        rows, aside, refused = self._read_one_by_one(
            [file for file in partition.files if file not in parquet], partition, landing, folder
        )
        if parquet:
            added = self._add_up(parquet, partition, landing, folder)
            rows, aside, refused = rows + added.charge_count, aside + added.quarantine, refused + added.refused_count
        if aside and not rows:
            raise GarbageAnswer(
                f"No row of {partition.place} could be read (the first: {aside[0].reason}), so nothing was imported. "
                "Look into the export; it must be in the FOCUS form."
            )
        self.row_count += rows
        self.quarantine += aside
        row = {
            "export_name": partition.export,
            "billing_period": partition.period,
            "fingerprint": partition.fingerprint,
            "manifest": partition.manifest,
            "file_count": len(partition.files),
            "row_count": rows,
            "quarantined_count": refused,
        }
        landing.add("exports", [row], key=("export_name", "billing_period"))

    def _read_one_by_one(
        self, files: list[StoredFile], partition: Partition, landing: Landing, folder: Path
    ) -> tuple[int, list[Quarantined], int]:
        rows = 0
        aside: list[Quarantined] = []
        for stored in files:
            path = self.store.fetch(stored, folder)
            file = open_focus_file(path, name=partition.name_of(stored))
            file.add_to(landing)
            rows += file.row_count
            for item in file.quarantine:
                item.file_name = file.name
                aside.append(item)
            if path.is_relative_to(folder):
                path.unlink()  # the disk need not hold all periods at once
        return rows, aside, len(aside)

    def _add_up(self, files: list[StoredFile], partition: Partition, landing: Landing, folder: Path) -> DailyCosts:
        paths = {partition.name_of(stored): self.store.fetch_columns(stored, folder, needed_names) for stored in files}
        added = add_up(
            paths,
            export=partition.export,
            period=partition.period,
            tag_keys=self.tag_keys,
            memory=self.memory,
            folder=folder / "added_up",
        )
        landing.add_file("daily_costs", added.file)
        for item in added.quarantine:
            landing.set_aside("daily_costs", item.place, item.reason, item.payload)
        for path in paths.values():
            if path.is_relative_to(folder):
                path.unlink()
        return added

    def _check_that_nothing_moved(self) -> None:
        now = (
            {(found.export, found.period): found.fingerprint for found in _partitions(self.store, self.tag_keys)}
            if self.read
            else {}
        )
        moved = [
            partition.place for partition in self.read if now.get((partition.export, partition.period)) != partition.fingerprint
        ]
        if moved:
            raise Unavailable(
                f"{', '.join(moved)} was rewritten while it was read, so nothing was imported. Run the import again; AWS delivers an "
                "export a few times a day."
            )


def open_cost_exports(address: str, settings: Settings, rules: Rules) -> CostExports:
    """Look for exports below a folder or an s3:// address. Raises ConfigurationError when there are none."""
    store, tag_keys = open_store(address, settings), rules.cost_tag_keys
    partitions = list(_partitions(store, tag_keys))
    if not partitions:
        raise ConfigurationError(
            f"{address} holds no manifest of a cost export. Give the folder or prefix of the export, the one with data and metadata in it."
        )
    return CostExports(PurePosixPath(store.name), store, partitions, tag_keys, settings.duckdb_memory_limit)


def _partitions(store: Store, tag_keys: list[str]) -> Iterator[Partition]:
    files = store.files()
    newest: dict[tuple[str, str], tuple[str, StoredFile]] = {}
    for file in files.values():
        match = _MANIFEST.fullmatch(file.path)
        if match is not None:
            key, delivery = (match["root"], match["period"]), (match["execution"] or "", file)
            if key not in newest or _is_newer(delivery, newest[key]):
                newest[key] = delivery
    for (root, period), (_, manifest) in sorted(newest.items()):
        content = store.content(manifest)
        listed = tuple(_listed(root, period, manifest, content, files))
        marks = "".join(f"{file.path.removeprefix(root)}\n{file.size}\n{file.mark}\n" for file in listed)
        form = "\n".join((_FORM, *tag_keys))
        fingerprint = hashlib.sha256(content + marks.encode() + form.encode()).hexdigest()
        yield Partition(root.rstrip("/") or store.name, period, manifest.path, listed, fingerprint)


def _is_newer(one: tuple[str, StoredFile], other: tuple[str, StoredFile]) -> bool:
    """Compare two deliveries of a period. An execution's name begins with its time, and a copy's file times may be anything."""
    if one[0] and other[0]:
        return one[0] > other[0]
    return one[1].modified > other[1].modified  # the export's mode was changed


def _listed(root: str, period: str, manifest: StoredFile, content: bytes, files: dict[str, StoredFile]) -> Iterator[StoredFile]:
    """Yield the data files that a manifest names, wherever in it: AWS describes the list and not its name."""
    try:
        told = json.loads(content)
    except ValueError as error:
        raise GarbageAnswer(f"{manifest.path} is not JSON ({error}), so nothing was imported. Copy the export again.") from error
    seen = set()
    for text in _texts(told):
        match = _DATA_FILE.fullmatch(text)
        if match is None or match["path"] in seen:
            continue
        seen.add(match["path"])
        path = f"{root}data/{match['path']}"
        if match["period"] != period or path not in files:
            raise GarbageAnswer(
                f"{manifest.path} names {path}, which is not there, so nothing was imported. Copy the whole export, or run the import "
                "again: AWS may be delivering it just now."
            )
        yield files[path]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
