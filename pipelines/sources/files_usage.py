"""Usage that people hand in: who or how many used a hub, by day or month.

    FILE.csv, FILE.csv.gz, FILE.xlsx -> raw_files.usage

One column says which hub (``engagement``, ``hub`` or ``cluster``), one when (``date`` or ``month``), and one either how many people
used it (``users``) or who did (``user``, a row for each person). An empty count, or N/A, means that there is no data, which is not
zero. Persons are kept as keyed hashes; whoever matches ``rule_staff_users.csv`` is marked as staff and never counts. An address is the
same person on every hub; any other name is a person of its own hub, because two hubs may give one name to two people. A row that does
not parse is set aside with its line or row number and the reason; the others load.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError
from pipelines.sources.files_cells import cell_tables
from pipelines.sources.files_table import Row, TableFile
from pipelines.sources.people import email_hash
from pipelines.warehouse import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.files_csv import Quarantined
    from pipelines.sources.people import EmailHash

_HUB: Final = ("engagement", "hub", "cluster")
_PERIOD: Final = ("date", "month")
_USERS: Final = ("user", "users")
_PARTS: Final = (_HUB, _PERIOD, _USERS)
_NO_DATA: Final = frozenset({"", "n/a", "na", "null", "none", "-"})
_MOST_USERS: Final = 10**9


@dataclass(kw_only=True)
class UsageFile(TableFile):
    """One file of usage."""

    TABLE = "usage"

    staff: list[re.Pattern[str]]
    person: EmailHash

    def rows(self) -> Iterator[Row]:
        """Yield the sound rows, shaped like ``raw_files.usage``."""
        return self.sound_lines(self._typed)

    def payload_of(self, item: Quarantined) -> str:
        """Return what is kept of a row that was set aside: a damaged line may name anybody."""
        return "not kept, because it may name a person" if self._names_people else item.payload

    @property
    def _names_people(self) -> bool:
        return any("user" in _lowered(table.header) for table in self.found.tables)

    def _typed(self, cells: dict[str, str]) -> Row:
        hub_column, period, users = (next(name for name in names if name in cells) for names in _PARTS)
        hub = cells[hub_column]
        if not hub:
            raise ValueError(f"{hub_column} is empty")
        row: Row = {
            "hub": hub,
            "period_kind": "day" if period == "date" else "month",
            "period_on": _day(cells[period]) if period == "date" else _month(cells[period]),
        }
        said = cells[users]
        if users == "users":
            return row | {"user_count": _count(said)}
        if not said:
            raise ValueError("user is empty")
        name = said.lower()
        return row | {
            "user_key": self.person.of_person(name if "@" in name else f"{name} on {hub.lower()}"),
            "is_staff": any(pattern.search(name) for pattern in self.staff),
        }


def open_usage_file(path: Path, settings: Settings, rules: Rules) -> UsageFile:
    """Check that ``path`` is a usage file. Raises ConfigurationError that says what is missing."""
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise ConfigurationError(
            f"{path} {problem}. Give the path of a CSV or Excel file with a hub, a date or month, and users."
        )
    found = cell_tables(path, _complaint, {name for names in _PARTS for name in names})
    return UsageFile(path=path, sha256=sha256_of(path), found=found, staff=_patterns(rules), person=email_hash(settings))


def _complaint(header: list[str], where: str) -> str | None:
    for names in _PARTS:
        if not _lowered(header).intersection(names):
            return (
                f"{where} is not a usage file: it has no column {' or '.join(names)}. Give it one column for the hub "
                "(engagement, hub or cluster), one for the day or month (date or month), and one for the people "
                "(users for their number, or user for a row for each of them)."
            )
    return None


def _lowered(header: list[str]) -> set[str]:
    return {name.strip().lower() for name in header}


def _patterns(rules: Rules) -> list[re.Pattern[str]]:
    patterns = []
    for row in rules.table("rule_staff_users"):
        try:
            patterns.append(re.compile(row["name_pattern"], re.IGNORECASE))
        except re.error as error:
            raise ConfigurationError(
                f"rule_staff_users.csv: {row['name_pattern']!r} is not a regular expression ({error}). Correct it."
            ) from error
    return patterns


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"date {text!r} is not a day like 2026-11-16") from error


def _month(text: str) -> date:
    try:
        return date.fromisoformat(text if text.count("-") > 1 else f"{text}-01").replace(day=1)
    except ValueError as error:
        raise ValueError(f"month {text!r} is not a month like 2026-11") from error


def _count(text: str) -> int | None:
    if text.lower() in _NO_DATA:
        return None
    if not text.isdecimal() or int(text) > _MOST_USERS:
        raise ValueError(f"users {text!r} is not a number of people")
    return int(text)
