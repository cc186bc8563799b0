"""The rule tables for Python: one loader for the CSV files that dbt seeds as well.

Stages, fields, thresholds and names of this organisation are data. A mistake in them is reported with file, line and column before
anything is read from a vendor, because a run with broken rules would say wrong things with confidence.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Row = dict[str, str]

_BOOLEANS: Final = frozenset({"true", "false"})
# column -> what its cells must be; the same name means the same kind in every table
_NUMBERS: Final = frozenset(
    {"stage_rank", "weight", "minimum_count", "from_days", "to_days", "window_rank", "max_age_hours", "rate_to_org"}
)
_DATES: Final = frozenset({"holiday_on", "rate_on", "valid_from", "valid_to"})
# table -> columns that identify a row and may not be empty
REQUIRED_TABLES: Final[dict[str, tuple[str, ...]]] = {
    "rule_organisation": ("key", "value"),
    "rule_pipelines": ("pipeline_id", "pipeline_kind"),
    "rule_stages": ("pipeline_id", "stage_id", "stage_key", "stage_rank"),
    "rule_sources": ("source", "source_name"),
    "rule_findings": ("rule_id", "report", "title", "severity", "kind", "needs", "owner_team", "what_to_do"),
    "rule_thresholds": ("key", "value", "unit"),
    "rule_renewal_windows": ("window_key", "from_days", "to_days"),
    "rule_placeholders": ("placeholder",),
    "rule_validators": ("validator", "pattern"),
    "rule_contact_roles": ("role_key", "label"),
    "rule_intake_fields": ("field_key", "label", "lookups", "validator", "required_from"),
    "rule_contact_fields": ("field_key", "label", "property"),
    "rule_engagement_statuses": ("store", "status"),
    "rule_holidays": ("holiday_on",),
    "rule_test_deals": ("name_pattern",),
    "map_teams_to_owners": ("owner_team", "fallback_owner"),
    "map_fields": ("system", "object", "canonical_field", "vendor_field"),
    "map_accounts_to_deals": ("provider", "sub_account_id", "deal_id"),
    "map_fx_rates": ("currency", "rate_on", "rate_to_org"),
    "map_id_aliases": ("source", "object", "old_id", "canonical_id"),
    "map_associations": ("from_object", "to_object"),
}


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
    def thresholds(self) -> dict[str, Decimal]:
        """Every threshold by key; its unit stands in the table."""
        return {row["key"]: Decimal(row["value"]) for row in self.table("rule_thresholds")}

    @property
    def source_names(self) -> dict[str, str]:
        """The name that people know a source by."""
        return {row["source"]: row["source_name"] for row in self.table("rule_sources")}


def load_rules(directory: Path) -> Rules:
    """Read and check every rule table in ``directory``. Raises ConfigurationError naming file, line and column."""
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
    tables = {path.stem: _read_table(path) for path in sorted(directory.glob("*.csv"))}
    rules = Rules(directory, tables)
    _check_references(rules)
    return rules


def _read_table(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or []
            for column in REQUIRED_TABLES.get(path.stem, ()):
                if column not in header:
                    raise ConfigurationError(
                        f"{path}, line 1: the column {column} is missing. Add it; dbt/seeds/default/{path.name} shows the form."
                    )
            return [_checked_row(path, reader.line_num, header, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not a readable CSV file ({error}). Save it as UTF-8 CSV with commas.") from error


def _checked_row(path: Path, line: int, header: Sequence[str], row: Row) -> Row:
    def fail(column: str, problem: str, repair: str) -> ConfigurationError:
        return ConfigurationError(f"{path}, line {line}, column {column}: {problem}. {repair}")

    if None in row or any(value is None for value in row.values()):
        raise ConfigurationError(
            f"{path}, line {line}: the row has not {len(header)} cells like the header. "
            "Add or remove commas; a value with a comma stands in double quotes."
        )
    for column in REQUIRED_TABLES.get(path.stem, ()):
        if not row[column].strip():
            raise fail(column, "the cell is empty", "Fill it, or delete the row.")
    for column, value in row.items():
        if column.startswith("is_") and value not in _BOOLEANS:
            raise fail(column, f"{value!r} is not true or false", "Write true or false.")
        numeric = column in _NUMBERS or (path.stem == "rule_thresholds" and column == "value")
        if numeric and value:
            _check_decimal(value, fail, column)
        if column in _DATES and value:
            try:
                date.fromisoformat(value)
            except ValueError as error:
                raise fail(column, f"{value!r} is not a date", "Write it as YYYY-MM-DD.") from error
    return row


def _check_decimal(value: str, fail: object, column: str) -> None:
    try:
        Decimal(value)
    except InvalidOperation as error:
        raise fail(column, f"{value!r} is not a number", "Write digits, with a point for decimals.") from error  # type: ignore[operator]


def _check_references(rules: Rules) -> None:
    """Check what one table says about another: pipelines, sources, validators, stage keys."""
    references = (
        ("rule_stages", "pipeline_id", {row["pipeline_id"] for row in rules.table("rule_pipelines")}, "rule_pipelines.csv"),
        ("rule_intake_fields", "validator", {row["validator"] for row in rules.table("rule_validators")}, "rule_validators.csv"),
        ("rule_intake_fields", "required_from", {row["stage_key"] for row in rules.table("rule_stages")}, "rule_stages.csv"),
        ("rule_contact_roles", "required_from", {row["stage_key"] for row in rules.table("rule_stages")}, "rule_stages.csv"),
    )
    for table, column, allowed, where in references:
        for number, row in enumerate(rules.table(table), start=2):
            if row[column] not in allowed:
                raise ConfigurationError(
                    f"{rules.directory / table}.csv, line {number}, column {column}: {row[column]!r} is not in {where}. "
                    f"Use one of {', '.join(sorted(allowed))}, or add it there."
                )
    sources = set(rules.source_names)
    for number, row in enumerate(rules.table("rule_findings"), start=2):
        unknown = sorted(set(row["needs"].split(";")) - sources)
        if unknown:
            raise ConfigurationError(
                f"{rules.directory / 'rule_findings'}.csv, line {number}, column needs: {', '.join(unknown)} is not a source "
                f"of rule_sources.csv. Use names from there, separated by semicolons."
            )
