"""HubSpot on loopback: the dated API (2026-09) and the v3/v4 paths, from one store. Routes and evidence: docs/sandbox.md.

    token -> rate -> path without its version -> may this token write? -> handler, under the world's lock -> the state's file

https://developers.hubspot.com/docs/api-reference/overview
"""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pipelines.sandbox import hubspot_associations as associations
from pipelines.sandbox import hubspot_catalog as catalog
from pipelines.sandbox import hubspot_records as records
from pipelines.sandbox.exchange import Answer, Refusal, Routes, serve
from pipelines.sandbox.hubspot_errors import missing_scopes, not_built, rate_limited, refused, unauthorized
from pipelines.sandbox.hubspot_portal import INDEX_LAG, Portal
from pipelines.sandbox.hubspot_search import SEARCH_CAP, SEARCH_CAP_DEFAULT, search
from pipelines.sandbox.world import token_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp

    from pipelines.sandbox.exchange import Call
    from pipelines.sandbox.world import World

    Row = tuple[str, str, Callable[[Portal, Call], Answer]]

_URL_CHARACTERS: Final = "hubspot.url_characters"
_TEN_SECONDS: Final = "hubspot.ten_second_calls"
LIMITS: Final = {
    records.PAGE_SIZE: records.PAGE_MOST,
    records.PARTIAL_STATUS: 207,
    associations.LINKS_PAGE: 500,
    catalog.OWNERS_PAGE: 500,
    catalog.DAILY: 250_000,
    INDEX_LAG: 0,
    SEARCH_CAP: SEARCH_CAP_DEFAULT,
    _URL_CHARACTERS: 16_000,
    _TEN_SECONDS: 0,  # 0: the headers count, and nobody is turned away
}
_AREAS: Final = "objects|properties|property-validations|pipelines|owners"
# What is one question in the dated API and was another in the old ones: /crm/objects/2026-09/deals is /crm/v3/objects/deals. The
# associations of v3 had other answers, and are not built.
_FORMS: Final = (
    re.compile(rf"/crm/({_AREAS}|associations)/2026-0[39](/.*)?"),
    re.compile(rf"/crm/v3/({_AREAS})(?!/[^/]+/[^/]+/associations)(/.*)?"),
    re.compile(r"/crm/v4/(objects)(/[^/]+/[^/]+/associations/.*)"),
    re.compile(r"/crm/v4/(associations)(/.*)"),
    re.compile(r"/crm/(associations)/v4(/.*)"),
    re.compile(r"/(crm-object-schemas)/(?:v3|2026-0[39])(/schemas)"),
    re.compile(r"/(account-info)/(?:v3|2026-0[39])(/.*)"),
)
_PUBLISHED_TEN_SECOND_LIMIT: Final = 100

# Handlers of calls that change something; a read token is refused there.
_WRITES: Final = (
    ("POST", "/objects/{type}", records.create),
    ("PATCH", "/objects/{type}/{id}", records.change),
    ("DELETE", "/objects/{type}/{id}", records.archive),
    ("POST", "/objects/{type}/batch/create", records.batch_create),
    ("POST", "/objects/{type}/batch/update", records.batch_update),
    ("POST", "/objects/{type}/batch/upsert", records.batch_upsert),
    ("POST", "/objects/{type}/batch/archive", records.batch_archive),
    ("PUT", "/objects/{type}/{id}/associations/default/{to}/{to_id}", associations.put_default),
    ("PUT", "/objects/{type}/{id}/associations/{to}/{to_id}", associations.put),
    ("DELETE", "/objects/{type}/{id}/associations/{to}/{to_id}", associations.delete),
    ("POST", "/associations/{from}/{to}/batch/create", associations.batch_create),
    ("POST", "/associations/{from}/{to}/batch/associate/default", associations.batch_default),
    ("POST", "/associations/{from}/{to}/batch/archive", associations.batch_archive),
    ("POST", "/associations/{from}/{to}/batch/labels/archive", associations.batch_remove_labels),
)
_READS: Final = (
    ("GET", "/objects/{type}", records.list_page),
    ("GET", "/objects/{type}/{id}", records.one),
    ("POST", "/objects/{type}/batch/read", records.batch_read),
    ("POST", "/objects/{type}/search", search),
    ("GET", "/objects/{type}/{id}/associations/{to}", associations.of_record),
    ("POST", "/associations/{from}/{to}/batch/read", associations.batch_read),
    ("GET", "/associations/{from}/{to}/labels", associations.labels),
    ("GET", "/properties/{type}", catalog.properties),
    ("GET", "/properties/{type}/{name}", catalog.one_property),
    ("GET", "/property-validations/{type}", catalog.validations),
    ("GET", "/crm-object-schemas/schemas", catalog.schemas),
    ("GET", "/pipelines/{type}", catalog.pipelines),
    ("GET", "/pipelines/{type}/{pipeline}", catalog.one_pipeline),
    ("GET", "/pipelines/{type}/{pipeline}/stages", catalog.stages),
    ("GET", "/pipelines/{type}/{pipeline}/stages/{stage}", catalog.one_stage),
    ("GET", "/owners", catalog.owners),
    ("GET", "/owners/{id}", catalog.one_owner),
    ("GET", "/account-info/details", catalog.account_details),
)
_USAGE: Final = "/account-info/api-usage/daily/private-apps"
# Notes and tasks go with the scope of contacts; the portal's own objects have one of their own.
_SCOPES: Final = {"notes": "contacts", "tasks": "contacts"}


class _Hubspot:
    """The routes, and what every call passes before and after its handler."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._portal = Portal(world)
        self._calls: deque[float] = deque()
        self._calls_today = 0
        self._reads = Routes(*self._bound(_READS), ("GET", _USAGE, self._usage))
        self._writes = Routes(*self._bound(_WRITES))

    def _bound(self, rows: Iterable[Row]) -> list[tuple[str, str, Callable[[Call], Answer]]]:
        return [(method, path, partial(handler, self._portal)) for method, path, handler in rows]

    def answer(self, call: Call) -> Answer:
        """Return the answer to a call, or its refusal, with the headers that tell of the limits."""
        with self._world.lock:
            try:
                answer = self._answer(call)
            except Refusal as refusal:
                answer = refusal.answer
            finally:
                if self._portal.is_changed:
                    self._portal.is_changed = False
                    self._world.changed()
            # Searches have a limit of their own, and say nothing of it.
            headers = {} if call.path.endswith("/search") else self._rate_headers()
            return replace(answer, headers={**answer.headers, **headers})

    def _answer(self, call: Call) -> Answer:
        token = token_kind(call.bearer)
        if token is None:
            raise unauthorized()
        if len(call.url) + sum(len(name) + len(value) + 2 for name, value in call.query) > self._limit(_URL_CHARACTERS):
            raise refused(414, "URI Too Long")
        self._count(call)
        plain = replace(call, path=_without_version(call))
        if (found := self._reads.find(plain)) is None:
            found = self._writes.find(plain)
            if found is None:
                raise not_built(call.method, call.path)
            if token != "write":  # noqa: S105 - a kind of token
                raise missing_scopes([self._write_scope(found[1])])
        handler, arrived = found
        return handler(arrived)

    def _write_scope(self, call: Call) -> str:
        kind = self._portal.kind(call.parts.get("type") or call.parts["from"])
        return f"crm.objects.{'custom' if self._portal.is_custom(kind) else _SCOPES.get(kind, kind)}.write"

    # Limits

    def _limit(self, name: str) -> int:
        return self._world.limit(name, LIMITS[name])

    def _count(self, call: Call) -> None:
        """Count a call, and turn it away where a limit is set so low that it is reached."""
        now = time.monotonic()
        while self._calls and now - self._calls[0] >= 10:
            self._calls.popleft()
        if self._calls_today >= self._limit(catalog.DAILY):
            raise rate_limited("DAILY")
        most = self._limit(_TEN_SECONDS)
        if most and len(self._calls) >= most and not call.path.endswith("/search"):
            raise rate_limited("TEN_SECONDLY_ROLLING")
        self._calls_today += 1
        if not call.path.endswith("/search"):
            self._calls.append(now)

    def _rate_headers(self) -> dict[str, str]:
        most, daily = self._limit(_TEN_SECONDS) or _PUBLISHED_TEN_SECOND_LIMIT, self._limit(catalog.DAILY)
        return {
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - len(self._calls))),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Daily": str(daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, daily - self._calls_today)),
        }

    def _usage(self, _: Call) -> Answer:
        return catalog.daily_usage(self._portal, self._limit(catalog.DAILY), self._calls_today)


def _without_version(call: Call) -> str:
    """Return a path as the table of routes has it, without the version that it was asked by."""
    for form in _FORMS:
        if match := form.fullmatch(call.path):
            return f"/{match[1]}{match[2] or ''}".rstrip("/")
    raise not_built(call.method, call.path)


def app(world: World) -> ASGIApp:
    """Return HubSpot as an app over the world's state."""
    return serve(_Hubspot(world).answer)
