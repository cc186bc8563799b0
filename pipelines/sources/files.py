"""Files that people hand in: cloud costs in the FOCUS 1.x form (https://focus.finops.org), as CSV, Parquet or workbook.

    FILE.csv, FILE.csv.gz, FILE.parquet, FILE.xlsx -> raw_files.focus_costs

Folders and buckets into which AWS delivers such files again and again are ``files_exports.py``.

Exports of AWS, Microsoft, Google and Oracle share these columns. Times without a zone are UTC (FOCUS requires UTC). A row that does
not parse is set aside with its line number and the reason; the others load. Amounts stay the decimal text of the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipelines.errors import ConfigurationError
from pipelines.sources.files_cells import SHEET, CellTable, CellTables, cell_tables
from pipelines.warehouse import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path, PurePath

    from pipelines.sources.files_csv import Quarantined
    from pipelines.sources.landing import Landing
    from pipelines.transport import Transport

Row = dict[str, Any]

BATCH_ROWS: Final = 5_000
CHARGE_CATEGORIES: Final = frozenset({"Usage", "Purchase", "Tax", "Credit", "Adjustment"})

# our column -> names in FOCUS, newest last; 1.3 renamed the provider
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "billing_account_id": ("BillingAccountId",),
    "billing_period_start": ("BillingPeriodStart",),
    "billing_period_end": ("BillingPeriodEnd",),
    "charge_period_start": ("ChargePeriodStart",),
    "charge_period_end": ("ChargePeriodEnd",),
    "charge_category": ("ChargeCategory",),
    "charge_class": ("ChargeClass",),
    "charge_description": ("ChargeDescription",),
    "provider_name": ("ProviderName", "ServiceProviderName"),
    "publisher_name": ("PublisherName",),
    "invoice_issuer_name": ("InvoiceIssuerName",),
    "sub_account_id": ("SubAccountId",),
    "sub_account_name": ("SubAccountName",),
    "service_category": ("ServiceCategory",),
    "service_name": ("ServiceName",),
    "resource_id": ("ResourceId",),
    "region_id": ("RegionId",),
    "billing_currency": ("BillingCurrency",),
    "billed_cost": ("BilledCost",),
    "effective_cost": ("EffectiveCost",),
    "list_cost": ("ListCost",),
    "tags_json": ("Tags",),
}
REQUIRED: Final = (
    "billing_account_id",
    "billing_period_start",
    "charge_period_start",
    "charge_period_end",
    "charge_category",
    "provider_name",
    "billing_currency",
    "billed_cost",
)
_USED: Final = frozenset(name.lower() for names in COLUMNS.values() for name in names)
_TIMES: Final = ("billing_period_start", "billing_period_end", "charge_period_start", "charge_period_end")
_AMOUNTS: Final = ("billed_cost", "effective_cost", "list_cost")
LARGEST_AMOUNT: Final = 10**15
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
# Columns of AWS's own forms, CUR 2.0 and the older CUR
CUR_COLUMNS: Final = frozenset({"line_item_usage_start_date", "lineItem/UsageStartDate", "bill_billing_period_start_date"})


class FileImport(Protocol):
    """What ``handoff import`` loads: a file of costs or of usage, or the cost exports in a folder or bucket."""

    @property
    def path(self) -> PurePath:
        """What people call it by."""

    @property
    def transport(self) -> Transport | None:
        """The way out, where it does not lie on this machine."""

    @property
    def row_count(self) -> int:
        """The sound rows that were read."""

    @property
    def quarantine(self) -> list[Quarantined]:
        """What was set aside."""

    @property
    def places(self) -> list[tuple[str, str]]:
        """The raw table and the name of each file that was read: what was set aside of it before no longer holds."""

    def land(self, landing: Landing, folder: Path) -> None:
        """Read into ``landing``; ``folder`` is for what must be fetched first. Raises VendorError."""


@dataclass
class FocusFile:
    """One file to import. Reading it fills ``row_count`` and ``quarantine``. ``name`` is what its rows say they are from."""

    path: Path
    sha256: str
    name: str
    found: CellTables
    row_count: int = 0
    quarantine: list[Quarantined] = field(default_factory=list)
    transport: Transport | None = None

    @property
    def passed_over(self) -> list[str]:
        """The sheets of a workbook that were not read, each with the reason."""
        return self.found.passed_over

    @property
    def places(self) -> list[tuple[str, str]]:
        """This file."""
        return [("focus_costs", self.name)]

    def land(self, landing: Landing, folder: Path) -> None:  # noqa: ARG002 - the file is here already
        """Replace what an earlier import of the same file, or of a file of that name, left; exports stay as they are."""
        landing.keep_others("focus_costs")
        others = "file_sha256 <> ? and file_name <> ? and not starts_with(file_name, ?)"
        landing.keep("focus_costs", f"({others}) or contains(file_name, '/')", self.sha256, self.name, f"{self.name}{SHEET}")
        self.add_to(landing)

    def add_to(self, landing: Landing) -> None:
        """Read the rows into ``landing``, with what was set aside."""
        for batch in self.batches():
            landing.add("focus_costs", batch, key=("file_name", "line_number"))
        landing.quarantine.extend(
            {
                "table_name": "focus_costs",
                "record_ref": f"{self.name}, {item.place}",
                "reason": item.reason,
                "payload": item.payload,
            }
            for item in self.quarantine
        )

    def batches(self) -> Iterator[list[Row]]:
        """Yield the sound rows in lists of at most ``BATCH_ROWS``, shaped like ``raw_files.focus_costs``."""
        batch: list[Row] = []
        for table, line_number, cells in self._lines():
            try:
                batch.append(self._typed(table.name, line_number, cells))
            except ValueError as error:
                self.quarantine.append(table.set_aside(line_number, str(error), json.dumps(cells, default=str)))
                continue
            if len(batch) == BATCH_ROWS:
                self.row_count += len(batch)
                yield batch
                batch = []
        self.row_count += len(batch)
        if batch:
            yield batch

    def _lines(self) -> Iterator[tuple[CellTable, int, Row]]:
        for table in self.found.tables:
            for line_number, cells in table.read(self.quarantine):
                yield table, line_number, cells

    def _typed(self, name: str, line_number: int, cells: Row) -> Row:
        row: Row = {"file_name": name, "file_sha256": self.sha256, "line_number": line_number}
        for column, names in COLUMNS.items():
            row[column] = next((value for name in names if (value := _cell(cells.get(name))) is not None), None)
        for column in REQUIRED:
            if row[column] is None:
                raise ValueError(f"{COLUMNS[column][0]} is empty")
        for column in _TIMES:
            row[column] = _time(COLUMNS[column][0], row[column])
        for column in _AMOUNTS:
            row[column] = _amount(COLUMNS[column][0], row[column])
        if row["charge_period_end"] <= row["charge_period_start"]:
            raise ValueError("ChargePeriodEnd is not after ChargePeriodStart")
        if row["charge_category"] not in CHARGE_CATEGORIES:
            raise ValueError(f"ChargeCategory {row['charge_category']!r} is not one of {', '.join(sorted(CHARGE_CATEGORIES))}")
        if not _CURRENCY.fullmatch(row["billing_currency"]):
            raise ValueError(f"BillingCurrency {row['billing_currency']!r} is not a three-letter code")
        row["tags_json"] = _tags(row["tags_json"])
        row["row_json"] = json.loads(json.dumps(cells, default=str))
        return row


def open_focus_file(path: Path, *, name: str | None = None) -> FocusFile:
    """Check that ``path`` is a cost file in the FOCUS form. Raises ConfigurationError that says what is missing."""
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise ConfigurationError(f"{path} {problem}. Give the path of a FOCUS cost export (CSV, Parquet or Excel).")
    place = name or path.name
    if path.suffix == ".parquet":
        header = _parquet_header(path)
        check_columns(header, place)
        found = CellTables([CellTable(place, header, partial(_parquet_rows, path))])
    else:
        found = cell_tables(path, lambda header, where: _complaint(header, where if SHEET in where else place), _USED)
        if not found.tables[0].sheet:
            found.tables[0] = replace(found.tables[0], name=place)
    return FocusFile(path, sha256_of(path), place, found)


def check_columns(header: Iterable[str], where: str) -> None:
    """Check that the columns of the file that people know as ``where`` are those of FOCUS. Raises ConfigurationError that says what is missing."""
    wrong = _complaint(list(header), where)
    if wrong is not None:
        raise ConfigurationError(wrong)


def _complaint(header: list[str], where: str) -> str | None:
    if CUR_COLUMNS & set(header):
        return (
            f"{where} is in AWS's own CUR form, which handoff does not read. In AWS Data Exports make an export of the table "
            "FOCUS with AWS columns, and import that one."
        )
    lacking = [COLUMNS[column][0] for column in REQUIRED if not set(COLUMNS[column]) & set(header)]
    if not lacking:
        return None
    return (
        f"{where} is not a FOCUS 1.x cost file: it lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}. "
        "Export the costs in the FOCUS form (AWS Data Exports, Azure exports, Google and Oracle offer it) and import that file."
    )


def _parquet_header(path: Path) -> list[str]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - a CSV import need not load it

    try:
        return list(pq.read_schema(path).names)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is not a readable Parquet file ({error}). Export it again.") from error


def _parquet_rows(path: Path, quarantine: list[Quarantined]) -> Iterator[tuple[int, Row]]:  # noqa: ARG001 - its rows are never broken
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS):
        # a map (tags) comes as pairs unless one asks
        for cells in batch.to_pylist(maps_as_pydicts="lossy"):
            number += 1
            yield number, cells


def _cell(value: object) -> str | None:
    """Return the text of a cell; empty cells and the word NULL that exports write for them are None."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    text = value if isinstance(value, str) else json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)
    return None if text.strip() in {"", "NULL", "null"} else text.strip()


def _tags(value: str | None) -> Any:
    """Return tags as an object; text that is none stays text."""
    try:
        return json.loads(value) if value is not None else None
    except (ValueError, RecursionError):
        return value


def _time(name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{name} {value!r} is not a time like 2026-10-01T00:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _amount(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{name} {value!r} is not a number") from error
    if not amount.is_finite():
        raise ValueError(f"{name} {value!r} is not a finite number")
    if abs(amount) >= LARGEST_AMOUNT:
        raise ValueError(f"{name} is too large to be an amount of money")
    return format(amount, "f")
