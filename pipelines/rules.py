"""The rule tables for Python: one loader for the CSV files that dbt seeds as well.

Stages, fields, thresholds and names of this organisation are data. A mistake in them is reported with file, line and column before
anything is read from a vendor, because a run with broken rules would say wrong things with confidence.
"""

from __future__ import annotations

import calendar
import csv
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from pipelines.errors import ConfigurationError
from pipelines.profiles import table_files
from pipelines.rule_tables import (
    ALSO_ALLOWED,
    ENGAGEMENTS,
    LOOKUP_PLACES,
    OPTIONAL_CELLS,
    REFERENCES,
    REQUIRED_KEYS,
    REQUIRED_TABLES,
    complaint_about,
    key_columns,
)
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.settings import Vendor

Row = dict[str, str]
# Business days are counted as far ahead as this (int_business_days).
_DAYS_OF_HOLIDAYS_AHEAD: Final = 365


@dataclass(frozen=True)
class AssociationPair:
    """Two HubSpot objects whose links are read in full at every run."""

    from_object: str
    to_object: str
    purpose: str


class Rules:
    """The rule tables that are in force, typed where Python needs them."""

    def __init__(self, directory: Path, tables: dict[str, list[Row]]) -> None:
        """Keep the checked rows of ``directory``; use :func:`load_rules` to read them."""
        self.directory = directory
        self._tables = tables

    @property
    def profile(self) -> str:
        """The name of the profile: the folder's name."""
        return self.directory.name

    def table(self, name: str) -> list[Row]:
        """Return the rows of one table. Raises KeyError for a table that does not exist."""
        return self._tables[name]

    def with_table(self, name: str, rows: list[Row]) -> Rules:
        """Return these rules with the rows of one table replaced."""
        return Rules(self.directory, {**self._tables, name: rows})

    @property
    def organisation(self) -> dict[str, str]:
        """The organisation's own values by key, such as ``timezone`` and ``hubspot_portal_id``."""
        return {row["key"]: row["value"] for row in self.table("rule_organisation")}

    @property
    def associations(self) -> list[AssociationPair]:
        """The HubSpot pairs whose links are read."""
        return [
            AssociationPair(row["from_object"], row["to_object"], row.get("purpose", ""))
            for row in self.table("map_associations")
        ]

    @property
    def fields(self) -> dict[tuple[str, str], dict[str, str]]:
        """Vendor field by canonical field, for each (system, object)."""
        mapping: dict[tuple[str, str], dict[str, str]] = {}
        for row in self.table("map_fields"):
            mapping.setdefault((row["system"], row["object"]), {})[row["canonical_field"]] = row["vendor_field"]
        return mapping

    @property
    def cost_tag_keys(self) -> list[str]:
        """The tag keys by which costs are attributed, each once."""
        return sorted({row["tag_key"] for row in self.table("map_cost_tags")})

    @property
    def thresholds(self) -> dict[str, Decimal]:
        """Every threshold by key; its unit stands in the table."""
        return {row["key"]: Decimal(row["value"]) for row in self.table("rule_thresholds")}

    def holidays_to_add(self, today: date) -> str | None:
        """Return what to do when the holidays end within a year from ``today``: due dates after them would skip none."""
        last = max((date.fromisoformat(row["holiday_on"]) for row in self.table("rule_holidays")), default=None)
        if last is not None and last >= today + timedelta(days=_DAYS_OF_HOLIDAYS_AHEAD):
            return None
        after = f"after {last.day} {last:%B %Y} " if last is not None else ""
        return f"Due dates {after}skip no holiday. Add the holidays of the next year to {self.directory / 'rule_holidays.csv'}."

    @property
    def source_names(self) -> dict[str, str]:
        """The name that people know a source by."""
        return {row["source"]: row["source_name"] for row in self.table("rule_sources")}

    @property
    def vendors(self) -> tuple[Vendor, ...]:
        """The vendors that are asked: those that rule_sources.csv names, but for those whose records come from files."""
        return tuple(vendor for vendor in VENDORS if vendor in self.source_names and vendor not in self.from_files)

    @property
    def from_files(self) -> frozenset[str]:
        """The vendors whose records come from imported files instead of their API (rule_file_sources.csv)."""
        return frozenset(row["source"] for row in self.table("rule_file_sources"))


def load_rules(directory: Path) -> Rules:
    """Read and check every rule table in ``directory``. Raises ConfigurationError naming file, line and column."""
    tables, mistakes = _examined(directory)
    if mistakes:
        raise mistakes[0]
    return Rules(directory, {name: [row for _, row in table.rows] for name, table in tables.items()})


def mistakes_in(directory: Path) -> list[ConfigurationError]:
    """Return everything that is wrong with the rule tables in ``directory``, each with file, line and column."""
    return _examined(directory)[1]


@dataclass(frozen=True)
class _Table:
    """One file with its rows, each with the line that it ends on."""

    path: Path
    rows: list[tuple[int, Row]]

    def wrong(self, line: int, column: str, problem: str, repair: str) -> ConfigurationError:
        """Return what is wrong with a cell, as the error to raise."""
        return ConfigurationError(f"{self.path}, line {line}, column {column}: {problem}. {repair}")

    def values(self, column: str) -> set[str]:
        """Return what stands in a column."""
        return {row[column] for _, row in self.rows}


def _examined(directory: Path) -> tuple[dict[str, _Table], list[ConfigurationError]]:
    """Return the tables of a folder and all that is wrong with them; what tables say about each other only once each can be read."""
    tables: dict[str, _Table] = {}
    mistakes: list[ConfigurationError] = []
    unreadable: list[ConfigurationError] = []
    try:
        _check_folder(directory)
        for path in table_files(directory):
            try:
                tables[path.stem], found = _read_table(path)
                mistakes += found
            except ConfigurationError as error:
                unreadable.append(error)
    except ConfigurationError as error:
        return {}, [error]
    except OSError as error:
        return {}, [
            ConfigurationError(
                f"The rule tables in {directory} cannot be read ({error.strerror}: {error.filename}). "
                "Give this user the right to read the folder and its files, or set RULES_DIR to another folder."
            )
        ]
    if not unreadable:
        for table in tables.values():
            mistakes += _mistaken_keys(table)
        mistakes += (*_mistaken_references(tables), *_mistaken_lookups(tables), *_mistaken_organisation(tables))
    return tables, [*unreadable, *mistakes]


def _check_folder(directory: Path) -> None:
    if not directory.is_dir():
        raise ConfigurationError(
            f"The rule tables were looked for in {directory}, which is not a folder. "
            "Set RULES_DIR to a folder with rule_*.csv and map_*.csv, or unset it to use the default profile."
        )
    known = {path.stem for path in table_files(directory)}
    missing = sorted(set(REQUIRED_TABLES) - known)
    if missing:
        raise ConfigurationError(
            f"The rule tables in {directory} lack {', '.join(f'{name}.csv' for name in missing)}. "
            "Copy the missing files from dbt/seeds/default and adapt them."
        )


def _read_table(path: Path) -> tuple[_Table, list[ConfigurationError]]:
    table = _Table(path, [])
    mistakes: list[ConfigurationError] = []
    content = path.read_bytes()
    if 0 < content.count(b"\r\n") < content.count(b"\n"):  # the database reads no such file
        raise ConfigurationError(f"{path} has two kinds of line ends. Save it anew as UTF-8 CSV with commas.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or []
            for column in (*REQUIRED_TABLES.get(path.stem, ()), *OPTIONAL_CELLS.get(path.stem, ())):
                if column not in header:
                    raise ConfigurationError(
                        f"{path}, line 1: the column {column} is missing. Add it; dbt/seeds/default/{path.name} shows the form."
                    )
            for row in reader:
                if None in row or any(value is None for value in row.values()):
                    mistakes.append(
                        ConfigurationError(
                            f"{path}, line {reader.line_num}: the row has not {len(header)} cells like the header. "
                            "Add or remove commas; a value with a comma stands in double quotes."
                        )
                    )
                    continue
                mistakes += _mistaken_cells(table, reader.line_num, row)
                table.rows.append((reader.line_num, row))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not a readable CSV file ({error}). Save it as UTF-8 CSV with commas.") from error
    return table, mistakes


def _mistaken_cells(table: _Table, line: int, row: Row) -> Iterator[ConfigurationError]:
    name = table.path.stem
    for column in REQUIRED_TABLES.get(name, ()):
        if not row[column].strip():
            yield table.wrong(line, column, "the cell is empty", "Fill it, or delete the row.")
    for column, value in row.items():
        if complaint := complaint_about(name, column, value):
            yield table.wrong(line, column, *complaint)


def _mistaken_keys(table: _Table) -> Iterator[ConfigurationError]:
    """Check that no row stands there twice, and that none is missing that is asked for by its key."""
    columns = key_columns(table.path.stem)
    seen: dict[tuple[str, ...], int] = {}
    for line, row in table.rows if columns else ():
        key = tuple(row[column] for column in columns)
        if key in seen:
            yield table.wrong(
                line,
                " and ".join(columns),
                f"{', '.join(key)!r} stands in line {seen[key]} already",
                "Delete one of the two rows, or correct it.",
            )
        seen[key] = line
    missing = sorted(REQUIRED_KEYS.get(table.path.stem, frozenset()) - {key[0] for key in seen})
    if missing:
        yield ConfigurationError(
            f"{table.path}, column key: there is no row {', '.join(missing)}, and rules rest on it. "
            f"Copy it from dbt/seeds/default/{table.path.name} and set its value."
        )


def _mistaken_references(tables: dict[str, _Table]) -> Iterator[ConfigurationError]:
    """Check what one table says about another. An empty cell refers to nothing; a cell may hold several names with semicolons."""
    for name, column, target, target_column in REFERENCES:
        table, allowed = tables[name], tables[target].values(target_column) | ALSO_ALLOWED.get((name, column), frozenset())
        for line, row in table.rows:
            unknown = sorted({part.strip() for part in row[column].split(";")} - allowed) if row[column] else []
            if unknown:
                yield table.wrong(
                    line,
                    column,
                    f"{', '.join(map(repr, unknown))} is not in {target}.csv",
                    f"Use one of {', '.join(sorted(allowed))}, or add it there.",
                )


def _mistaken_lookups(tables: dict[str, _Table]) -> Iterator[ConfigurationError]:
    """Check that every place where an intake field is looked up is a field of map_fields.csv."""
    known = {(row["system"], row["object"], row["canonical_field"]) for _, row in tables["map_fields"].rows}
    stores = tables["rule_engagement_stores"].values("store")
    table = tables["rule_intake_fields"]
    for line, row in table.rows:
        for lookup in row["lookups"].split(";"):
            place, _, field = lookup.strip().partition(".")
            if place not in LOOKUP_PLACES or not field:
                forms = ", ".join(f"{word}.FIELD" for word in LOOKUP_PLACES)
                yield table.wrong(line, "lookups", f"{lookup!r} names no place", f"Write {forms}, with semicolons between them.")
                continue
            system, kind = LOOKUP_PLACES[place]
            for kept_in in sorted(stores) if system == ENGAGEMENTS else (system,):
                if (kept_in, kind, field) not in known:
                    yield table.wrong(
                        line,
                        "lookups",
                        f"{lookup.strip()!r} needs a row {kept_in},{kind},{field} in map_fields.csv, and there is none",
                        "Add it there, or correct the name.",
                    )


def _mistaken_organisation(tables: dict[str, _Table]) -> Iterator[ConfigurationError]:
    """Check the organisation's own values that must have a form."""
    table, statuses = tables["rule_organisation"], tables["rule_engagement_statuses"].values("status")
    checks: dict[str, tuple[Callable[[str], bool], str]] = {
        "timezone": (_is_timezone, "Write an IANA name such as America/Los_Angeles."),
        "handoff_epoch": (_is_date, "Write a date as YYYY-MM-DD."),
        "hubspot_portal_id": (str.isdecimal, "Write the digits of the portal's id, as in the address of any HubSpot page."),
        "working_days": (_are_weekdays, "Write English names with semicolons between them, such as Monday;Tuesday."),
        "delivery_request_project": (str.isdecimal, "Write the digits of the project's number, as in its address."),
        "new_engagement_status": (statuses.__contains__, f"Use one of {', '.join(sorted(statuses))}."),
    }
    for line, row in table.rows:
        fits, repair = checks.get(row["key"], (None, ""))
        if fits is not None and not fits(row["value"]):
            yield table.wrong(line, "value", f"{row['value']!r} cannot be the {row['key']}", repair)


def _is_timezone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # not known, no name at all, a folder of names
        return False
    return True


def _are_weekdays(value: str) -> bool:
    names = value.split(";")
    return len(set(names)) == len(names) and set(names) <= set(calendar.day_name)


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
