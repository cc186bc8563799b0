"""The control surface below ``/_control``: what a test or a rehearsal may change about the sandbox. See docs/sandbox.md."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from pipelines.sandbox.faults import fault_from
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from pipelines.sandbox.world import World

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class _Surface:
    """The handlers. Each answers JSON; what it is given wrongly it refuses with 400 and one sentence."""

    def __init__(self, world: World, known_limits: dict[str, int], reset_state: Callable[[], None]) -> None:
        self._world, self._known_limits, self._reset_state = world, known_limits, reset_state

    def health(self, _: Any) -> Any:
        world = self._world
        return {
            "handoff_sandbox": True,
            "today": world.state.today,
            "portal_id": world.state.hubspot.portal_id,
            "vendors": dict(world.vendors_up),
            "remembers": world.state_file is not None,
        }

    def vendor(self, given: Any, vendor: str) -> Any:
        up = given.get("up") if isinstance(given, dict) else None
        if vendor not in VENDORS or not isinstance(up, bool):
            raise ValueError(f'Send {{"up": true}} or {{"up": false}} to one of {", ".join(VENDORS)}.')
        self._world.vendors_up[vendor] = up
        return dict(self._world.vendors_up)

    def faults(self, _: Any) -> Any:
        return {"faults": [dataclasses.asdict(fault) for fault in self._world.faults]}

    def add_faults(self, given: Any) -> Any:
        added = [fault_from(item) for item in (given if isinstance(given, list) else [given])]
        with self._world.lock:
            self._world.faults.extend(added)
        return {"faults": [dataclasses.asdict(fault) for fault in added]}

    def clear_faults(self, _: Any) -> Any:
        with self._world.lock:
            self._world.faults.clear()
        return {"faults": []}

    def clear_requests(self, _: Any) -> Any:
        with self._world.lock:
            self._world.requests.clear()
        return {"requests": []}

    def limits(self, _: Any) -> Any:
        return {"limits": self._known_limits | self._world.limits, "changed": sorted(self._world.limits)}

    def set_limits(self, given: Any) -> Any:
        if not isinstance(given, dict):
            raise ValueError('Send {"<limit>": <whole number, or null for the usual value>}.')  # noqa: TRY004 - one kind of refusal
        for name, value in given.items():
            if name not in self._known_limits:
                raise ValueError(f"No limit is called {name!r}; there are {', '.join(sorted(self._known_limits))}.")
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise ValueError(f"The limit {name} is a whole number, not {value!r}.")
        self._world.limits = {name: value for name, value in (self._world.limits | given).items() if value is not None}
        return self.limits(None)

    def latency(self, _: Any) -> Any:
        return {"seconds": self._world.latency_seconds}

    def set_latency(self, given: Any) -> Any:
        seconds = given.get("seconds") if isinstance(given, dict) else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise ValueError('Send {"seconds": <number>}.')
        self._world.latency_seconds = float(seconds)
        return self.latency(None)

    def state(self, _: Any) -> Any:
        with self._world.lock:
            return dataclasses.asdict(self._world.state)

    def reset(self, _: Any) -> Any:
        world = self._world
        with world.lock:
            world.vendors_up.update(dict.fromkeys(VENDORS, True))
            world.latency_seconds = 0.0
            world.limits = {}
            world.requests.clear()
            world.faults.clear()
            self._reset_state()
            world.changed()
        return self.health(None)

    def requests(self, vendor: str | None) -> Any:
        with self._world.lock:
            return {"requests": [dict(entry) for entry in self._world.requests if vendor in {None, entry["vendor"]}]}


def control(world: World, known_limits: dict[str, int], reset_state: Callable[[], None]) -> Starlette:
    """Return the control surface. ``reset_state`` puts back the state that the sandbox began with."""
    surface = _Surface(world, known_limits, reset_state)

    async def vendor(request: Request) -> Response:
        return await _answered(request, lambda given: surface.vendor(given, request.path_params["vendor"]))

    async def requests(request: Request) -> Response:
        return await _answered(request, lambda _: surface.requests(request.query_params.get("vendor")))

    async def not_built(request: Request) -> Response:
        return _json({"message": f"The sandbox has no {request.method} {request.url.path}; see docs/sandbox.md."}, 501)

    return Starlette(
        routes=[
            Route("/health", _handler(surface.health), methods=["GET"]),
            Route("/vendors/{vendor}", vendor, methods=["POST"]),
            Route("/faults", _handler(surface.faults), methods=["GET"]),
            Route("/faults", _handler(surface.add_faults), methods=["POST"]),
            Route("/faults", _handler(surface.clear_faults), methods=["DELETE"]),
            Route("/requests", requests, methods=["GET"]),
            Route("/requests", _handler(surface.clear_requests), methods=["DELETE"]),
            Route("/limits", _handler(surface.limits), methods=["GET"]),
            Route("/limits", _handler(surface.set_limits), methods=["POST"]),
            Route("/latency", _handler(surface.latency), methods=["GET"]),
            Route("/latency", _handler(surface.set_latency), methods=["POST"]),
            Route("/state", _handler(surface.state), methods=["GET"]),
            Route("/reset", _handler(surface.reset), methods=["POST"]),
            Route("/{path:path}", not_built, methods=_METHODS),
        ]
    )


def _handler(answer: Callable[[Any], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await _answered(request, answer)

    return handle


async def _answered(request: Request, answer: Callable[[Any], Any]) -> Response:
    content = await request.body()
    try:
        return _json(answer(json.loads(content) if content else None))
    except ValueError as error:
        return _json({"message": str(error)}, 400)


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")
