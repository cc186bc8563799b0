"""The columns of the cloud-billing sheet, so that a deal whose costs nobody has made a column for is found.

    FILE.csv, FILE.csv.gz, FILE.xlsx (the sheet, downloaded; of a workbook its first sheet) -> raw_files.billing_columns

The first line is the header: a column for each deal or community, called by the deal's number, its address in HubSpot or its name, or
by the community's name or id. What stands below is read only for the last line in which a column holds something. Columns without a
name are passed over; a name that stands there twice is set aside, since nobody can tell which of the two is meant.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from pipelines.errors import ConfigurationError
from pipelines.sources.files_cells import cell_tables
from pipelines.sources.files_table import Row, TableFile
from pipelines.warehouse import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

# a number alone, or an address such as .../contacts/<portal>/record/0-3/<id> anywhere in the name
_DEAL: Final = re.compile(r"^\s*(\d{4,})\s*$|/(?:record/0-3|deal)/(\d+)")


class BillingSheetFile(TableFile):
    """One sheet; its rows are its columns."""

    TABLE = "billing_columns"
    KEY = ("file_name", "column_number")

    def rows(self) -> list[Row]:
        """Return a row for each column that has a name of its own, shaped like ``raw_files.billing_columns``."""
        table = self.found.tables[0]
        header = [name.strip() for name in table.header]
        counted = Counter(name for name in header if name)
        last_lines: dict[str, int] = {}
        for line_number, cells in table.read(self.quarantine):
            last_lines |= {name.strip(): line_number for name, value in cells.items() if value.strip()}
        for name, count in counted.items():
            if count > 1:
                reason = f"{count} columns are called {name!r}; call each by one deal or community"
                self.quarantine.append(table.set_aside(1, reason, name))
        columns = [
            {
                "file_name": table.name,
                "file_sha256": self.sha256,
                "column_number": number,
                "header": name,
                "deal_id": deal_in(name),
                "last_filled_line": last_lines.get(name),
            }
            for number, name in enumerate(header, start=1)
            if counted[name] == 1
        ]
        self.row_count = len(columns)
        return columns


def open_billing_sheet_file(path: Path) -> BillingSheetFile:
    """Check that ``path`` is the CSV of a sheet. Raises ConfigurationError that says what is missing."""
    if not path.is_file():
        raise ConfigurationError(f"{path} does not exist. Download the sheet as CSV or .xlsx and give that file.")
    return BillingSheetFile(path, sha256_of(path), cell_tables(path, _complaint, (), first_only=True))


def _complaint(header: list[str], where: str) -> str | None:
    count = sum(bool(name.strip()) for name in header)
    if count >= 2:
        return None
    return f"{where} is not a billing sheet: its first line names {count} columns. It needs one for the months and one for each deal."


def deal_in(header: str) -> str | None:
    """Return the deal that the name of a column holds, alone as a number or in an address; None when it holds none."""
    found = _DEAL.search(header)
    return (found[1] or found[2]) if found else None
