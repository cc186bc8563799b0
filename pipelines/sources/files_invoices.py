"""Invoices that people hand in: what was billed for which deal, and what of it was paid.

    FILE.csv, FILE.csv.gz, FILE.xlsx -> raw_files.invoices

A row is one line of an invoice. ``invoice``, ``date``, ``amount`` and ``currency`` must be there; ``due``, ``deal`` (its number or its
address in HubSpot), ``component`` (membership, usage, cloud or service), ``from`` and ``to`` (the days that it bills) and ``paid`` may
be. A credit note is a row with a negative amount. An empty ``paid`` means that nobody has said what was paid, which is not zero. An
invoice for several deals has a row for each. A row that does not parse is set aside with its line or row number and the reason; the others load.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError
from pipelines.sources.files_cells import cell_tables
from pipelines.sources.files_csv import day_of, money_of
from pipelines.sources.files_table import Row, TableFile
from pipelines.warehouse import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPONENTS: Final = frozenset({"membership", "usage", "cloud", "service"})
_REQUIRED: Final = ("invoice", "date", "amount", "currency")
_USED: Final = frozenset({*_REQUIRED, "due", "deal", "component", "from", "to", "paid"})
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class InvoiceFile(TableFile):
    """One file of invoices."""

    TABLE = "invoices"

    def rows(self) -> Iterator[Row]:
        """Yield the sound rows, shaped like ``raw_files.invoices``."""
        return self.sound_lines(_typed)


def open_invoice_file(path: Path) -> InvoiceFile:
    """Check that ``path`` is a file of invoices. Raises ConfigurationError that says what is missing."""
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise ConfigurationError(
            f"{path} {problem}. Give the path of a CSV or Excel file with a row for each line of an invoice."
        )
    return InvoiceFile(path, sha256_of(path), cell_tables(path, _complaint, _USED))


def _complaint(header: list[str], where: str) -> str | None:
    names = {name.strip().lower() for name in header}
    lacking = [name for name in _REQUIRED if name not in names]
    if not lacking:
        return None
    return (
        f"{where} is not a file of invoices: it lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}. "
        f"Give it {', '.join(_REQUIRED)}, and where they are known due, deal, component, from, to and paid."
    )


def _typed(cells: dict[str, str]) -> Row:
    for name in _REQUIRED:
        if not cells[name]:
            raise ValueError(f"{name} is empty")
    component = cells.get("component", "").lower() or None
    if component is not None and component not in COMPONENTS:
        raise ValueError(f"component {component!r} is not one of {', '.join(sorted(COMPONENTS))}")
    if not _CURRENCY.fullmatch(cells["currency"]):
        raise ValueError(f"currency {cells['currency']!r} is not a three-letter code")
    first, last = day_of("from", cells.get("from", "")), day_of("to", cells.get("to", ""))
    if first and last and last < first:
        raise ValueError(f"to {cells['to']} is before from {cells['from']}")
    return {
        "invoice_id": cells["invoice"],
        "issued_on": day_of("date", cells["date"]),
        "due_on": day_of("due", cells.get("due", "")),
        "deal_ref": cells.get("deal") or None,
        "component": component,
        "service_from_on": first,
        "service_to_on": last,
        "amount": money_of("amount", cells["amount"]),
        "paid_amount": money_of("paid", cells.get("paid", "")),
        "currency": cells["currency"],
    }
