"""Deals and engagements that people hand in, for an organisation without access to the API of HubSpot or Airtable.

    FILE.csv, FILE.csv.gz, FILE.xlsx (HubSpot: a view of deals, Export) -> raw_files.deals
    FILE.csv, FILE.csv.gz, FILE.xlsx (a sheet of engagements)           -> raw_files.engagements

A column is found by the label that the field has at the vendor, or as map_file_columns.csv says. Cells become what the vendor would
send: the label of a stage its id (map_file_values.csv, else by rule_stages.csv), a day 2026-11-16, an amount its digits. What cannot be
is set aside with its row and the reason. https://knowledge.hubspot.com/import-and-export/export-records
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zoneinfo import ZoneInfo

from pipelines.errors import ConfigurationError
from pipelines.sources.files_cells import cell_tables
from pipelines.sources.files_columns import PLACES, KnownColumns, known_columns
from pipelines.sources.files_csv import day_of
from pipelines.sources.files_table import Row, TableFile
from pipelines.warehouse import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.sources.landing import Landing
    from pipelines.sources.people import EmailHash

_INSTANTS: Final = frozenset({"closed_on", "created_at", "last_contacted_at"})
_AMOUNTS: Final = frozenset(
    {"amount", "prepaid_cloud", "prepaid_user_fees", "collected_before", "contract_value", "monthly_cloud_budget"}
)
_BOOLEANS: Final = frozenset({"is_agreement_executed", "auto_renews"})
_YES_NO: Final = {"true": "true", "yes": "true", "checked": "true", "false": "false", "no": "false"}
_LARGEST_AMOUNT: Final = 10**12
_DEAL_ID: Final = re.compile(r"\d{1,20}")
_NOT_LETTERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(kw_only=True)
class RecordFile(TableFile):
    """One file of records of a vendor."""

    KIND: ClassVar[str]
    MUST: ClassVar[tuple[str, ...]]

    rules: Rules
    known: KnownColumns
    person: EmailHash
    imported_at: datetime
    _seen: dict[str, str] = field(default_factory=dict)

    @property
    def advice(self) -> list[str]:
        """A sentence for each column that was left out."""
        return [sentence for table in self.found.tables for sentence in self.known.advice(table.header)]

    def land(self, landing: Landing, folder: Path) -> None:
        """Read into ``landing``. A content that is known keeps the time at which it was imported first."""
        earlier = dict(landing.earlier.tuples(self.TABLE, "file_sha256", "imported_at"))
        self.imported_at = earlier.get(self.sha256, self.imported_at)
        super().land(landing, folder)

    def rows(self) -> Iterator[Row]:
        """Yield the sound rows, shaped like the raw table."""
        return self.sound_lines(self._record)

    def _record(self, cells: dict[str, str]) -> Row:
        columns = {name: canonical for name, canonical in self.known.read(list(cells)).items() if name in cells}
        values = {canonical: self.person(cells[name]) for name, canonical in columns.items()}
        for canonical in self.MUST:
            if not values.get(canonical):
                raise ValueError(f"{self.known.labels.get(canonical, canonical)} is empty")
        row = self._typed(values)
        if row["id"] in self._seen:
            raise ValueError(f"the record {row['id']} stands in this file already")
        self._seen[row["id"]] = ""
        names = self.rules.fields[PLACES[self.KIND]]
        fields = {names[canonical]: value for canonical, value in row.pop("values").items() if canonical in names}
        return {"imported_at": self.imported_at, "fields_json": fields, **row}

    def _typed(self, values: dict[str, str]) -> Row:
        raise NotImplementedError

    def _value(self, canonical: str, text: str) -> str | None:
        """Return what the vendor would send for a cell. Raises ValueError that names the column."""
        if not text:
            return None
        label = self.known.labels.get(canonical, canonical)
        for row in self.rules.table("map_file_values"):
            if (row["kind_of_file"], row["field"], row["file_value"].lower()) == (self.KIND, canonical, text.lower()):
                return row["vendor_value"]
        if canonical in _INSTANTS:
            return _instant(label, text, self.rules.organisation["timezone"])
        if canonical.endswith("_on"):
            return str(day_of(label, text[:10] if re.fullmatch(r".{10}[T ].+", text) else text))
        if canonical in _AMOUNTS:
            return _amount(label, text)
        if canonical in _BOOLEANS:
            if text.lower() not in _YES_NO:
                raise ValueError(f"{label} {text!r} is neither yes nor no")
            return _YES_NO[text.lower()]
        return text


class DealFile(RecordFile):
    """A deal export."""

    TABLE = "deals"
    KIND = "deals"
    MUST = ("record_id", "deal_name", "pipeline_id", "stage_id")

    def _typed(self, values: dict[str, str]) -> Row:
        deal_id = values["record_id"]
        if not _DEAL_ID.fullmatch(deal_id):
            raise ValueError(f"Record ID {deal_id!r} is not the number of a deal")
        owner = values.get("owner_id", "").strip()
        sent = {name: self._value(name, text) for name, text in values.items() if name not in {"pipeline_id", "stage_id"}}
        pipeline_id = self._pipeline(values["pipeline_id"])
        sent |= {"pipeline_id": pipeline_id, "stage_id": self._stage(pipeline_id, values["stage_id"])}
        if "owner_id" in sent:
            sent["owner_id"] = _slug(owner) or None
        return {"id": deal_id, "values": sent, "owner_name": owner or None, "companies_json": _companies(values)}

    def _pipeline(self, text: str) -> str:
        mapped = self._value("pipeline_id", text)
        pipelines = {row["pipeline_id"]: row.get("pipeline_name", "") for row in self.rules.table("rule_pipelines")}
        for pipeline_id, name in pipelines.items():
            if pipeline_id == mapped or _slug(name) == _slug(text):
                return pipeline_id
        raise ValueError(
            f"Pipeline {text!r} is none of {', '.join(filter(None, pipelines.values()))}; map_file_values.csv can say which it is"
        )

    def _stage(self, pipeline_id: str, text: str) -> str:
        mapped = self._value("stage_id", text)
        # where several pipelines are exported, the name of the pipeline stands behind that of the stage
        plain = _slug(re.sub(r"\s*\([^()]*\)$", "", text))
        stages = {
            row["stage_id"]: row["stage_key"] for row in self.rules.table("rule_stages") if row["pipeline_id"] == pipeline_id
        }
        for stage_id, key in stages.items():
            if stage_id == mapped or _slug(key) in {plain, _slug(text)}:
                return stage_id
        raise ValueError(
            f"Deal stage {text!r} is none of {', '.join(stages.values())} of its pipeline; map_file_values.csv can say which it is"
        )


class EngagementFile(RecordFile):
    """A sheet of engagements."""

    TABLE = "engagements"
    KIND = "engagements"
    MUST = ("engagement_name", "status")

    def _typed(self, values: dict[str, str]) -> Row:
        statuses = [row["status"] for row in self.rules.table("rule_engagement_statuses") if row["store"] == "airtable"]
        sent = {name: self._value(name, text) for name, text in values.items()}
        status = next((known for known in statuses if known.lower() == str(sent["status"]).lower()), None)
        if status is None:
            raise ValueError(
                f"Status {values['status']!r} is none of {', '.join(statuses)}; map_file_values.csv can say which it is"
            )
        sent["status"] = status
        deal = sent.get("deal_url") or ""
        if _DEAL_ID.fullmatch(deal):
            organisation = self.rules.organisation
            portal = f"https://{organisation['hubspot_app_host']}/contacts/{organisation['hubspot_portal_id']}"
            sent["deal_url"] = f"{portal}/record/0-3/{deal}"
        return {"id": values.get("record_id") or f"sheet-{_slug(values['engagement_name'])}", "values": sent}


def open_record_file(path: Path, kind: str, rules: Rules, person: EmailHash, now: datetime) -> RecordFile:
    """Check that ``path`` is a file of records of ``kind`` (deals, engagements). Raises ConfigurationError that says what is missing."""
    system = PLACES[kind][0]
    if system not in rules.from_files:
        name = rules.source_names.get(system, system)
        raise ConfigurationError(
            f"{path} was not imported: {name} is read by its API here, so that a file would say the same once more. If files are to be "
            f"the truth, add the line `{system},` to {rules.directory / 'rule_file_sources.csv'}; {name} itself is then no longer read."
        )
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise ConfigurationError(f"{path} {problem}. Give the path of a CSV or Excel file with a row for each of the {kind}.")
    opened = DealFile if kind == "deals" else EngagementFile
    known = known_columns(kind, rules)

    def complaint(header: list[str], where: str) -> str | None:
        fields = set(known.read(header).values())
        lacking = [
            known.labels.get(name, "Record ID" if name == "record_id" else name) for name in opened.MUST if name not in fields
        ]
        if lacking:
            return (
                f"{where} is not a file of {kind}: it lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}. Export the view "
                "with these columns, or say in map_file_columns.csv what they are called here."
            )
        twice = known.twice(header)
        return f"{where}: {twice}" if twice else None

    found = cell_tables(path, complaint, known.fields)
    return opened(
        path=path, sha256=sha256_of(path), found=found, rules=rules, known=known, person=person, imported_at=now.astimezone(UTC)
    )


def _companies(values: dict[str, str]) -> list[dict[str, str | None]]:
    ids = [part.strip() for part in values.get("company_ids", "").split(";") if part.strip()]
    names: list[str | None] = [part.strip() for part in values.get("company_names", "").split(";") if part.strip()]
    if any(not _DEAL_ID.fullmatch(part) for part in ids):
        raise ValueError(f"Associated Company IDs {values['company_ids']!r} are not numbers of companies")
    if len(names) != len(ids):
        names = [None] * len(ids)  # a name may hold a semicolon: which is whose cannot be told
    return [{"id": company_id, "name": name} for company_id, name in zip(ids, names, strict=True)]


def _slug(text: str) -> str:
    return _NOT_LETTERS.sub("-", text.lower()).strip("-")


def _instant(label: str, text: str, timezone: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{label} {text!r} is not a day or a time like 2026-11-16 09:30") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC).isoformat()


def _amount(label: str, text: str) -> str:
    try:
        amount: Any = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{label} {text!r} is not a number like 1234.50") from error
    if not amount.is_finite() or abs(amount) >= _LARGEST_AMOUNT:
        raise ValueError(f"{label} {text!r} is not an amount of money")
    return format(amount, "f")
