"""The associations of the sandbox's portal: found by record, written in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipelines.sandbox.state import HubspotState, Json

End = tuple[str, str]  # object word and record id
Kind = tuple[str, int]  # category and type id
_EMPTY: Final[dict[str, list[Kind]]] = {}


def id_order(record_id: str) -> tuple[int, str]:
    """Return what sorts ids as HubSpot does: by number."""
    return (int(record_id) if record_id.isdecimal() else -1, record_id)


class Links:
    """An index over the state's list of associations; the list stays the one truth."""

    def __init__(self, state: Callable[[], HubspotState]) -> None:
        """Index at the first question, and again whenever somebody else has changed the list."""
        self._state = state
        self._indexed: list[Json] | None = None
        self._count = 0
        self._by_end: dict[tuple[str, str, str], dict[str, list[Kind]]] = {}

    def of(self, start: End, to: str) -> list[tuple[str, list[Kind]]]:
        """Return the records of type ``to`` that a record is linked with, by id, and the kinds of each link."""
        state = self._state()
        records = state.objects[to]
        found = self._index().get((*start, to), _EMPTY)
        return [
            (record_id, found[record_id])
            for record_id in sorted(found, key=id_order)
            if record_id in records and not records[record_id].archived
        ]

    def add(self, start: End, end: End, kinds: Iterable[Kind]) -> bool:
        """Link two records, in both directions; return whether anything was new."""
        opposite = self._opposites()
        is_new = False
        for category, type_id in kinds:
            back = opposite[start[0], end[0], category, type_id]
            is_new |= self._store(start, end, (category, type_id))
            is_new |= self._store(end, start, (category, back))
        return is_new

    def remove(self, start: End, end: End, kinds: Iterable[Kind] | None = None) -> bool:
        """Unlink two records in both directions, wholly or (``kinds``) a label at a time; return whether anything was there."""
        opposite = self._opposites()
        chosen = None if kinds is None else set(kinds)
        back = None if chosen is None else {(c, opposite[start[0], end[0], c, t]) for c, t in chosen}
        links = self._state().associations
        kept = [link for link in links if not (_joins(link, start, end, chosen) or _joins(link, end, start, back))]
        is_less = len(kept) < len(links)
        links[:] = kept
        self._indexed = None
        return is_less

    def labels(self, start: str, to: str) -> list[Json]:
        """Return the kinds of association from one object type to another: category, typeId, label."""
        return [
            {"category": row["category"], "typeId": row["typeId"], "label": row["label"]}
            for row in self._state().association_labels
            if (row["from"], row["to"]) == (start, to)
        ]

    def target_of(self, start: str, kind: Kind, to: str | None = None) -> str | None:
        """Return the object type (``to``, if given) that a kind of association leads to from ``start``, or None."""
        for row in self._state().association_labels:
            if (row["from"], (row["category"], row["typeId"])) == (start, kind) and to in {None, row["to"]}:
                return str(row["to"])
        return None

    def default_kind(self, start: str, to: str) -> Kind | None:
        """Return the kind without a label, which HubSpot uses by default and beside each labelled one."""
        return next(((row["category"], row["typeId"]) for row in self.labels(start, to) if row["label"] is None), None)

    def _store(self, start: End, end: End, kind: Kind) -> bool:
        index = self._index()
        kinds = index.setdefault((*start, end[0]), {}).setdefault(end[1], [])
        if kind in kinds:
            return False
        kinds.append(kind)
        self._state().associations.append(
            {"from": start[0], "fromId": start[1], "to": end[0], "toId": end[1], "category": kind[0], "typeId": kind[1]}
        )
        self._count += 1
        return True

    def _index(self) -> dict[tuple[str, str, str], dict[str, list[Kind]]]:
        links = self._state().associations
        if links is not self._indexed or len(links) != self._count:
            index: dict[tuple[str, str, str], dict[str, list[Kind]]] = {}
            for link in links:
                ends = index.setdefault((link["from"], link["fromId"], link["to"]), {})
                ends.setdefault(link["toId"], []).append((link["category"], link["typeId"]))
            self._by_end, self._indexed, self._count = index, links, len(links)
        return self._by_end

    def _opposites(self) -> dict[tuple[str, str, str, int], int]:
        """Return each kind's type id in the other direction. The state lists a kind right before its opposite, if it has another."""
        rows = self._state().association_labels
        found: dict[tuple[str, str, str, int], int] = {}
        for row, following in zip(rows, [*rows[1:], None], strict=True):
            key = (row["from"], row["to"], row["category"], row["typeId"])
            if key in found:
                continue
            found[key] = row["typeId"]
            if following is not None and _are_opposite(row, following):
                back = (following["from"], following["to"], following["category"], following["typeId"])
                found[key], found[back] = following["typeId"], row["typeId"]
        return found


def _are_opposite(row: Json, other: Json) -> bool:
    return (row["from"], row["to"], row["category"], row["label"] is None) == (
        other["to"],
        other["from"],
        other["category"],
        other["label"] is None,
    )


def _joins(link: Json, start: End, end: End, kinds: set[Kind] | None) -> bool:
    return (link["from"], link["fromId"], link["to"], link["toId"]) == (*start, *end) and (
        kinds is None or (link["category"], link["typeId"]) in kinds
    )
