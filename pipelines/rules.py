"""The rule tables for Python: one loader for the CSV files that dbt seeds as well.

Stages, fields, thresholds and names of this organisation are data. A mistake in them is reported with file, line and column before
anything is read from a vendor, because a run with broken rules would say wrong things with confidence.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines.errors import ConfigurationError
from pipelines.rule_tables import (
    LOOKUP_PLACES,
    OPTIONAL_CELLS,
    REFERENCES,
    REQUIRED_KEYS,
    REQUIRED_TABLES,
    complaint_about,
    key_columns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Row = dict[str, str]


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

    @property
    def source_names(self) -> dict[str, str]:
        """The name that people know a source by."""
        return {row["source"]: row["source_name"] for row in self.table("rule_sources")}


def load_rules(directory: Path) -> Rules:
    """Read and check every rule table in ``directory``. Raises ConfigurationError naming file, line and column."""
    try:
        tables = {table.path.stem: table for table in _read_tables(directory)}
    except OSError as error:
        raise ConfigurationError(
            f"The rule tables in {directory} cannot be read ({error.strerror}: {error.filename}). "
            "Give this user the right to read the folder and its files, or set RULES_DIR to another folder."
        ) from error
    for table in tables.values():
        _check_keys(table)
    _check_references(tables)
    _check_lookups(tables)
    _check_organisation(tables)
    return Rules(directory, {name: [row for _, row in table.rows] for name, table in tables.items()})


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


def _read_tables(directory: Path) -> list[_Table]:
    if not directory.is_dir():
        raise ConfigurationError(
            f"The rule tables were looked for in {directory}, which is not a folder. "
            "Set RULES_DIR to a folder with rule_*.csv and map_*.csv, or unset it to use the default profile."
        )
    missing = sorted(name for name in REQUIRED_TABLES if not (directory / f"{name}.csv").is_file())
    if missing:
        raise ConfigurationError(
            f"The rule tables in {directory} lack {', '.join(f'{name}.csv' for name in missing)}. "
            "Copy the missing files from dbt/seeds/default and adapt them."
        )
    return [_read_table(path) for path in sorted(directory.glob("*.csv"))]


def _read_table(path: Path) -> _Table:
    table = _Table(path, [])
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
                _check_row(table, reader.line_num, header, row)
                table.rows.append((reader.line_num, row))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not a readable CSV file ({error}). Save it as UTF-8 CSV with commas.") from error
    return table


def _check_row(table: _Table, line: int, header: Sequence[str], row: Row) -> None:
    if None in row or any(value is None for value in row.values()):
        raise ConfigurationError(
            f"{table.path}, line {line}: the row has not {len(header)} cells like the header. "
            "Add or remove commas; a value with a comma stands in double quotes."
        )
    name = table.path.stem
    for column in REQUIRED_TABLES.get(name, ()):
        if not row[column].strip():
            raise table.wrong(line, column, "the cell is empty", "Fill it, or delete the row.")
    for column, value in row.items():
        if complaint := complaint_about(name, column, value):
            raise table.wrong(line, column, *complaint)


def _check_keys(table: _Table) -> None:
    """Check that no row stands there twice, and that none is missing that is asked for by its key."""
    columns = key_columns(table.path.stem)
    seen: dict[tuple[str, ...], int] = {}
    for line, row in table.rows if columns else ():
        key = tuple(row[column] for column in columns)
        if key in seen:
            raise table.wrong(
                line,
                " and ".join(columns),
                f"{', '.join(key)!r} stands in line {seen[key]} already",
                "Delete one of the two rows, or correct it.",
            )
        seen[key] = line
    missing = sorted(REQUIRED_KEYS.get(table.path.stem, frozenset()) - {key[0] for key in seen})
    if missing:
        raise ConfigurationError(
            f"{table.path}, column key: there is no row {', '.join(missing)}, and rules rest on it. "
            f"Copy it from dbt/seeds/default/{table.path.name} and set its value."
        )


def _check_references(tables: dict[str, _Table]) -> None:
    """Check what one table says about another. An empty cell refers to nothing; a cell may hold several names with semicolons."""
    for name, column, target, target_column in REFERENCES:
        table, allowed = tables[name], tables[target].values(target_column)
        for line, row in table.rows:
            unknown = sorted({part.strip() for part in row[column].split(";")} - allowed) if row[column] else []
            if unknown:
                raise table.wrong(
                    line,
                    column,
                    f"{', '.join(map(repr, unknown))} is not in {target}.csv",
                    f"Use one of {', '.join(sorted(allowed))}, or add it there.",
                )


def _check_lookups(tables: dict[str, _Table]) -> None:
    """Check that every place where an intake field is looked up is a field of map_fields.csv."""
    known = {(row["system"], row["object"], row["canonical_field"]) for _, row in tables["map_fields"].rows}
    table = tables["rule_intake_fields"]
    for line, row in table.rows:
        for lookup in row["lookups"].split(";"):
            place, _, field = lookup.strip().partition(".")
            if place not in LOOKUP_PLACES or not field:
                forms = ", ".join(f"{word}.FIELD" for word in LOOKUP_PLACES)
                raise table.wrong(line, "lookups", f"{lookup!r} names no place", f"Write {forms}, with semicolons between them.")
            wanted = (*LOOKUP_PLACES[place], field)
            if wanted not in known:
                raise table.wrong(
                    line,
                    "lookups",
                    f"{lookup.strip()!r} needs a row {','.join(wanted)} in map_fields.csv, and there is none",
                    "Add it there, or correct the name.",
                )


def _check_organisation(tables: dict[str, _Table]) -> None:
    """Check the organisation's own values that must have a form."""
    table, statuses = tables["rule_organisation"], tables["rule_engagement_statuses"].values("status")
    checks: dict[str, tuple[Callable[[str], bool], str]] = {
        "timezone": (_is_timezone, "Write an IANA name such as America/Los_Angeles."),
        "handoff_epoch": (_is_date, "Write a date as YYYY-MM-DD."),
        "hubspot_portal_id": (str.isdecimal, "Write the digits of the portal's id, as in the address of any HubSpot page."),
        "delivery_request_project": (str.isdecimal, "Write the digits of the project's number, as in its address."),
        "new_engagement_status": (statuses.__contains__, f"Use one of {', '.join(sorted(statuses))}."),
    }
    for line, row in table.rows:
        fits, repair = checks.get(row["key"], (None, ""))
        if fits is not None and not fits(row["value"]):
            raise table.wrong(line, "value", f"{row['value']!r} cannot be the {row['key']}", repair)


def _is_timezone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # not known, no name at all, a folder of names
        return False
    return True


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
