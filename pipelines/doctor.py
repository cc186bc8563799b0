"""Looks at everything a run needs and says, line by line, what must be done next."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipelines import warehouse
from pipelines.errors import HandoffError
from pipelines.ledger import Ledger
from pipelines.rules import load_rules
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.settings import Settings

# A snapshot and its private copy must fit beside each other, with room for the models' work.
FREE_SPACE_FACTOR: Final = 4
FREE_SPACE_MINIMUM: Final = 500_000_000


@dataclass(frozen=True)
class Examined:
    """One line: what was looked at and, when it is not in order, what to do."""

    is_ok: bool
    text: str


def examine(settings: Settings) -> list[Examined]:
    """Return one line for each thing that was looked at."""
    return [*_rules(settings), *_vendors(settings), *_disk(settings), *_snapshots(settings), *_ledger(settings)]


def _rules(settings: Settings) -> Iterator[Examined]:
    try:
        rules = load_rules(settings.rules_dir)
    except HandoffError as error:
        yield Examined(False, error.sentence)
        return
    yield Examined(True, f"Rule tables: profile {rules.profile}, {len(rules.table('rule_findings'))} rules in {settings.rules_dir}.")


def _vendors(settings: Settings) -> Iterator[Examined]:
    from pipelines.access import probe  # noqa: PLC0415 - builds the vendors' clients

    for vendor in VENDORS:
        if settings.is_sandbox(vendor):
            yield Examined(True, f"{vendor}: no token is set, so the SANDBOX is read. The README says where to get a token.")
            continue
        try:
            yield Examined(True, f"{vendor}: {probe(vendor, settings)}")
        except HandoffError as error:
            yield Examined(False, error.sentence)


def _disk(settings: Settings) -> Iterator[Examined]:
    home = settings.handoff_home
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    version = warehouse.current_version(home)
    size = (version / warehouse.FILE_NAME).stat().st_size if version and (version / warehouse.FILE_NAME).exists() else 0
    needed = max(FREE_SPACE_FACTOR * size, FREE_SPACE_MINIMUM)
    if free < needed:
        yield Examined(
            False, f"Disk: {free / 1e6:,.0f} MB are free at {existing}; a run needs about {needed / 1e6:,.0f} MB. Free some space there."
        )
    else:
        yield Examined(True, f"Disk: {free / 1e9:,.1f} GB are free at {existing}.")


def _snapshots(settings: Settings) -> Iterator[Examined]:
    layout = warehouse.Layout(settings.handoff_home)
    current = warehouse.current_version(settings.handoff_home)
    if current is None:
        yield Examined(True, f"Snapshots: none yet in {settings.handoff_home}. Run `handoff sync`.")
        return
    if not current.is_dir():
        yield Examined(False, f"Snapshots: the pointer {layout.current} leads to {current}, which is gone. Run `handoff sync`.")
    for version in sorted(layout.versions.iterdir(), reverse=True):
        yield _snapshot(version, is_current=version == current)


def _snapshot(version: Path, *, is_current: bool) -> Examined:
    name = f"Snapshot {version.name}{' (current)' if is_current else ''}"
    try:
        expected = json.loads((version / "manifest.json").read_text(encoding="utf-8"))["sha256"]
        actual = warehouse.sha256_of(version / warehouse.FILE_NAME)
    except (OSError, ValueError, KeyError) as error:
        return Examined(False, f"{name} is not whole ({type(error).__name__}: {error}). Run `handoff sync` to publish a sound one.")
    if actual != expected:
        return Examined(False, f"{name} was changed after it was published (its SHA-256 differs). Run `handoff sync` to publish a sound one.")
    return Examined(True, f"{name} is as it was published.")


def _ledger(settings: Settings) -> Iterator[Examined]:
    ledger = Ledger.existing(settings.handoff_home)
    if ledger is None:
        yield Examined(True, "Ledger: nothing has been recorded yet.")
        return
    with ledger:
        verified = ledger.verify()
    if verified.is_sound:
        yield Examined(True, f"Ledger: {verified.row_count} rows, the chain is unbroken.")
    else:
        yield Examined(False, f"{verified.problem} Restore ledger.sqlite from a backup and find out who changed it.")
