"""Turns a vendor's rows into the raw tables, by the columns of ``raw.py``: a column exists even when every value of it is empty.

A value that cannot be stored is never dropped in silence and never fails the others: the row is set aside with its reason (a time
that is none, a number that does not fit), or, in text, the one character that no database keeps is replaced and the record is named.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from pipelines.sources.raw import RAW_TABLES
from pipelines.sources.spill import Earlier, Spill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

Row = dict[str, Any]

# NUL and halves of surrogate pairs: legal in JSON, not storable as text
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_REPLACED: Final = f"loaded with {_REPLACEMENT} in their place"
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_BIGINT: Final = range(-(2**63), 2**63)
_PAYLOAD_CHARACTERS: Final = 2_000


class Landing:
    """Takes the rows of one source, typed, to Parquet files in ``folder``: memory does not grow with their number.

    ``quarantine`` says what was set aside or repaired, and why. A table is replaced by what was read, unless ``keep`` says which of
    the rows of earlier loads (``earlier``) stay.
    """

    def __init__(self, source: str, folder: Path, *, earlier: Earlier | None = None) -> None:
        """Prepare every table of ``source``, empty."""
        self.source = source
        self.earlier = earlier or Earlier(source, None)
        self.quarantine: list[dict[str, str]] = []
        self._columns = RAW_TABLES[source]
        self._spills = {table: Spill(folder / table, columns) for table, columns in self._columns.items()}
        self._kept: dict[str, tuple[str, list[Any]]] = {}
        self._removed: dict[str, set[str]] = {}

    def add(self, table: str, rows: Iterable[Row], *, key: tuple[str, ...] = ("id",)) -> None:
        """Type and keep rows; of two rows with the same key the last one stays (pages overlap when records move)."""
        columns, spill = self._columns[table], self._spills[table]
        spill.key = key
        for row in rows:
            reference = "/".join(str(row.get(part)) for part in key)
            try:
                typed = {name: self._typed(table, reference, name, kind, row.get(name)) for name, kind in columns.items()}
            except ValueError as error:
                self.set_aside(table, reference, str(error), row)
                continue
            spill.add(typed)

    def add_file(self, table: str, file: Path) -> None:
        """Take a Parquet file whose rows have the table's columns and types; none replaces another, nor a row of an earlier load."""
        self._spills[table].take(file)

    def values(self, table: str, *names: str) -> list[Any]:
        """Return a column of what was read so far, or tuples of several; of rows with the same key the last one counts."""
        return [row[0] if len(names) == 1 else row for row in self._spills[table].tuples(*names)]

    def pages(self, table: str) -> Iterator[pa.Table]:
        """Yield the table in pages; an empty table is one page without rows, so that old rows go and the columns come."""
        return self._spills[table].pages()

    def set_aside(self, table: str, reference: str, reason: str, payload: Any) -> None:
        """Name a record that was not loaded, or not as it came, with the reason."""
        text = payload if isinstance(payload, str) else json.dumps(payload, default=str, ensure_ascii=True)
        self.quarantine.append(
            {
                "table_name": table,
                "record_ref": _storable(reference),
                "reason": reason,
                "payload": _storable(text[:_PAYLOAD_CHARACTERS]),
            }
        )

    # What stays of earlier loads

    def keep(self, table: str, where: str = "true", *values: Any) -> None:
        """Let earlier rows that meet the condition ``where`` stay, unless a row with the same key was read now.

        Said again for the same table, rows must meet both conditions.
        """
        before, known = self._kept.get(table, ("true", []))
        self._kept[table] = (f"({before}) and ({where})", [*known, *values])

    def keep_others(self, table: str) -> None:
        """Let every table but ``table`` stay as it is."""
        for other in self._columns:
            if other != table:
                self.keep(other)

    def replace(self, table: str) -> None:
        """Take ``keep`` back: what is read is the whole table."""
        self._kept.pop(table, None)

    def remove(self, table: str, ids: Iterable[str]) -> None:
        """Let the earlier rows with these ids go: the vendor no longer has them."""
        self._removed.setdefault(table, set()).update(ids)

    def is_kept(self, table: str) -> bool:
        """Return whether rows of earlier loads stay in ``table``."""
        return table in self._kept

    def count_after_load(self, table: str, where: str) -> int:
        """Return how many rows that meet ``where`` the table will have once what was read is loaded."""
        return len(self.ids_after_load(table, where))

    def ids_after_load(self, table: str, where: str) -> list[str]:
        """Return the ids of the rows that meet ``where`` once what was read is loaded."""
        now = self._spills[table].tuples("id", where=where)
        if table in self._kept and self.earlier.has(table):
            staying, values = self._staying(table)
            with self.earlier.opened() as connection:
                if connection is not None:
                    sql = f'select id from raw_{self.source}."{table}" where ({staying}) and ({where})'
                    now += connection.execute(sql, values).fetchall()
        return [row[0] for row in now]

    def make_room(self) -> None:
        """Delete, in the private copy, the earlier rows of kept tables that do not stay. What was read comes after it."""
        with self.earlier.opened() as connection:
            if connection is None:
                return
            for table in self._kept:
                if self.earlier.has(table):
                    staying, values = self._staying(table)
                    connection.execute(f'delete from raw_{self.source}."{table}" where not coalesce({staying}, false)', values)

    def _staying(self, table: str) -> tuple[str, list[Any]]:
        where, values = self._kept[table]
        conditions = [f"({where})"]
        spill = self._spills[table]
        if spill.key and spill.files():
            names = ", ".join(f'"{name}"' for name in spill.key)
            conditions.append(f"({names}) not in (select ({names}) from {spill.sql()})")
        if self._removed.get(table):
            conditions.append("id not in (select unnest(?::varchar[]))")
            values = [*values, sorted(self._removed[table])]
        return " and ".join(conditions), values

    def _typed(self, table: str, reference: str, name: str, kind: str, value: Any) -> Any:
        if value is None:
            return None
        if kind == "text":
            return self._text(table, reference, name, value)
        if value == "":
            return None
        return _CASTS[kind](name, value)

    def _text(self, table: str, reference: str, name: str, value: Any) -> str:
        if name.endswith("_json"):
            return self._json(table, reference, name, value)
        if not isinstance(value, str | int | float):
            raise ValueError(f"{name} is {type(value).__name__}, not text")  # noqa: TRY004 - every cast says no in one way
        text = value if isinstance(value, str) else json.dumps(value)
        if (text.isascii() and "\0" not in text) or not _UNSTORABLE.search(text):
            return text
        self.set_aside(table, reference, f"{name} holds characters that cannot be stored; {_REPLACED}", value)
        return str(_storable(text))

    def _json(self, table: str, reference: str, name: str, value: Any) -> str:
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except ValueError:
            self.set_aside(table, reference, f"{name} holds a number that is none; loaded as text", repr(value))
            return self._json(table, reference, name, _mapped(value, _finite))
        if "\\u0000" not in text and (text.isascii() or not _UNSTORABLE.search(text)):
            return text
        repaired = _mapped(value, _storable)
        if repaired == value:
            return text
        self.set_aside(table, reference, f"{name} holds characters that cannot be stored; {_REPLACED}", value)
        return json.dumps(repaired, ensure_ascii=False, separators=(",", ":"))


def _timestamp(name: str, value: Any) -> datetime:
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name} {value!r} is not a time like 2026-11-16T09:00:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"{name} {value!r} does not say its time zone")
    return moment.astimezone(UTC)


def _date(name: str, value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{name} {value!r} is not a day of the calendar") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError(f"{name} {value!r} is not a date like 2026-11-16")


def _bigint(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{name} {value!r} is not a whole number")  # noqa: TRY004
    try:
        number = int(value)
    except ValueError as error:
        raise ValueError(f"{name} {value!r} is not a whole number") from error
    if number not in _BIGINT:
        raise ValueError(f"{name} {value!r} needs more than 64 bits")
    return number


def _double(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name} {value!r} is not a number") from error
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{name} {value!r} is not a finite number")
    return number


def _bool(name: str, value: Any) -> bool:
    known = {True: True, False: False, "true": True, "false": False}
    if isinstance(value, bool | str) and value in known:
        return known[value]
    raise ValueError(f"{name} {value!r} is not true or false")


_CASTS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "timestamp": _timestamp,
    "date": _date,
    "bigint": _bigint,
    "double": _double,
    "bool": _bool,
}


def _storable(text: Any) -> Any:
    return _UNSTORABLE.sub(_REPLACEMENT, text) if isinstance(text, str) else text


def _finite(value: Any) -> Any:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a JSON value with ``change`` applied to every leaf and key."""
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return change(value)
