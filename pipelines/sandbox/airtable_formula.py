"""The formulas of ``filterByFormula`` that the sandbox can reckon; any other is answered 501 with what it could not read.

    {Field}  'text'  12.5  =  !=  <  <=  >  >=  &  + - * /  AND OR NOT IF BLANK TRUE FALSE RECORD_ID FIND LOWER UPPER LEN TRIM

https://support.airtable.com/docs/formula-field-reference. An empty cell equals BLANK(), '' and 0; links are the names of their records.
"""

from __future__ import annotations

import inspect
import operator
import re
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.airtable_cells import Table, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.sandbox.exchange import Refusal

Json = dict[str, Any]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<field>\{(?:[^}\\]|\\.)*\})|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|!=|[=<>&+\-*/(),]))"""
)
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip
_SUMS: Final[dict[str, Callable[[float, float], float]]] = {"+": operator.add, "-": operator.sub}
_PRODUCTS: Final[dict[str, Callable[[float, float], float]]] = {"*": operator.mul, "/": operator.truediv}
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "AND": lambda *values: all(_truth(value) for value in values),
    "OR": lambda *values: any(_truth(value) for value in values),
    "NOT": lambda value: not _truth(value),
    "IF": lambda condition, then, otherwise=None: then if _truth(condition) else otherwise,
    "BLANK": lambda: None,
    "TRUE": lambda: True,
    "FALSE": lambda: False,
    "FIND": lambda wanted, text, start=0: _text(text).find(_text(wanted), max(0, int(start) - 1)) + 1,
    "LOWER": lambda text: _text(text).lower(),
    "UPPER": lambda text: _text(text).upper(),
    "LEN": lambda text: len(_text(text)),
    "TRIM": lambda text: _text(text).strip(),
}


class Formula:
    """A formula, read once and reckoned for each record."""

    def __init__(self, text: str, table: Table) -> None:
        """Read ``text``. Raises the 422 for a field that is not there, and 501 for what is not built."""
        self._table = table
        self._tokens = _tokens(text)
        self._place = 0
        self._value = self._comparison()
        if self._place != len(self._tokens):
            raise _not_built(self._tokens[self._place][1])

    def is_true_of(self, record: Json) -> bool:
        """Return whether the formula holds for a record."""
        try:
            return _truth(self._value(record))
        except (TypeError, ValueError, ArithmeticError):
            return False  # Airtable's #ERROR! is not true of anything

    def _comparison(self) -> Callable[[Json], Any]:
        left = self._text()
        while self._next_is(_COMPARISONS):
            left = _compared(_COMPARISONS[self._take()], left, self._text())
        return left

    def _text(self) -> Callable[[Json], Any]:
        left = self._sum()
        while self._next_is({"&"}):
            self._take()
            left = _joined(left, self._sum())
        return left

    def _sum(self) -> Callable[[Json], Any]:
        left = self._product()
        while self._next_is(_SUMS):
            left = _reckoned(_SUMS[self._take()], left, self._product())
        return left

    def _product(self) -> Callable[[Json], Any]:
        left = self._single()
        while self._next_is(_PRODUCTS):
            left = _reckoned(_PRODUCTS[self._take()], left, self._single())
        return left

    def _single(self) -> Callable[[Json], Any]:
        if self._place >= len(self._tokens):
            raise _invalid()
        kind, word = self._tokens[self._place]
        self._place += 1
        if kind == "field":
            return self._cell(re.sub(r"\\(.)", r"\1", word[1:-1]))
        if kind == "text":
            return _constant(re.sub(r"\\(.)", r"\1", word[1:-1]))
        if kind == "number":
            return _constant(float(word))
        if kind == "name":
            return self._called(word)
        if word == "-":
            return _reckoned(operator.sub, _constant(0.0), self._single())
        if word != "(":
            raise _invalid()
        inner = self._comparison()
        self._need(")")
        return inner

    def _cell(self, name: str) -> Callable[[Json], Any]:
        definition = self._table.needed_field(name)
        return lambda record: self._table.plain(record, definition)

    def _called(self, name: str) -> Callable[[Json], Any]:
        if not self._next_is({"("}):
            return self._cell(name)  # a name of one word may stand without braces
        self._take()
        given: list[Callable[[Json], Any]] = []
        while not self._next_is({")"}):
            given.append(self._comparison())
            if self._next_is({","}):
                self._take()
        self._need(")")
        if name.upper() == "RECORD_ID" and not given:
            return lambda record: record["id"]
        function = _FUNCTIONS.get(name.upper())
        if function is None:
            raise _not_built(f"{name}()")
        try:
            inspect.signature(function).bind(*given)
        except TypeError:
            raise _invalid() from None
        return lambda record: function(*(value(record) for value in given))

    def _next_is(self, words: Any) -> bool:
        return (
            self._place < len(self._tokens) and self._tokens[self._place][0] == "sign" and self._tokens[self._place][1] in words
        )

    def _take(self) -> str:
        self._place += 1
        return self._tokens[self._place - 1][1]

    def _need(self, sign: str) -> None:
        if not self._next_is({sign}):
            raise _invalid()
        self._take()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise _invalid()
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    return found


def _constant(value: Any) -> Callable[[Json], Any]:
    return lambda _: value


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> Callable[[Json], Any]:
    return lambda record: compare(*_alike(left(record), right(record)))


def _joined(left: Any, right: Any) -> Callable[[Json], Any]:
    return lambda record: _text(left(record)) + _text(right(record))


def _reckoned(reckon: Callable[[float, float], float], left: Any, right: Any) -> Callable[[Json], Any]:
    return lambda record: reckon(float(left(record) or 0), float(right(record) or 0))


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values in one kind: an empty cell is an empty text beside text and zero beside a number."""
    if isinstance(left, str) or isinstance(right, str) or (left is None and right is None):
        return _text(left), _text(right)
    return float(left or 0), float(right or 0)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _truth(value: Any) -> bool:
    return bool(value)


def _invalid() -> Refusal:
    return refuse(422, "INVALID_FILTER_BY_FORMULA", "The formula for filtering records is invalid: it cannot be read.")


def _not_built(what: str) -> Refusal:
    return refuse(501, "NOT_IN_THE_SANDBOX", f"The handoff sandbox does not reckon {what} in filterByFormula.")
