"""A file that fills one raw table: what is the same for invoices, usage and the billing sheet, as CSV or as a workbook.

A file takes the place of what it, or a file of its name, brought before; all other files and tables stay as they are. What does not
parse is set aside with its line and the reason, and the rest is read.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pipelines.sources.files_cells import SHEET, CellTables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pipelines.sources.files_csv import Quarantined
    from pipelines.sources.landing import Landing
    from pipelines.transport import Transport

Row = dict[str, Any]


@dataclass
class TableFile(ABC):
    """One file to import. Reading it fills ``row_count`` and ``quarantine``."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]] = ("file_name", "line_number")

    path: Path
    sha256: str
    found: CellTables
    row_count: int = 0
    quarantine: list[Quarantined] = field(default_factory=list)
    transport: Transport | None = None

    @abstractmethod
    def rows(self) -> Iterable[Row]:
        """Return the sound rows, shaped like the raw table, and set the others aside."""

    @property
    def passed_over(self) -> list[str]:
        """The sheets of a workbook that were not read, each with the reason."""
        return self.found.passed_over

    @property
    def places(self) -> list[tuple[str, str]]:
        """This file."""
        return [(self.TABLE, self.path.name)]

    def land(self, landing: Landing, folder: Path) -> None:  # noqa: ARG002 - the file is here already
        """Read into ``landing``."""
        landing.keep_others(self.TABLE)
        keep_other_files(landing, self.TABLE, self.sha256, self.path.name)
        landing.add(self.TABLE, self.rows(), key=self.KEY)
        landing.quarantine.extend(
            {
                "table_name": self.TABLE,
                "record_ref": f"{self.path.name}, {item.place}",
                "reason": item.reason,
                "payload": self.payload_of(item),
            }
            for item in self.quarantine
        )

    def payload_of(self, item: Quarantined) -> str:
        """Return what is kept of a row that was set aside."""
        return item.payload

    def sound_lines(self, typed: Callable[[dict[str, str]], Row]) -> Iterator[Row]:
        """Yield each row as ``typed`` makes it of its cells; a ValueError sets the row aside."""
        for table in self.found.tables:
            for line_number, cells in table.read(self.quarantine):
                try:
                    row = typed({name.strip().lower(): value.strip() for name, value in cells.items()})
                except ValueError as error:
                    self.quarantine.append(table.set_aside(line_number, str(error), json.dumps(cells)))
                    continue
                self.row_count += 1
                yield {"file_name": table.name, "file_sha256": self.sha256, "line_number": line_number} | row


def keep_other_files(landing: Landing, table: str, sha256: str, name: str) -> None:
    """Let the earlier rows of other files stay: neither of the same content, nor of a file, or a workbook's sheet, of that name."""
    where = "file_sha256 <> ? and file_name <> ? and not starts_with(file_name, ?)"
    landing.keep(table, where, sha256, name, f"{name}{SHEET}")
