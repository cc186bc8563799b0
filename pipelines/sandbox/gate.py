"""What every request to the sandbox passes: is it from here, is the vendor up, what is logged, what goes wrong on purpose."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from pipelines import clock
from pipelines.sandbox.connection import Line
from pipelines.sandbox.faults import due_fault, misbehave
from pipelines.sandbox.world import token_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pipelines.sandbox.world import World

_LOOPBACK: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_LOOPBACK_ORIGIN: Final = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_SECRET_PARAMETERS: Final = re.compile(r"token|secret|key|signature|credential", re.IGNORECASE)
_LOGGED_REQUESTS: Final = 20_000
# POSTs that change nothing, by vendor
_READS: Final = {
    "hubspot": re.compile(r"/(batch/read|search)/?$"),
    "airtable": re.compile(r"/listRecords/?$"),
    "sheets": re.compile(r"^/token$"),
    "intacct": re.compile(r"/(oauth2/token|services/core/query)$"),
    "prometheus": re.compile(r"/api/v1/query_range$"),
    "aws": re.compile(r"^/(Get|List|Describe|$)"),  # by operation; STS names its own in the body, and only tells who asks
}


class Gate:
    """The one door: an ASGI app in front of the vendors' apps and the control surface."""

    def __init__(self, world: World, vendors: Mapping[str, ASGIApp], control: ASGIApp) -> None:
        """Lead ``/<vendor>/...`` to its app and ``/_control/...`` to ``control``."""
        self._world, self._vendors, self._control = world, vendors, control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not _LOOPBACK.fullmatch(headers.get("host", "")) or not _is_local_origin(headers.get("origin")):
            # A page in a browser may lead any name to 127.0.0.1, or post a form there; neither is a program of this machine.
            await _say(
                Line(scope, receive, send), 421, "The sandbox answers only programs that call it as 127.0.0.1 or localhost."
            )
            return
        first = scope["path"].lstrip("/").partition("/")[0]
        if first == "_control":
            await self._control(_below(scope, first), receive, send)
        elif first in self._vendors:
            await self._vendor(first, headers, Line(scope, receive, send))
        else:
            await _say(
                Line(scope, receive, send),
                501,
                f"The sandbox has nothing at {scope['method']} {scope['path']}; see docs/sandbox.md.",
            )

    async def _vendor(self, vendor: str, headers: Mapping[str, str], line: Line) -> None:
        world = self._world
        entry = _log_entry(vendor, headers, line.scope)
        with world.lock:
            world.requests.append(entry)
            del world.requests[:-_LOGGED_REQUESTS]
        if not world.vendors_up[vendor]:
            entry["fault"] = "vendor is down"
            await line.hang_up()
            return
        if world.latency_seconds > 0:
            await asyncio.sleep(world.latency_seconds)
        place = entry["path"] + entry.get("operation", "")
        with world.lock:
            fault = due_fault(world.faults, vendor, entry["method"], place, is_write=entry["is_write"])

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await line.send(message)

        app, inner = self._vendors[vendor], Line(_below(line.scope, vendor), line.receive, noted)
        if fault is None:
            await app(inner.scope, inner.receive, inner.send)
        else:
            entry["fault"] = fault.kind
            await misbehave(fault, vendor, app, inner)


def _is_local_origin(origin: str | None) -> bool:
    return origin is None or _LOOPBACK_ORIGIN.fullmatch(origin) is not None


def _below(scope: Scope, name: str) -> Scope:
    """Return the scope of an app that is mounted under ``/<name>``."""
    return {**scope, "root_path": f"/{name}", "app_root_path": ""}


def _log_entry(vendor: str, headers: Mapping[str, str], scope: Scope) -> dict[str, Any]:
    """Return what the log keeps of a request; ``status`` stays None while there is no answer, and for ever when there is none."""
    path = scope["path"].removeprefix(f"/{vendor}") or "/"
    method = scope["method"]
    operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    reads = _READS.get(vendor)
    is_read = method in {"GET", "HEAD", "OPTIONS"} or (method == "POST" and reads and reads.search(path + operation))
    entry = {
        "at": clock.now().isoformat(),
        "vendor": vendor,
        "method": method,
        "path": path,
        "query": _shown_query(scope["query_string"].decode("latin-1")),
        "status": None,
        "is_write": not is_read,
        "token": token_kind(_token(headers.get("authorization", ""))),
    }
    if operation:
        entry["operation"] = operation
    return entry


def _shown_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, "***" if _SECRET_PARAMETERS.search(name) else value) for name, value in pairs])


def _token(authorization: str) -> str:
    """Return the bearer token, or the access key that an AWS signature names."""
    signed = re.search(r"Credential=([^/,\s]+)", authorization)
    return signed[1] if signed else authorization.partition(" ")[2].strip()


async def _say(line: Line, status: int, sentence: str) -> None:
    body = json.dumps({"status": "error", "message": sentence}).encode()
    await line.answer(status, [(b"content-type", b"application/json")], body)
