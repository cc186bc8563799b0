"""Which published snapshots stay: the newest, and of the days and months before them the last of each.

A report can be had as it was on a day that one of them speaks of (`handoff report --as-of`), and a rule can be tried on all of them
(`handoff rules backtest`).
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# A reader that resolved the pointer just before the oldest version went finds the next one; five versions give it time.
VERSIONS_KEPT: Final = 5
DAYS_KEPT: Final = 7
# a year and the month that it is compared with
MONTHS_KEPT: Final = 13
MANIFEST: Final = "manifest.json"
# beside the manifest of a snapshot that a rollback went behind: it no longer answers for its day
WITHDRAWN: Final = "withdrawn"


def as_of_of(version: Path) -> date | None:
    """Return the day that a snapshot speaks of, from its manifest; None where that cannot be read or was withdrawn."""
    if (version / WITHDRAWN).exists():
        return None
    try:
        return date.fromisoformat(json.loads((version / MANIFEST).read_text(encoding="utf-8"))["as_of"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def versions_to_keep(dated: Mapping[Path, date | None]) -> set[Path]:
    """Return the newest snapshots, and of the days and months before them the last of each; names of snapshots sort by time."""
    newest_first = sorted(dated, key=lambda path: path.name, reverse=True)
    kept = set(newest_first[:VERSIONS_KEPT])
    for count, form in ((DAYS_KEPT, "%Y-%m-%d"), (MONTHS_KEPT, "%Y-%m")):
        last_of: dict[str, Path] = {}
        for path in newest_first:
            as_of = dated[path]
            if as_of is not None:
                last_of.setdefault(as_of.strftime(form), path)
        kept |= {last_of[period] for period in sorted(last_of, reverse=True)[:count]}
    return kept
