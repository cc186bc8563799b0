"""Which of several things in a vendor is meant by a name of ours: one of them, none, or nobody can tell.

Names are compared without case, spaces and punctuation. A name that only resembles is never taken: it is a hint for a person.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

SURE: Final = "sure"
LIKELY: Final = "likely"
_NOT_WORDS: Final = re.compile(r"[^a-z0-9]+")
_NEAR: Final = 0.55
_HINTS: Final = 3
# What a vendor's type cannot hold: https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide,
# https://airtable.com/developers/web/api/field-model
_NO_DATE: Final = frozenset({"number", "bool", "enumeration", "currency", "checkbox", "singleSelect", "percent", "rating"})
_NO_NUMBER: Final = frozenset({"date", "datetime", "dateTime", "bool", "checkbox", "enumeration", "singleSelect", "url", "email"})


@dataclass(frozen=True)
class Thing:
    """What a vendor has: a property, a field, a stage."""

    key: str  # its id there; of HubSpot's properties the internal name
    label: str
    kind: str = ""  # the vendor's type


@dataclass(frozen=True)
class Wanted:
    """What we look for. ``names`` are what people call it, the shipped label first; ``key`` is its id in the shipped profile."""

    field: str
    key: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Match:
    """What was found for one wanted thing. ``thing`` is None where nobody can tell; ``reason`` says why in either case."""

    wanted: Wanted
    thing: Thing | None
    confidence: str
    reason: str
    hints: tuple[Thing, ...] = ()


def plain(text: str) -> str:
    """Return a name without case, spaces and punctuation between its words."""
    return _NOT_WORDS.sub(" ", text.lower()).strip()


def matched(wanted: Sequence[Wanted], things: Sequence[Thing]) -> list[Match]:
    """Return what each wanted thing is. No thing is two: where two could be one thing, neither is taken."""
    by_key = {thing.key: thing for thing in things}
    sure = {item.field: by_key[item.key] for item in wanted if item.key in by_key}
    free = [thing for thing in things if thing not in sure.values()]
    found = {item.field: _named(item, free) for item in wanted if item.field not in sure}
    claims: dict[str, list[str]] = {}
    for field, candidates in found.items():
        for thing in candidates:
            claims.setdefault(thing.key, []).append(field)
    taken = [candidates[0] for candidates in found.values() if len(candidates) == 1]
    matches = []
    for item in wanted:
        if item.field in sure:
            thing = sure[item.field]
            reason = f"the vendor calls it {thing.key}, too"
            matches.append(Match(item, thing, SURE, reason))
            continue
        candidates = found[item.field]
        rivals = sorted({field for thing in candidates for field in claims[thing.key]} - {item.field})
        if len(candidates) == 1 and not rivals:
            is_own = plain(candidates[0].label) == plain(item.names[0])
            reason = f"it is called {candidates[0].label!r}" + ("" if is_own else f", another name of {item.names[0]!r}")
            matches.append(Match(item, candidates[0], SURE if is_own else LIKELY, reason))
        elif candidates:
            reason = f"{len(candidates)} fit" if len(candidates) > 1 else f"it may as well be {', '.join(rivals)}"
            matches.append(Match(item, None, "", reason, tuple(candidates)))
        else:
            matches.append(
                Match(item, None, "", "nothing is called so", _near(item, [thing for thing in free if thing not in taken]))
            )
    return matches


def _named(wanted: Wanted, things: Iterable[Thing]) -> list[Thing]:
    """Return the things with a name of the wanted one; its own label outweighs other names."""
    fitting = [thing for thing in things if _fits(wanted.field, thing.kind)]
    for names in ({plain(wanted.names[0])}, {plain(name) for name in wanted.names}):
        found = [thing for thing in fitting if {plain(thing.label), plain(thing.key)} & names]
        if found:
            return found
    return []


def _near(wanted: Wanted, things: Collection[Thing]) -> tuple[Thing, ...]:
    labels = {plain(thing.label): thing for thing in things if _fits(wanted.field, thing.kind)}
    near: dict[str, Thing] = {}
    for name in wanted.names:
        for word in difflib.get_close_matches(plain(name), labels, n=_HINTS, cutoff=_NEAR):
            near.setdefault(word, labels[word])
    return tuple(near.values())[:_HINTS]


def _fits(field: str, kind: str) -> bool:
    if field.endswith(("_on", "_at")):
        return kind not in _NO_DATE
    if field.endswith(("amount", "_value", "_budget", "_hours")) or field.startswith("prepaid_"):
        return kind not in _NO_NUMBER
    return True
