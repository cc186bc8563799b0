"""One object of HubSpot, its records complete after every run, for as few requests as the API allows.

Few records (HUBSPOT_FULL_LIST_RECORDS) are listed in full. Of more, only what changed is asked for, by search, in windows of the record
id, because a search gives 10,000 results at most; archived ones are listed, because archiving moves no modification time; and the
portal's own count is compared with ours, because a purge leaves no trace. Whatever does not add up, and every few days anyway
(HUBSPOT_FULL_SWEEP_DAYS), the list is read in full. ``raw_hubspot.readings`` says which it was and why.

    GET  /crm/objects/{version}/{type}, archived too     100 a page, 50 with history
    POST /crm/objects/{version}/{type}/search            200 a page
    POST /crm/objects/{version}/{type}/batch/read        100 ids, 50 with history

https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide and .../search/guide
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from pipelines import clock
from pipelines.errors import GarbageAnswer
from pipelines.sources.hubspot_answers import Json, batch_sentence, errors_of, id_of, paged, results_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.sources.landing import Landing
    from pipelines.sources.people import EmailHash
    from pipelines.transport import Transport
    from pipelines.transport_adapters import HubspotApi

Mode = Literal["full", "incremental"]

PAGE: Final = 100
_PAGE_WITH_HISTORY: Final = 50
_PAGE_OF_SEARCH: Final = 200
# Well below the length at which HubSpot answers 414
_QUERY_CHARACTERS: Final = 6_000
# The properties whose every value is kept, with who set it and when.
_WITH_HISTORY: Final = {"deals": ("dealstage", "pipeline", "amount", "closedate", "hubspot_owner_id")}
# Of these the last entry of the history must be what the record says.
_MUST_AGREE: Final = ("dealstage", "pipeline")
# The search index runs behind the records; what it may not have shown yet is asked for again.
_OVERLAP: Final = timedelta(hours=1)


@dataclass(frozen=True)
class HubspotClient:
    """An opened portal: how to ask it, how e-mail addresses are kept, and how much of it is read at once."""

    api: HubspotApi
    transport: Transport
    hashed: EmailHash
    full_list_records: int
    full_sweep_days: int
    reads_history: bool


@dataclass(frozen=True)
class ObjectKind:
    """One object: our word for it, what it is called in a path, HubSpot's id of it, and the properties that are asked for."""

    word: str
    path: str
    type_id: str
    names: list[str]

    @property
    def modified_property(self) -> str:
        """The property that holds the modification time; contacts have an older name for it."""
        return "lastmodifieddate" if self.word == "contacts" else "hs_lastmodifieddate"


@dataclass(frozen=True)
class _Before:
    """The last reading of the object."""

    asked: str
    cursor_at: datetime | None
    full_at: datetime | None
    record_count: int


class RecordReading:
    """One reading of one object into the landing."""

    def __init__(self, client: HubspotClient, kind: ObjectKind, landing: Landing) -> None:
        """Ask nothing yet."""
        self._client, self._api, self._kind, self._landing = client, client.api, kind, landing
        self._history = list(_WITH_HISTORY.get(kind.word, ())) if client.reads_history else []
        self._merged: set[str] = set()
        self._newest: datetime | None = None
        self._vendor_count: int | None = None

    def run(self) -> Mode:
        """Read what is needed for the table to be complete; return how. Raises VendorError."""
        began = self._client.transport.vendor_time or clock.now()
        before = self._before()
        mode: Mode = "full"
        reason = self._why_full(before, began)
        if reason is None and before is not None and before.cursor_at is not None:
            mode = "incremental"
            self._read_changes(before.cursor_at)
            reason = self._what_does_not_add_up()
            if reason is not None:
                mode = "full"
                self._landing.replace(self._kind.word)
        if mode == "full":
            self._read_all(with_history=bool(self._history) and self._is_history_due(before, began))
        if self._history:
            self._read_histories()
        self._note(mode, reason or f"more than {self._client.full_list_records} records", before, began)
        return mode

    # Which way

    def _before(self) -> _Before | None:
        word = self._kind.word
        rows = self._landing.earlier.tuples("readings", "object_type", "asked", "cursor_at", "full_at", "record_count")
        found = next((row for row in rows if row[0] == word), None)
        if found is None or not self._landing.earlier.has(word):
            return None
        return _Before(*found[1:])

    def _why_full(self, before: _Before | None, began: datetime) -> str | None:
        if before is None:
            return "the first reading"
        if before.asked != self._asked():
            return "other properties are asked for than before"
        if before.record_count <= self._client.full_list_records:
            return f"{before.record_count} records are few"
        if before.cursor_at is None:
            return "no record says when it was changed"
        if self._is_sweep_due(before, began):
            return f"every {self._client.full_sweep_days} days all records are read"
        return None

    def _is_sweep_due(self, before: _Before, began: datetime) -> bool:
        return before.full_at is None or began - before.full_at >= timedelta(days=self._client.full_sweep_days)

    def _is_history_due(self, before: _Before | None, began: datetime) -> bool:
        """Return whether histories are read for all records: at first, and in the sweep (few records are listed more often)."""
        has_any = bool(
            self._landing.earlier.tuples("property_histories", "id", where=f"object_type = '{self._kind.word}' limit 1")
        )
        return before is None or not has_any or self._is_sweep_due(before, began)

    def _asked(self) -> str:
        parts = [self._kind.type_id, *sorted(self._kind.names), self._client.hashed("somebody@example.org")]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    # In full

    def _read_all(self, *, with_history: bool) -> None:
        for archived in (False, True):
            for page in self._listed(archived=archived, history=self._history if with_history else []):
                self._add(page)
                for record in page if with_history else ():
                    self._add_history(record)

    def _listed(self, *, archived: bool, history: list[str]) -> Iterator[list[Json]]:
        names, word = self._kind.names, self._kind.word
        fits = sum(len(name) + len("&properties=") for name in [*names, *history]) <= _QUERY_CHARACTERS

        def page(after: str | None) -> Any:
            return self._api.list_objects(
                self._kind.path,
                limit=_PAGE_WITH_HISTORY if history else PAGE,
                after=after,
                archived=archived,
                properties=names if fits else None,
                properties_with_history=(history or None) if fits else None,
            )

        for records in paged(page, word):
            if fits or not records:
                yield records
                continue
            # the properties do not fit into an address, so they are asked for in a body
            found, gone = self._read_batch([id_of(record, word) for record in records], names, history, archived=archived)
            self._landing.remove(word, gone)
            yield found

    # What changed

    def _read_changes(self, cursor: datetime) -> None:
        word = self._kind.word
        self._landing.keep(word)
        for page in self._found_since(cursor):
            self._add(page)
        archived_before = {row[0] for row in self._landing.earlier.tuples(word, "id", where="archived")}
        for page in self._listed(archived=True, history=[]):
            self._add(page)
        read = set(self._landing.values(word, "id"))
        # No longer archived: restored, merged or purged. Restoring need not move the modification time.
        unknown = sorted(archived_before - read)
        for start in range(0, len(unknown), PAGE):
            found, gone = self._read_batch(unknown[start : start + PAGE], self._kind.names, [], archived=False)
            self._add(found)
            self._landing.remove(word, gone)
        self._landing.remove(word, self._merged - set(self._landing.values(word, "id")))

    def _found_since(self, cursor: datetime) -> Iterator[list[Json]]:
        """Yield what was changed since ``cursor``, in windows of the id: pages of a moving result would lose records."""
        last = "0"
        while True:
            answer = self._search(
                [
                    {"propertyName": self._kind.modified_property, "operator": "GTE", "value": str(_milliseconds(cursor))},
                    {"propertyName": "hs_object_id", "operator": "GT", "value": last},
                ],
                _PAGE_OF_SEARCH,
            )
            records = results_of(answer, f"changes of {self._kind.word}")
            if not records:
                return
            yield records
            ids = [id_of(record, self._kind.word) for record in records]
            if not all(record_id.isdecimal() and int(record_id) > int(last) for record_id in ids):
                raise GarbageAnswer(
                    f"HubSpot's search for changes of {self._kind.word} does not keep to its filters (it found {ids[0]} after {last}), "
                    "so nothing was loaded from HubSpot. Run `handoff sync` again later."
                )
            last = max(ids, key=int)
            if len(records) < _PAGE_OF_SEARCH and len(records) >= _total(answer):
                return

    def _search(self, filters: list[Json], limit: int) -> Any:
        body = {
            "filterGroups": [{"filters": filters}] if filters else [],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": self._kind.names if filters else [],
            "limit": limit,
        }
        return self._api.search_objects(self._kind.path, body)

    def _what_does_not_add_up(self) -> str | None:
        """Compare the portal's own count of live records with what we would have. A search without filters counts them all."""
        answer = self._search([], 1)
        results_of(answer, f"the number of {self._kind.word}")
        self._vendor_count = _total(answer)
        ours = self._landing.count_after_load(self._kind.word, "not archived")
        if self._vendor_count == ours:
            return None
        return f"the portal counts {self._vendor_count:,} and the changes lead to {ours:,}"

    # Records

    def _add(self, records: Iterable[Json]) -> None:
        rows = [self._row(record) for record in records]
        self._landing.add(self._kind.word, rows)

    def _row(self, record: Json) -> Json:
        word, properties = self._kind.word, record.get("properties")
        if not isinstance(properties, dict):
            raise GarbageAnswer(
                f"HubSpot sent {word} {record['id']} without properties, so nothing was loaded from HubSpot. "
                "Check HUBSPOT_BASE_URL, and run `handoff sync` again later."
            )
        self._merged |= {part for part in str(properties.get("hs_merged_object_ids") or "").split(";") if part}
        self._see(record.get("updatedAt"))
        return {
            "id": id_of(record, word),
            "object_type_id": self._kind.type_id,
            "properties_json": self._client.hashed(properties) if word == "contacts" else properties,
            "created_at": record.get("createdAt"),
            "updated_at": record.get("updatedAt"),
            "archived": record.get("archived", False),
            "archived_at": record.get("archivedAt"),
        }

    def _see(self, updated_at: Any) -> None:
        moment = _moment(updated_at)
        if moment is not None and (self._newest is None or moment > self._newest):
            self._newest = moment

    def _read_batch(
        self, wanted: list[str], names: list[str], history: list[str], *, archived: bool
    ) -> tuple[list[Json], set[str]]:
        """Return the records with these ids, and the ids of those that are gone."""
        word = self._kind.word
        body = {"inputs": [{"id": item} for item in wanted], "properties": names, "propertiesWithHistory": history}
        answer = self._api.read_objects(self._kind.path, body, archived=archived)
        found = results_of(answer, word)
        for error in errors_of(answer):
            # A record that was deleted between the two calls is gone; anything else is not understood and stops the reading.
            if error.get("category") != "OBJECT_NOT_FOUND":
                raise GarbageAnswer(batch_sentence(word, error))
        gone = {str(item) for error in errors_of(answer) for item in (error.get("context") or {}).get("ids", [])}
        lost = set(wanted) - {id_of(record, word) for record in found} - gone
        if lost:
            raise GarbageAnswer(
                f"HubSpot left out {len(lost)} of {len(wanted)} {word} that it had listed (such as {min(lost)}), without a word. "
                "Nothing was loaded from HubSpot; run `handoff sync` again later."
            )
        return found, gone

    # History

    def _read_histories(self) -> None:
        """Read the histories of the records that were read and changed since their history was; the others keep theirs."""
        word, landing = self._kind.word, self._landing
        with_history = {row[1] for row in landing.values("property_histories", "object_type", "id") if row[0] == word}
        known = {
            row[1]: row[2]
            for row in landing.earlier.tuples("property_histories", "object_type", "id", "updated_at")
            if row[0] == word
        }
        landing.keep("property_histories")
        read = landing.values(word, "id", "updated_at", "archived")
        for archived in (False, True):
            wanted = [
                record_id
                for record_id, updated_at, is_archived in read
                if is_archived is archived and record_id not in with_history
                if record_id not in known or known[record_id] != updated_at
            ]
            for start in range(0, len(wanted), _PAGE_WITH_HISTORY):
                some = wanted[start : start + _PAGE_WITH_HISTORY]
                found, _ = self._read_batch(some, self._history, self._history, archived=archived)
                for record in found:
                    self._add_history(record)
        landing.remove("property_histories", known.keys() - set(landing.ids_after_load(word, "true")))

    def _add_history(self, record: Json) -> None:
        word, histories = self._kind.word, record.get("propertiesWithHistory") or {}
        record_id = id_of(record, word)
        row = {"object_type": word, "id": record_id, "updated_at": record.get("updatedAt"), "histories_json": histories}
        self._landing.add("property_histories", [row], key=("object_type", "id"))
        for name in _MUST_AGREE:
            entries = [entry for entry in histories.get(name) or [] if isinstance(entry, dict)]
            last = max(entries, key=lambda entry: str(entry.get("timestamp")), default=None)
            now = (record.get("properties") or {}).get(name)
            if last is not None and (last.get("value") or None) != (now or None):
                self._landing.set_aside(
                    "property_histories",
                    record_id,
                    f"the history of {name} ends with {last.get('value')!r} and the record says {now!r}; both were loaded",
                    entries[:3],
                )

    # The note

    def _note(self, mode: Mode, reason: str, before: _Before | None, began: datetime) -> None:
        if before is not None and before.cursor_at is not None:
            self._see(before.cursor_at + _OVERLAP)
        # By the records' own clock; a change that came while a long list was being read lies after the beginning.
        newest = None if self._newest is None else min(self._newest, began)
        self._landing.add(
            "readings",
            [
                {
                    "object_type": self._kind.word,
                    "mode": mode,
                    "reason": reason,
                    "asked": self._asked(),
                    "cursor_at": newest - _OVERLAP if newest is not None else None,
                    "full_at": began if mode == "full" or before is None else before.full_at,
                    "record_count": self._landing.count_after_load(self._kind.word, "not archived"),
                    "vendor_count": self._vendor_count,
                }
            ],
            key=("object_type",),
        )


def _total(answer: Any) -> int:
    total = answer.get("total") if isinstance(answer, dict) else None
    if isinstance(total, bool) or not isinstance(total, int):
        raise GarbageAnswer(
            "HubSpot answered a search without its total, so nothing was loaded from HubSpot. Run `handoff sync` again later."
        )
    return total


def _moment(value: Any) -> datetime | None:
    """Return a time as it came; one that is none is set aside with its record, not here."""
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo is not None else None


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
