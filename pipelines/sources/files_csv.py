"""Reads CSV files that people hand in, plain or gzipped: a damaged line is set aside with its reason, and the others are read."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import IO, TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = dict[str, Any]

# A quoted cell may run over lines; past this many lines the quote was never closed and only its own line is at fault.
LINES_PER_ROW: Final = 20
_LARGEST_AMOUNT: Final = 10**12


@dataclass
class Quarantined:
    """A row that was set aside: where it stands, why, and what it said."""

    line_number: int
    reason: str
    payload: str
    file_name: str = ""
    sheet: str = ""

    @property
    def place(self) -> str:
        """Where the row stands."""
        row = f"sheet {self.sheet}, row {self.line_number}" if self.sheet else f"line {self.line_number}"
        return f"{self.file_name}, {row}" if self.file_name else row


def day_of(name: str, text: str) -> date | None:
    """Return the day in a cell, None for an empty one. Raises ValueError that names the column."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{name} {text!r} is not a day like 2026-11-16") from error


def money_of(name: str, text: str) -> str | None:
    """Return the amount in a cell as decimal text, None for an empty one. Raises ValueError that names the column."""
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{name} {text!r} is not a number like 1234.50") from error
    if not amount.is_finite() or abs(amount) >= _LARGEST_AMOUNT:
        raise ValueError(f"{name} {text!r} is not an amount of money")
    return format(amount, "f")


def csv_header(path: Path) -> list[str]:
    """Return the names in the first line. Raises ConfigurationError when it cannot be read."""
    with _open_lines(path) as file:
        try:
            return next(csv.reader([file.readline().decode("utf-8-sig")]), [])
        except (UnicodeDecodeError, csv.Error, OSError) as error:
            raise ConfigurationError(f"{path} has no readable header line ({error}). Save it as UTF-8 CSV.") from error


def _open_lines(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def csv_rows(path: Path, quarantine: list[Quarantined]) -> Iterator[tuple[int, Row]]:
    """Yield (line number, cells). A line that is no CSV is quarantined and reading goes on with the next one."""
    header = csv_header(path)
    with _open_lines(path) as file:
        file.readline()
        waiting: list[tuple[int, bytes]] = []
        lines = enumerate(file, start=2)
        while True:
            first = waiting.pop(0) if waiting else next(lines, None)
            if first is None:
                return
            number, content = first
            taken: list[tuple[int, bytes]] = []
            while (values := _parsed(content)) is None and len(taken) < LINES_PER_ROW:
                more = waiting.pop(0) if waiting else next(lines, None)
                if more is None:
                    break
                taken.append(more)
                content += more[1]
            if isinstance(values, str) or values is None:
                quarantine.append(Quarantined(number, values or "a quote is never closed", _readable(first[1])))
                waiting = taken + waiting  # only the first line is at fault
            elif len(values) != len(header):
                if values:
                    reason = f"the row has {len(values)} cells, the header has {len(header)}"
                    quarantine.append(Quarantined(number, reason, _readable(content)))
            else:
                yield number, dict(zip(header, values, strict=True))


def _parsed(content: bytes) -> list[str] | str | None:
    """Return the cells of one row, a reason why it is none, or None when a quote is still open."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"the line is not UTF-8 ({error.reason} at byte {error.start})"
    if "\0" in text:
        return "the line holds a NUL character"
    try:
        return next(csv.reader(io.StringIO(text, newline=""), strict=True), [])
    except csv.Error as error:
        return None if "unexpected end of data" in str(error) else f"the line is not CSV ({error})"


def _readable(content: bytes) -> str:
    return content.decode("utf-8", errors="backslashreplace").rstrip("\r\n").replace("\0", "\\0")
