"""Airtable of the sandbox: one base with its schema, its records and its refusals. Cells are in airtable_cells.py, formulas beside them.

Evidence: https://airtable.com/developers/web/api (paths, parameters, limits), what pyairtable sends, and other projects' notes for the
bodies of errors; docs/sandbox.md says which is which.

Limits on calls are off unless set, so that a demonstration does not wait.
"""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.airtable_cells import Base, Table, Writing, refuse
from pipelines.sandbox.airtable_formula import Formula
from pipelines.sandbox.exchange import Answer, Call, Refusal, Routes, instant, misfit, serve
from pipelines.sandbox.world import token_kind

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pipelines.sandbox.world import World

Json = dict[str, Any]

_BASE_NAME: Final = "Engagements"
_MOST_RECORDS: Final = 10
_PAGE: Final = 100
_LISTED_PARTS: Final = re.compile(r"(fields|records)\[\d*\]")
_SORT: Final = re.compile(r"sort\[(\d+)\]\[(field|direction)\]")
_TRUE: Final = frozenset({True, "1", "true", "True"})  # True is 1 as well
_FLAG: Final = (bool, str, int)
_LIST: Final[Json] = {
    "pageSize": int,
    "maxRecords": int,
    "offset": str,
    "view": str,
    "filterByFormula": str,
    "cellFormat": str,
    "fields": [str],
    "sort": [{"field": str, "direction": str}],
    "returnFieldsByFieldId": _FLAG,
}
_WRITE: Final[Json] = {
    "fields": {},
    "records": [{"id": str, "fields": {}}],
    "typecast": _FLAG,
    "returnFieldsByFieldId": _FLAG,
    "performUpsert": {"fieldsToMergeOn": [str]},
}
# What ``world.limits`` may change. -1: off.
LIMITS: Final = {
    "airtable.page_size": 100,
    "airtable.iterator_expiries": 0,  # so many coming pages find their iterator gone
    "airtable.iterator_seconds": 900,  # how long an iterator lives unused
    "airtable.moving_pages": 0,  # 1: a page begins after so many rows, so that what is deleted shifts the others past it
    "airtable.requests_per_second": -1,  # Airtable's own is 5
    "airtable.lockout_seconds": 30,
    "airtable.monthly_calls": -1,
}
# Parameters that would change the answer and are not built
_NOT_BUILT: Final = ("timeZone", "userLocale", "recordMetadata")


def app(world: World) -> ASGIApp:
    """Return Airtable's Web API over ``world``."""
    return serve(_Airtable(world).answer)


@dataclass
class _Iterator:
    """What a list still has to show: ids as they stood when it began. Rows made later are not in it, deleted ones are skipped."""

    ids: list[str]
    used_at: float
    shown: int = 0  # rows on the pages before; counts only while pages move


@dataclass
class _Gate:
    """Airtable's limits on calls: five a second and base, then a lock-out; and a number of calls a month."""

    world: World
    calls: int = 0
    recent: list[float] = field(default_factory=list)
    locked_until: float = 0.0

    def pass_through(self) -> None:
        """Count a call to the base. Raises the 429 of the limit that it meets."""
        self.calls += 1
        cap = self.world.limit("airtable.monthly_calls", LIMITS["airtable.monthly_calls"])
        if 0 <= cap < self.calls:
            raise refuse(
                429,
                "PUBLIC_API_BILLING_LIMIT_EXCEEDED",
                "API billing plan limit exceeded. You've reached the maximum number of requests allowed for this month.",
            )
        rate = self.world.limit("airtable.requests_per_second", LIMITS["airtable.requests_per_second"])
        if rate < 0:
            return
        now = time.monotonic()
        self.recent = [moment for moment in self.recent if now - moment < 1] + [now]
        if len(self.recent) > rate and now >= self.locked_until:
            self.locked_until = now + self.world.limit("airtable.lockout_seconds", LIMITS["airtable.lockout_seconds"])
        if now < self.locked_until:
            words = {"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}
            raise Refusal(Answer(429, {"errors": [words]}))


class _Airtable:
    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state
        self._gate = _Gate(world)
        self._iterators: dict[str, _Iterator] = {}
        self._numbers = itertools.count(1)
        many, one = "/v0/{base}/{table}", "/v0/{base}/{table}/{record}"
        self._routes = Routes(
            ("GET", "/v0/meta/bases", self._bases),
            ("GET", "/v0/meta/bases/{base}/tables", self._tables),
            ("POST", f"{many}/listRecords", self._list_by_body),
            ("GET", many, self._list_by_query),
            ("POST", many, self._create),
            ("PATCH", many, self._update_many),
            ("PUT", many, self._update_many),
            ("DELETE", many, self._delete_many),
            ("GET", one, self._one),
            ("PATCH", one, self._update_one),
            ("PUT", one, self._update_one),
            ("DELETE", one, self._delete_one),
        )

    @property
    def _base(self) -> Base:
        return Base(self._world.state.airtable)

    def _notice_reset(self) -> None:
        """Forget counted calls, lock-outs and iterators when the sandbox was reset, which puts another state in its place."""
        if self._state is not self._world.state:
            self._state, self._gate, self._iterators = self._world.state, _Gate(self._world), {}

    def _limit(self, name: str) -> int:
        return self._world.limit(f"airtable.{name}", LIMITS[f"airtable.{name}"])

    def answer(self, call: Call) -> Answer:
        """Answer one call, as far as its token, its route and the limits let it."""
        kind = token_kind(call.bearer)
        if kind is None:
            raise refuse(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        found = self._routes.find(call)
        if found is None or found[1].parts.get("base") == "meta":
            raise _not_built(f"{call.method} {call.path}")
        handler, call = found
        with self._world.lock:
            self._notice_reset()
            if not call.path.startswith("/v0/meta/"):
                self._gate.pass_through()
            if call.parts.get("base", self._base.id) != self._base.id:
                raise _not_permitted()
            if call.method != "GET" and handler != self._list_by_body and kind != "write":
                raise _not_permitted()
            return handler(call)

    # The schema

    def _bases(self, call: Call) -> Answer:
        level = {"read": "read", "write": "create"}[str(token_kind(call.bearer))]
        return Answer(200, {"bases": [{"id": self._base.id, "name": _BASE_NAME, "permissionLevel": level}]})

    def _tables(self, call: Call) -> Answer:
        tables = self._base.definitions
        if "visibleFieldIds" in call.values("include"):
            tables = [
                {**table, "views": [{**view, "visibleFieldIds": [f["id"] for f in table["fields"]]} for view in table["views"]]}
                for table in tables
            ]
        return Answer(200, {"tables": tables})

    # Reading

    def _table(self, call: Call) -> Table:
        table = self._base.table(call.parts["table"])
        if table is None:
            raise _not_permitted()
        return table

    def _list_by_query(self, call: Call) -> Answer:
        asked: Json = {
            name: value for name, value in call.query if not _LISTED_PARTS.fullmatch(name) and not _SORT.fullmatch(name)
        }
        asked["fields"] = [value for name, value in call.query if name == "fields" or _LISTED_PARTS.fullmatch(name)]
        sort: dict[str, Json] = {}
        for name, value in call.query:
            match = _SORT.fullmatch(name)
            if match is not None:
                sort.setdefault(match[1], {})[match[2]] = value
        asked["sort"] = [sort[place] for place in sorted(sort, key=int)]
        return self._list(self._table(call), asked)

    def _list_by_body(self, call: Call) -> Answer:
        return self._list(self._table(call), _object(call, _LIST))

    def _list(self, table: Table, asked: Json) -> Answer:
        for parameter in _NOT_BUILT:
            if asked.get(parameter):
                raise _not_built(f"the list parameter {parameter}")
        if asked.get("cellFormat", "json") != "json":
            raise _not_built("the cellFormat string")
        size = _number(asked, "pageSize", _PAGE, most=_PAGE)
        chosen = table.fields_named(asked.get("fields") or [])
        iterator_id, ids, shown = self._rest(table, asked)
        size = min(size, max(1, self._limit("page_size")))
        by_id = table.by_id()
        ids = [record_id for record_id in ids if record_id in by_id]
        by_field_id = asked.get("returnFieldsByFieldId") in _TRUE
        body: Json = {"records": [table.shown(by_id[record_id], by_field_id, chosen) for record_id in ids[:size]]}
        if ids[size:]:
            body["offset"] = f"{iterator_id}/{ids[size]}"
            self._iterators[iterator_id] = _Iterator(ids[size:], time.monotonic(), shown + size)
        else:
            self._iterators.pop(iterator_id, None)
        return Answer(200, body)

    def _rest(self, table: Table, asked: Json) -> tuple[str, list[str], int]:
        """Return an iterator, the ids that it has not shown yet and how many it has: all that fit for a first page."""
        offset = asked.get("offset")
        if not offset:
            return f"itr{next(self._numbers):014d}", self._chosen_ids(table, asked), 0
        iterator_id, _, record_id = str(offset).partition("/")
        lifetime = self._limit("iterator_seconds")
        now = time.monotonic()
        self._iterators = {key: held for key, held in self._iterators.items() if now - held.used_at < lifetime}
        expiries = self._limit("iterator_expiries")
        if expiries > 0:
            self._world.limits["airtable.iterator_expiries"] = expiries - 1
            self._iterators.pop(iterator_id, None)
        held = self._iterators.get(iterator_id)
        if held is not None and self._limit("moving_pages"):
            return iterator_id, self._chosen_ids(table, asked)[held.shown :], held.shown
        if held is None or record_id not in held.ids:
            raise Refusal(Answer(422, {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}))
        return iterator_id, held.ids[held.ids.index(record_id) :], held.shown

    def _chosen_ids(self, table: Table, asked: Json) -> list[str]:
        view = asked.get("view")
        if view and view not in {name for known in table.definition["views"] for name in (known["id"], known["name"])}:
            raise refuse(422, "VIEW_NAME_NOT_FOUND", f"View {view} not found")
        records = list(table.records)
        if asked.get("filterByFormula"):
            formula = Formula(str(asked["filterByFormula"]), table)
            records = [record for record in records if formula.is_true_of(record)]
        for order in reversed(asked.get("sort") or []):
            wanted = table.field(str(order.get("field")))
            if wanted is None:
                raise refuse(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{order.get("field")}"')
            records.sort(key=lambda record: table.sort_key(record, wanted), reverse=order.get("direction") == "desc")
        if asked.get("maxRecords"):
            records = records[: _number(asked, "maxRecords", len(records))]
        return [record["id"] for record in records]

    def _one(self, call: Call) -> Answer:
        table = self._table(call)
        return Answer(200, table.shown(self._record(table, call), call.value("returnFieldsByFieldId") in _TRUE))

    def _record(self, table: Table, call: Call) -> Json:
        record = table.by_id().get(call.parts["record"])
        if record is None:
            raise Refusal(Answer(404, {"error": "NOT_FOUND"}))
        return record

    # Writing

    def _create(self, call: Call) -> Answer:
        table, body = self._table(call), _object(call, _WRITE)
        writing = self._writing(body)
        if "records" not in body:
            record = writing.create(table, _fields(body))
            self._commit(writing)
            return Answer(200, table.shown(record, body.get("returnFieldsByFieldId") in _TRUE))
        records = [writing.create(table, _fields(row)) for row in _rows(body["records"], "created")]
        self._commit(writing)
        return self._shown(table, records, body)

    def _update_one(self, call: Call) -> Answer:
        table, body = self._table(call), _object(call, _WRITE)
        record = self._record(table, call)
        writing = self._writing(body)
        writing.update(table, record, _fields(body), clears_unlisted=call.method == "PUT")
        self._commit(writing)
        return Answer(200, table.shown(record, body.get("returnFieldsByFieldId") in _TRUE))

    def _update_many(self, call: Call) -> Answer:
        table, body = self._table(call), _object(call, _WRITE)
        rows = _rows(body.get("records", []), "updated")
        writing = self._writing(body)
        is_upsert = "performUpsert" in body
        merge_on = body.get("performUpsert", {}).get("fieldsToMergeOn", [])
        known = table.by_id()
        clears = call.method == "PUT"
        created, updated, records = [], [], []
        for row in rows:
            record_id = row.get("id")
            if record_id is None and is_upsert:
                record = writing.match(table, _fields(row), merge_on)
            elif record_id in known:
                record = known[record_id]
            else:
                raise refuse(422, "ROW_DOES_NOT_EXIST", f"Record ID {record_id} does not exist in this table")
            if record is None:
                record = writing.create(table, _fields(row))
                created.append(record["id"])
            else:
                writing.update(table, record, _fields(row), clears_unlisted=clears)
                updated.append(record["id"])
            records.append(record)
        self._commit(writing)
        answer = self._shown(table, records, body)
        if is_upsert:
            answer.body.update(createdRecords=created, updatedRecords=updated)
        return answer

    def _delete_one(self, call: Call) -> Answer:
        table = self._table(call)
        return Answer(200, self._deleted(table, [self._record(table, call)])[0])

    def _delete_many(self, call: Call) -> Answer:
        table = self._table(call)
        ids = [value for name, value in call.query if name.startswith("records[")]
        known = table.by_id()
        missing = [record_id for record_id in ids if record_id not in known]
        if not ids or len(ids) > _MOST_RECORDS:
            raise _wrong_number("deleted", len(ids))
        if missing:
            raise refuse(422, "ROW_DOES_NOT_EXIST", f"Record ID {missing[0]} does not exist in this table")
        return Answer(200, {"records": self._deleted(table, [known[record_id] for record_id in ids])})

    def _deleted(self, table: Table, records: list[Json]) -> list[Json]:
        for record in records:
            self._base.remove(table, record)
        self._world.changed()
        return [{"id": record["id"], "deleted": True} for record in records]

    def _writing(self, body: Json) -> Writing:
        return Writing(self._base, created_at=instant(self._world), typecast=body.get("typecast") in _TRUE)

    def _commit(self, writing: Writing) -> None:
        writing.commit()
        self._world.changed()

    def _shown(self, table: Table, records: list[Json], body: Json) -> Answer:
        by_field_id = body.get("returnFieldsByFieldId") in _TRUE
        return Answer(200, {"records": [table.shown(record, by_field_id) for record in records]})


def _not_permitted() -> Refusal:
    """Return what Airtable says for a base, table or right that the token has not."""
    return refuse(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and your token have the required "
        "permissions, and that the model names and/or ids are correct.",
    )


def _not_built(what: str) -> Refusal:
    return refuse(501, "NOT_IN_THE_SANDBOX", f"The handoff sandbox does not have {what}.")


def _wrong_number(done: str, number: int) -> Refusal:
    if number > _MOST_RECORDS:
        words = f"A maximum of {_MOST_RECORDS} records can be {done} per request but you have provided {number}."
        return refuse(422, "INVALID_RECORDS", words)
    return refuse(422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed. Check your request data.")


def _object(call: Call, shape: Json) -> Json:
    try:
        body: Json = call.json()
    except ValueError as error:
        raise refuse(400, "INVALID_REQUEST_BODY", "Could not parse request body") from error
    place = misfit(body, shape)
    if place is not None:
        words = f"Invalid request: parameter validation failed. Check your request data. ({place})"
        raise refuse(422, "INVALID_REQUEST_UNKNOWN", words)
    return body


def _rows(records: list[Json], done: str) -> list[Json]:
    if not 1 <= len(records) <= _MOST_RECORDS:
        raise _wrong_number(done, len(records))
    return records


def _fields(row: Json) -> Json:
    if "fields" not in row:
        raise refuse(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')
    fields: Json = row["fields"]
    return fields


def _number(asked: Json, name: str, default: int, most: int | None = None) -> int:
    text = str(asked.get(name, default))
    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        raise refuse(422, "INVALID_REQUEST_UNKNOWN", f"Invalid request: {name} cannot be {text}.")
    return int(text)
