"""What programs may ask of ``handoff serve``.

    POST /changed/{source}    something changed there: read it again soon. 202, and nothing of the body is kept
    GET  /healthz             what waits, what is being read, how the last run ended

Whoever asks shows SERVE_TOKEN as ``Authorization: Bearer``, as HubSpot's workflows and n8n can; GitHub signs the body with it instead
(https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries).
"""

from __future__ import annotations

import hashlib
import hmac
import math
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from pipelines.settings import VENDORS
from pipelines.wire import MEGABYTE, RateBudget

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pipelines.serving.reading import Reading
    from pipelines.serving.waiting import Waiting

# a token cannot be guessed at this pace, and somebody who mistyped theirs has tries enough
_FAILURES: Final = (10, 60.0)
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def app(reading: Reading, waiting: Waiting, token: str, per_minute: int) -> Starlette:
    """Return the application; at most ``per_minute`` askings in a minute are taken."""
    taken, failures = RateBudget((per_minute, 60.0)), RateBudget(_FAILURES)

    async def refusal(request: Request, body: bytes) -> Response | None:
        if _is_known(request, body, token):
            return None
        pause = failures.take()
        if pause:
            return _too_many(pause, "Too many requests without the right token")
        return _answer(
            {
                "error": "Send the SERVE_TOKEN of this server as `Authorization: Bearer TOKEN`, or sign the body with it as GitHub does."
            },
            401,
            {"www-authenticate": "Bearer"},
        )

    async def changed(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _answer({"error": "The body is larger than a megabyte. Send less: nothing of it is read."}, 413)
        refused = await refusal(request, body)
        if refused is not None:
            return refused
        source = request.path_params["source"]
        if source not in VENDORS:
            return _answer({"error": f"There is no source {source!r} to read. Use one of {', '.join(VENDORS)}."}, 404)
        pause = taken.take()
        if pause:
            return _too_many(pause, f"More than {per_minute} requests in a minute")
        reading.ask(source)
        return _answer({"source": source, "status": "waiting"}, 202)

    async def health(request: Request) -> Response:
        refused = await refusal(request, b"")
        if refused is not None:
            return refused
        last = reading.last
        told = last and {"sources": last.sources, "ended_at": last.ended_at.isoformat(), "exit_code": last.exit_code}
        return _answer({"status": "ok", "waiting": waiting.names(), "reading": reading.sources, "last_run": told})

    return Starlette(
        routes=[
            Route("/changed/{source}", changed, methods=["POST"]),
            Route("/healthz", health, methods=["GET"]),
        ]
    )


def _is_known(request: Request, body: bytes, token: str) -> bool:
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode()):
        return True
    signature = request.headers.get("x-hub-signature-256", "")
    wanted = "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(), wanted.encode())


async def _body(request: Request) -> bytes | None:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MEGABYTE:
            return None
        parts.append(part)
    return b"".join(parts)


def _too_many(pause: float, what: str) -> Response:
    seconds = math.ceil(pause)
    return _answer({"error": f"{what}. Ask again in {seconds} s."}, 429, {"retry-after": str(seconds)})


def _answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(content, status, {**_HEADERS, **(headers or {})})
