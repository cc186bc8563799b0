"""Prometheus of the sandbox: range queries over the users of the story's hubs.

Evidence: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries for requests, answers and codes,
https://jupyterhub.readthedocs.io/en/latest/reference/metrics.html for the metric. docs/sandbox.md says what is inferred. Nothing was
measured at a server.
"""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from pipelines.sandbox.exchange import Answer, Call, Refusal, Routes, serve
from pipelines.sandbox.promql import NotBuilt, ParseError, parsed, reach, seconds_of, shown, value_at
from pipelines.sandbox.world import READ_TOKEN

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pipelines.sandbox.promql import Labels, Series
    from pipelines.sandbox.world import World

Json = dict[str, Any]

# Not a secret: it opens nothing but the invented organisation. The password is the reading token.
USERNAME: Final = "handoff"

_PATH: Final = "/api/v1/query_range"
# What ``world.limits`` may change. -1: off.
LIMITS: Final = {
    "prometheus.points_per_series": 11000,  # one more is refused
    "prometheus.retention_days": -1,  # samples that are older are gone
    "prometheus.asks_for_a_token": 1,  # 0: whoever reaches it may query
}


def app(world: World) -> ASGIApp:
    """Return the HTTP API over ``world``."""
    return serve(_Prometheus(world).answer)


def refuse(words: str, status: int = 400, kind: str = "bad_data") -> Refusal:
    """Return a refusal of the API."""
    return Refusal(Answer(status, {"status": "error", "errorType": kind, "error": words}))


class _Prometheus:
    def __init__(self, world: World) -> None:
        self._world = world
        self._routes = Routes(("GET", _PATH, self._query_range), ("POST", _PATH, self._query_range))

    def answer(self, call: Call) -> Answer:
        if self._limit("asks_for_a_token") and not _is_known(call):
            # Prometheus leaves that to what stands before it: Grafana's words
            raise Refusal(Answer(401, {"message": "Unauthorized"}))
        found = self._routes.find(call)
        if found is None:
            raise Refusal(Answer(501, {"status": "error", "error": f"The sandbox has no {call.method} {call.path}."}))
        handler, routed = found
        with self._world.lock:
            return handler(routed)

    def _limit(self, name: str) -> int:
        return self._world.limit(f"prometheus.{name}", LIMITS[f"prometheus.{name}"])

    def _query_range(self, call: Call) -> Answer:
        form = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True) if call.method == "POST" else []
        asked = dict([*call.query, *form])
        start, end = (_instant(name, asked.get(name, "")) for name in ("start", "end"))
        if end < start:
            raise refuse('invalid parameter "end": end timestamp must not be before start time')
        step = _step(asked.get("step", ""))
        if (end - start) // step > self._limit("points_per_series"):
            raise refuse(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
            )
        try:
            expression = parsed(asked.get("query", ""))
        except ParseError as error:
            raise refuse(f'invalid parameter "query": {error}') from None
        except NotBuilt as error:
            words = f"The sandbox's PromQL has no {error}; see docs/sandbox.md."
            raise Refusal(Answer(501, {"status": "error", "errorType": "not_built", "error": words})) from None
        series = self._series(start - reach(expression), end)
        found: dict[Labels, list[Any]] = {}
        count = int((end - start) // step) + 1
        for moment in (start + number * step for number in range(count)):
            for labels, value in value_at(expression, series, moment).items():
                found.setdefault(labels, []).append([int(moment) if moment == int(moment) else moment, shown(value)])
        result = [{"metric": dict(labels), "values": values} for labels, values in sorted(found.items())]
        warnings = self._world.state.prometheus.warnings
        body: Json = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return Answer(200, body | ({"warnings": warnings} if warnings else {}))

    def _series(self, first: float, last: float) -> list[Series]:
        """Return the samples after ``first`` and not after ``last`` that are still kept."""
        days = self._limit("retention_days")
        today = datetime.fromisoformat(f"{self._world.state.today}T00:00:00+00:00").timestamp()
        oldest = today - days * 86_400 if days >= 0 else first
        series = []
        for one in self._world.state.prometheus.series:
            kept = [(at, float(value)) for at, value in one["values"] if first < at <= last and at >= oldest]
            series.append((one["metric"], [at for at, _ in kept], [value for _, value in kept]))
        return series


def _is_known(call: Call) -> bool:
    scheme, _, said = call.headers.get("authorization", "").partition(" ")
    basic = base64.b64encode(f"{USERNAME}:{READ_TOKEN}".encode()).decode()
    return said.strip() == {"bearer": READ_TOKEN, "basic": basic}.get(scheme.lower())


def _instant(name: str, text: str) -> float:
    try:
        seconds = float(text)
        if math.isfinite(seconds):
            return seconds
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise refuse(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')
    return moment.astimezone(UTC).timestamp()


def _step(text: str) -> float:
    try:
        step = float(text)
    except ValueError:
        try:
            step = seconds_of(text)
        except ValueError:
            raise refuse(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from None
    if not 0 < step < math.inf:
        raise refuse(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'
        )
    return step
