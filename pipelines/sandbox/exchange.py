"""What the vendors' apps are made of: a call, read whole; a table of routes; an answer, or a refusal in the vendor's own shape."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import request_response

from pipelines import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from pipelines.sandbox.world import World

_PART: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Call:
    """A request as it arrived. ``path`` is what stands below the vendor's address; header names are in lower case."""

    method: str
    url: str  # without the query
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""
    parts: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str, default: str = "") -> str:
        """Return the last value that the query gives ``name``."""
        return next((value for key, value in reversed(self.query) if key == name), default)

    def values(self, name: str) -> list[str]:
        """Return every value that the query gives ``name``."""
        return [value for key, value in self.query if key == name]

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header, as ``Bearer ...`` or GitHub's older ``token ...``."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in {"bearer", "token"} else None

    def json(self) -> Any:
        """Return the JSON of the body. Raises ValueError when it holds none."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What goes back: ``body`` is JSON, or bytes that are sent as they are; None is no body at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


class Refusal(Exception):
    """A vendor's no, raised from wherever it is noticed."""

    def __init__(self, answer: Answer) -> None:
        """Keep the answer that says it."""
        super().__init__(answer.status)
        self.answer = answer


class Routes:
    """What is built, by method and path; anything else is answered by whoever asks ``find`` and gets None."""

    def __init__(self, *rows: tuple[str, str, Callable[[Call], Answer]]) -> None:
        """Take (method, ``/path/{part}``, handler) rows; the first that fits is used."""
        self._rows = [
            (method, re.compile(_PART.sub(r"(?P<\1>[^/]+)", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))), handler)
            for method, path, handler in rows
        ]
        self.listed = [f"{method} {path}" for method, path, _ in rows]  # what the documentation must name

    def find(self, call: Call) -> tuple[Callable[[Call], Answer], Call] | None:
        """Return the handler of a call, and the call with the parts of its path."""
        for method, pattern, handler in self._rows:
            match = pattern.fullmatch(call.path) if method == call.method else None
            if match is not None:
                return handler, Call(call.method, call.url, call.path, call.query, call.headers, call.body, match.groupdict())
        return None


def serve(answer: Callable[[Call], Answer]) -> ASGIApp:
    """Return an app that hands each call to ``answer``, in a thread, and sends what comes back or is raised.

    It is no Starlette application: those redirect a call to their bare address, which is where boto3 posts.
    """

    def answered(call: Call) -> Answer:
        try:
            return answer(call)
        except Refusal as refusal:
            return refusal.answer

    async def endpoint(request: Request) -> Response:
        below = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        call = Call(
            method=request.method,
            url=str(request.url.replace(query="", fragment="")),
            path=f"/{below.lstrip('/')}",
            query=tuple(request.query_params.multi_items()),
            headers=request.headers,
            body=await request.body(),
        )
        # A thread, because a write waits for the disk and for the lock.
        told = await run_in_threadpool(answered, call)
        if told.body is None:
            return Response(None, told.status, dict(told.headers))
        content = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
        return Response(content, told.status, dict(told.headers), told.content_type)

    return request_response(endpoint)


def misfit(value: Any, shape: Any, place: str = "") -> str | None:
    """Return the place (``records/0/fields``) where a JSON value is not of a shape, or None when it fits everywhere.

    A shape is a type or a tuple of types (exact: True is no number), ``[shape]`` for a list and ``{name: shape}`` for an object, in
    which every name may be missing and others may stand.
    """
    if isinstance(shape, dict | list):
        if not isinstance(value, type(shape)):
            return place or "the body"
        below = (
            ((name, value[name], part) for name, part in shape.items() if name in value)
            if isinstance(shape, dict)
            else ((number, item, shape[0]) for number, item in enumerate(value))
        )
        found = (misfit(item, part, f"{place}/{name}".lstrip("/")) for name, item, part in below)
        return next((where for where in found if where is not None), None)
    kinds = shape if isinstance(shape, tuple) else (shape,)
    return None if type(value) in kinds else place or "the body"


def instant(world: World) -> str:
    """Return the present instant of the story: its frozen day at the clock's present time, as ``2026-11-16T09:30:00.123Z``."""
    return f"{world.state.today}T{clock.now():%H:%M:%S.%f}"[:-3] + "Z"
