"""Formulas in another column: what a spreadsheet makes of a formula that is copied to the right, and which columns a formula uses.

A reference moves along unless its column is fixed with ``$``; texts, names of tabs and names of functions are left as they are. Lines do
not change. https://support.google.com/docs/answer/9331169 (relative and absolute references).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDEST: Final = 18_278  # ZZZ, the last column that a spreadsheet can have
# texts and quoted tabs first, so that nothing inside of them is taken for a cell
_PARTS: Final = re.compile(
    r"""(?P<text>"(?:[^"]|"")*")"""
    r"""|(?P<tab>'(?:[^']|'')*'!)"""
    r"""|(?<![\w.$])(?P<plain_tab>[A-Za-z_][\w.]*!)"""
    r"""|(?<![\w.$])(?P<cell>(?P<fixed>\$?)(?P<letters>[A-Za-z]{1,3})(?P<line>\$?[1-9]\d{0,6}))(?![\w(!.])"""
    r"""|(?<![\w.$])(?P<columns>(?P<fixed_1>\$?)(?P<letters_1>[A-Za-z]{1,3}):(?P<fixed_2>\$?)(?P<letters_2>[A-Za-z]{1,3}))(?![\w(!.])"""
)


@dataclass(frozen=True)
class Use:
    """Columns of a tab that a formula uses, from 1, both included; ``is_elsewhere`` when another tab is named."""

    first: int
    last: int
    is_elsewhere: bool


def column_of(letters: str) -> int:
    """Return the number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def letters_of(column: int) -> str:
    """Return the letters of a column, the other way round."""
    text = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def shifted(formula: str, columns: int) -> str:
    """Return ``formula`` as it reads ``columns`` further to the right. Raises ValueError where that leaves the sheet."""

    def one(fixed: str, letters: str) -> str:
        if fixed:
            return f"${letters}"
        column = column_of(letters) + columns
        if not 1 <= column <= _WIDEST:
            raise ValueError(f"the formula {formula!r} would leave the sheet")
        return letters_of(column)

    def moved(found: re.Match[str]) -> str:
        if found["cell"]:
            return f"{one(found['fixed'], found['letters'])}{found['line']}"
        if found["columns"]:
            return f"{one(found['fixed_1'], found['letters_1'])}:{one(found['fixed_2'], found['letters_2'])}"
        return found[0]

    return _PARTS.sub(moved, formula)


def used_columns(formula: str) -> Iterator[Use]:
    """Yield the columns that a formula uses; of an area, such as A1:C3, all of them at once."""
    tab_end, before = -1, None
    for found in _PARTS.finditer(formula):
        if found["tab"] or found["plain_tab"]:
            tab_end = found.end()
        elif found["columns"]:
            yield Use(column_of(found["letters_1"]), column_of(found["letters_2"]), found.start() == tab_end)
        elif found["cell"]:
            column, is_elsewhere = column_of(found["letters"]), found.start() == tab_end
            if before is not None and formula[before[1] : found.start()] == ":":
                yield Use(before[0].first, column, before[0].is_elsewhere)
                before = None
                continue
            if before is not None:
                yield before[0]
            before = Use(column, column, is_elsewhere), found.end()
    if before is not None:
        yield before[0]
