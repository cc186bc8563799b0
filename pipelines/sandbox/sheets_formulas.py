"""The formulas of the sandbox's spreadsheet: what they come to, and what becomes of them when columns come and go.

Reckoned are numbers, texts, cells and areas of the spreadsheet, ``+ - * / ^ &``, comparisons, SUM, AVERAGE, MIN, MAX, COUNT, ROUND, IF
and IFERROR; anything else raises :class:`NotBuilt` with its name, so that nothing is ever shown that was not reckoned. Evidence: the
function list https://support.google.com/docs/table/25273; what an inserted or deleted column does to references is inferred from
the editor's behaviour.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = float | str | bool | None

_CELL: Final = r"\$?[A-Za-z]{1,3}\$?[1-9]\d*"
_REFERENCE: Final = re.compile(rf"(?P<tab>(?:'(?:[^']|'')+'|[A-Za-z_]\w*)!)?(?P<first>{_CELL})(?::(?P<last>{_CELL}))?(?![\w(])")
_TOKEN: Final = re.compile(
    r"\s*(?:"
    r'(?P<text>"(?:[^"]|"")*")'
    rf"|(?P<reference>{_REFERENCE.pattern.replace('?P<tab>', '?:').replace('?P<first>', '?:').replace('?P<last>', '?:')})"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<error>\#REF!)"
    r"|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<sign><=|>=|<>|[-+*/^&=<>(),])"
    r")"
)
_MOST_CELLS: Final = 100_000


class NotBuilt(Exception):
    """A formula uses what the sandbox does not reckon; the message names it."""


class CellError(Exception):
    """A cell shows an error; ``kind`` is Google's name of it, such as REF or DIVIDE_BY_ZERO."""

    def __init__(self, kind: str, shown: str) -> None:
        """Keep what the API calls it and what the cell shows."""
        super().__init__(shown)
        self.kind, self.shown = kind, shown


def column_number(letters: str) -> int:
    """Return the number of a column, from 1: ``AA`` is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """Return the letters of a column, from 1."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


# Columns that come and go


@dataclass(frozen=True)
class _Move:
    """Columns of one tab that were inserted before ``start`` (from 1) or, when ``count`` is negative, deleted from it on."""

    tab: str
    start: int
    count: int

    def of_one(self, column: int) -> int | None:
        """Return where a column is now; None when it is gone."""
        if column < self.start:
            return column
        if self.count < 0 and column < self.start - self.count:
            return None
        return column + self.count

    def of_area(self, first: int, last: int) -> tuple[int, int] | None:
        """Return where an area is now, smaller by what was deleted of it; None when nothing is left."""
        begin, end = self.of_one(first), self.of_one(last)
        begin = self.start if begin is None else begin
        end = self.start - 1 if end is None else end
        return (begin, end) if begin <= end else None


def moved(formula: str, own_tab: str, tab: str, start: int, count: int) -> str:
    """Return a formula of ``own_tab`` after ``count`` columns of ``tab`` were inserted before column ``start``, or deleted (negative)."""
    move = _Move(tab, start, count)
    parts, end = [], 0
    for token in _tokens(formula):
        if token.lastgroup != "reference":
            continue
        parts.append(formula[end : token.start("reference")])
        parts.append(_moved_reference(token["reference"], own_tab, move))
        end = token.end()
    return "".join([*parts, formula[end:]])


def _reference(text: str) -> re.Match[str]:
    """Return the parts of a reference. Raises NotBuilt for one that this sandbox does not read."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise NotBuilt(f"the reference {text}")
    return found


def _moved_reference(text: str, own_tab: str, move: _Move) -> str:
    found = _reference(text)
    if (_tab_name(found["tab"]) or own_tab) != move.tab:
        return text
    first, last = found["first"], found["last"]
    if last is None:
        now = move.of_one(_place(first)[1])
        return f"{found['tab'] or ''}{_with_column(first, now)}" if now else "#REF!"
    area = move.of_area(_place(first)[1], _place(last)[1])
    return f"{found['tab'] or ''}{_with_column(first, area[0])}:{_with_column(last, area[1])}" if area else "#REF!"


def _with_column(cell: str, column: int) -> str:
    return re.sub(r"[A-Za-z]+", column_letters(column), cell, count=1)


def _place(cell: str) -> tuple[int, int]:
    """Return line and column of ``$B$3``."""
    plain = cell.replace("$", "")
    letters = plain.rstrip("0123456789")
    return int(plain[len(letters) :]), column_number(letters)


def _tab_name(written: str | None) -> str | None:
    if not written:
        return None
    return written[:-1].strip("'").replace("''", "'")


def _tokens(formula: str) -> Iterator[re.Match[str]]:
    position = 1  # after the sign of equality
    while position < len(formula.rstrip()):
        token = _TOKEN.match(formula, position)
        if token is None:
            raise NotBuilt(f"{formula[position : position + 20]!r} in {formula!r}")
        yield token
        position = token.end()


# What a formula comes to


class _Formula:
    """One formula while it is read from left to right."""

    def __init__(self, formula: str, look: Any) -> None:
        self._look = look
        self._formula = formula
        self._left = [(token.lastgroup or "", token[token.lastgroup or 0]) for token in _tokens(formula)]

    def value(self) -> Value:
        found = self._compared()
        if self._left:
            raise NotBuilt(f"{self._left[0][1]!r} in {self._formula!r}")
        return _one(found)

    def _next_is(self, *signs: str) -> str | None:
        if self._left and self._left[0][0] == "sign" and self._left[0][1] in signs:
            return self._left.pop(0)[1]
        return None

    def _compared(self) -> Any:
        left = self._joined()
        while sign := self._next_is("=", "<>", "<", ">", "<=", ">="):
            left = _compared(sign, _one(left), _one(self._joined()))
        return left

    def _joined(self) -> Any:
        left = self._sum()
        while self._next_is("&"):
            left = _text(_one(left)) + _text(_one(self._sum()))
        return left

    def _sum(self) -> Any:
        left = self._product()
        while sign := self._next_is("+", "-"):
            one, other = _number(_one(left)), _number(_one(self._product()))
            left = one + other if sign == "+" else one - other
        return left

    def _product(self) -> Any:
        left = self._power()
        while sign := self._next_is("*", "/"):
            one, other = _number(_one(left)), _number(_one(self._power()))
            if sign == "/" and other == 0:
                raise CellError("DIVIDE_BY_ZERO", "#DIV/0!")
            left = one * other if sign == "*" else one / other
        return left

    def _power(self) -> Any:
        # the sign of a number binds closer than its power
        left = -_number(_one(self._signed())) if self._next_is("-") else self._atom()
        if self._next_is("^"):
            left = _number(_one(left)) ** _number(_one(self._power()))
        return left

    def _signed(self) -> Any:
        return -_number(_one(self._signed())) if self._next_is("-") else self._atom()

    def _atom(self) -> Any:
        if not self._left:
            raise NotBuilt(f"the end of {self._formula!r}")
        kind, text = self._left.pop(0)
        match kind:
            case "number":
                return float(text)
            case "text":
                return text[1:-1].replace('""', '"')
            case "error":
                raise CellError("REF", "#REF!")
            case "reference":
                return self._cells(text)
            case "name" if text.upper() in {"TRUE", "FALSE"}:
                return text.upper() == "TRUE"
            case "name" if self._next_is("("):
                return self._call(text.upper())
            case "sign" if text == "(":
                inner = self._compared()
                if not self._next_is(")"):
                    raise NotBuilt(f"the end of {self._formula!r}")
                return inner
        raise NotBuilt(f"{text!r} in {self._formula!r}")

    def _cells(self, text: str) -> Any:
        found = _reference(text)
        tab, (line, column) = _tab_name(found["tab"]), _place(found["first"])
        if found["last"] is None:
            return self._look(tab, line, column)
        last_line, last_column = _place(found["last"])
        if (last_line - line + 1) * (last_column - column + 1) > _MOST_CELLS:
            raise NotBuilt(f"the area {text}")
        return [self._look(tab, row, place) for row in range(line, last_line + 1) for place in range(column, last_column + 1)]

    def _call(self, name: str) -> Any:
        if name == "IFERROR":
            return self._iferror()
        arguments = []
        if not self._next_is(")"):
            arguments.append(self._compared())
            while self._next_is(","):
                arguments.append(self._compared())
            if not self._next_is(")"):
                raise NotBuilt(f"the end of {self._formula!r}")
        return _called(name, arguments)

    def _iferror(self) -> Any:
        before = list(self._left)
        found: Value = None
        has_failed = False
        try:
            found = _one(self._compared())
        except CellError:
            # read on behind the argument that failed
            self._left, depth = before, 0
            while self._left and not (depth == 0 and self._left[0][1] in {",", ")"}):
                depth += {"(": 1, ")": -1}.get(self._left.pop(0)[1], 0)
            has_failed = True
        other: Any = ""
        if self._next_is(","):
            other = self._compared()
        if not self._next_is(")"):
            raise NotBuilt(f"the end of {self._formula!r}")
        return other if has_failed else found


def evaluated(formula: str, look: Any) -> Value:
    """Return what a formula comes to; ``look`` says it of another cell. Raises CellError and NotBuilt."""
    return _Formula(formula, look).value()


def checked(formula: str) -> None:
    """Refuse a formula with parts that are not reckoned, whatever its cells hold. Raises NotBuilt."""
    try:
        evaluated(formula, lambda *_: 1.0)
    except CellError:
        return  # a division by what is nothing here says nothing about the formula


def _called(name: str, arguments: list[Any]) -> Any:
    listed = [value for argument in arguments for value in (argument if isinstance(argument, list) else [argument])]
    numbers = [float(value) for value in listed if isinstance(value, int | float) and not isinstance(value, bool)]
    match name:
        case "SUM":
            return math.fsum(numbers)
        case "COUNT":
            return float(len(numbers))
        case "MIN" | "MAX":
            return (min if name == "MIN" else max)(numbers, default=0.0)
        case "AVERAGE":
            if not numbers:
                raise CellError("DIVIDE_BY_ZERO", "#DIV/0!")
            return math.fsum(numbers) / len(numbers)
        case "ROUND" if len(arguments) in {1, 2}:
            places = int(_number(_one(arguments[1]))) if len(arguments) == 2 else 0
            scaled = abs(_number(_one(arguments[0]))) * 10**places
            # half goes away from zero
            return math.copysign(math.floor(scaled + 0.5) / 10**places, _number(_one(arguments[0])))
        case "IF" if len(arguments) in {2, 3}:
            chosen = arguments[1] if _truth(_one(arguments[0])) else (arguments[2] if len(arguments) == 3 else False)
            return _one(chosen)
    raise NotBuilt(f"{name} with {len(arguments)} arguments")


def _one(value: Any) -> Value:
    if isinstance(value, list):
        raise NotBuilt("an area where one value is wanted")
    found: Value = value
    return found


def _truth(value: Value) -> bool:
    return bool(value) if not isinstance(value, str) else value.upper() == "TRUE"


def _number(value: Value) -> float:
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except ValueError:
        raise CellError("VALUE", "#VALUE!") from None


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return plain(value) if isinstance(value, float) else str(value)


def plain(number: float) -> str:
    """Return a number as a cell shows it that has no format of its own."""
    return f"{number:.0f}" if float(number).is_integer() and abs(number) < 1e15 else f"{number:.10g}"


def _compared(sign: str, one: Value, other: Value) -> bool:
    left: Any = one if one is not None else ("" if isinstance(other, str) else 0.0)
    right: Any = other if other is not None else ("" if isinstance(left, str) else 0.0)
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.casefold(), right.casefold()
    elif isinstance(left, str) != isinstance(right, str):
        # texts come after numbers
        left, right = float(isinstance(left, str)), float(isinstance(right, str))
    return bool(
        {"=": left == right, "<>": left != right, "<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[
            sign
        ]
    )
