"""How the sandbox misbehaves on purpose: one fault at a time, for the calls it is meant for, counted.

A fault is chosen by vendor, method and a pattern of the path, and by which of the fitting calls it hits. It counts its hits, so that a
test fails when the fault that it prepared never happened. ``KINDS`` says what each kind does; where it needs the true answer it asks
the vendor first, so that a write is carried out before its answer is lost.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from pipelines import clock
from pipelines.settings import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import ASGIApp, Message

    from pipelines.sandbox.connection import Headers, Line

KINDS: Final[dict[str, str]] = {
    "429": "Too many requests, in the vendor's shape; Retry-After only when `retry_after` is given; HubSpot's `policy` is SECONDLY.",
    "500": "A server error as JSON.",
    "502": "A gateway's error page in HTML.",
    "503": "Service unavailable as JSON; Retry-After when `retry_after` is given.",
    "401": "The token is not accepted, in the vendor's shape.",
    "403": "The token lacks a permission, in the vendor's shape.",
    "reset": "The connection is broken with a reset.",
    "cut_body": "The true answer stops in the middle, although its length was announced.",
    "cut_body_unknown_length": "The true answer stops in the middle, and no length was announced.",
    "html_200": "A page in HTML with status 200.",
    "empty_200": "Status 200 and no body.",
    "null_200": "Status 200 and the JSON `null`.",
    "errors_200": "Status 200, no data and a list of errors in the body.",
    "malformed_json": "The true answer with status 200, without its last third.",
    "hang": "No answer for `seconds` (120), then the connection is closed.",
    "slow": "The true answer, one byte in every `seconds` (1).",
    "commit_then_timeout": "The call is carried out and its answer is lost: silence for `seconds` (120), then the connection is closed.",
    "page_again": "The true answer to the first call that it hits, and the same answer to every further one: a page whose cursor came before.",
    "rows_again": "The true answer; from the second hit on with the rows of the first one before its own, as when pages shift.",
    "clock_skew": "The true answer, with a Date header that is `seconds` (86400) ahead; behind when negative.",
    "answer": "Whatever `status`, `body` (JSON) and `retry_after` say, without asking the vendor.",
}
OCCURRENCES: Final = ("first", "nth", "count", "from", "every")
_SECONDS: Final = {"hang": 120.0, "commit_then_timeout": 120.0, "slow": 1.0, "clock_skew": 86_400.0}
_HTML: Final = b"<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>"
_NUMBERS: Final = {"n": int, "retry_after": int, "seconds": float, "status": int}


@dataclass
class Fault:
    """One fault: whom it is meant for, what it does, and how often it did."""

    kind: str
    vendor: str = "*"
    method: str = "*"
    path: str = ""  # a regular expression, searched in the path below the vendor's address (AWS: the operation's name)
    writes_only: bool = False
    occurrence: str = "first"
    n: int = 1
    retry_after: int | None = None
    seconds: float | None = None
    policy: str = "SECONDLY"
    status: int = 500
    body: Any = None
    id: str = ""
    fitting_calls: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        """Remember nothing yet; what is remembered is no part of the fault that the control surface shows."""
        self.remembered: tuple[int, Headers, bytes] | None = None

    def fits(self, vendor: str, method: str, place: str, *, is_write: bool) -> bool:
        """Return whether a call is of the kind that this fault is meant for."""
        return (
            self.vendor in {"*", vendor}
            and self.method in {"*", method}
            and (is_write or not self.writes_only)
            and re.search(self.path, place) is not None
        )

    def is_due(self) -> bool:
        """Count one fitting call and return whether this is one that the fault hits."""
        self.fitting_calls += 1
        match self.occurrence:
            case "first":
                return self.fitting_calls == 1
            case "nth":
                return self.fitting_calls == self.n
            case "count":
                return self.fitting_calls <= self.n
            case "from":
                return self.fitting_calls >= self.n
        return True


def fault_from(given: object) -> Fault:
    """Return the fault that the JSON of a control call describes. Raises ValueError with one sentence."""
    if not isinstance(given, dict):
        raise ValueError("A fault is an object with at least a kind; see docs/sandbox.md.")  # noqa: TRY004 - one kind of refusal
    settable = {name for name in Fault.__dataclass_fields__ if name not in {"id", "fitting_calls", "hits"}}
    if unknown := set(given) - settable:
        raise ValueError(f"A fault has no {min(unknown)!r}; it has {', '.join(sorted(settable))}.")
    values = dict(given)
    values["kind"] = str(values.get("kind"))
    for name, kind in _NUMBERS.items():
        if values.get(name) is not None and (isinstance(values[name], bool) or not isinstance(values[name], int | float)):
            raise ValueError(f"A fault's {name} is a number, not {values[name]!r}.")
        if values.get(name) is not None:
            values[name] = kind(values[name])
    fault = Fault(**values)
    if fault.kind not in KINDS:
        raise ValueError(f"No fault is called {fault.kind!r}; there are {', '.join(KINDS)}.")
    if fault.vendor not in {"*", *VENDORS}:
        raise ValueError(f"The sandbox has no vendor {fault.vendor!r}; it has {', '.join(VENDORS)}.")
    if fault.occurrence not in OCCURRENCES:
        raise ValueError(f"A fault's occurrence is one of {', '.join(OCCURRENCES)}, not {fault.occurrence!r}.")
    try:
        re.compile(fault.path)
    except (re.error, TypeError) as error:
        raise ValueError(f"A fault's path is a regular expression, and {fault.path!r} is none ({error}).") from None
    fault.id = uuid.uuid4().hex[:8]
    return fault


def due_fault(faults: Iterable[Fault], vendor: str, method: str, place: str, *, is_write: bool) -> Fault | None:
    """Return the fault that hits a call, counted, or None. Every fitting fault counts the call; the first that is due hits."""
    due = [fault for fault in faults if fault.fits(vendor, method, place, is_write=is_write) and fault.is_due()]
    if not due:
        return None
    due[0].hits += 1
    return due[0]


async def misbehave(fault: Fault, vendor: str, app: ASGIApp, line: Line) -> None:
    """Answer one call as the fault says. ``app`` is the vendor, for the faults that spoil a true answer."""
    seconds = fault.seconds if fault.seconds is not None else _SECONDS.get(fault.kind, 0.0)
    match fault.kind:
        case "reset":
            await line.reset()
        case "hang":
            await line.until_gone(seconds)
            await line.hang_up()
        case "commit_then_timeout":
            await _true_answer(app, line)
            await line.until_gone(seconds)
            await line.hang_up()
        case "cut_body" | "cut_body_unknown_length":
            status, headers, body = await _true_answer(app, line)
            announced = [] if fault.kind == "cut_body_unknown_length" else [(b"content-length", str(len(body)).encode())]
            await line.send_raw(_raw_head(status, [*headers, *announced]) + body[: len(body) // 2])
        case "malformed_json":
            status, headers, body = await _true_answer(app, line)
            await line.answer(status, headers, body[: max(1, len(body) * 2 // 3)])
        case "slow":
            await _drip(await _true_answer(app, line), seconds, line)
        case "page_again" | "rows_again":
            before, now = fault.remembered, await _true_answer(app, line)
            fault.remembered = before or now
            if before is not None:
                now = before if fault.kind == "page_again" else (*now[:2], _with_rows_of(before[2], now[2]))
            await line.answer(*now)
        case "clock_skew":
            status, headers, body = await _true_answer(app, line)
            date = format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True).encode()
            told = [(b"date", date), (b"content-length", str(len(body)).encode())]
            await line.send_raw(_raw_head(status, [*headers, *told]) + body)  # the server would add its own date
        case _:
            await line.answer(*_made_up(fault, vendor))


async def _true_answer(app: ASGIApp, line: Line) -> tuple[int, Headers, bytes]:
    """Return what the vendor answers, its headers without the length; the call is carried out by then."""
    status = 500
    headers: Headers = []
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = [(name, value) for name, value in message["headers"] if name.lower() != b"content-length"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(line.scope, line.receive, keep)
    return status, headers, b"".join(parts)


def _with_rows_of(before: bytes, now: bytes) -> bytes:
    """Return the JSON of ``now`` with the rows of ``before`` in front of its own; a list, or lists directly below an object."""
    old, new = json.loads(before), json.loads(now)
    if isinstance(old, list) and isinstance(new, list):
        return _json(old + new)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return now
    lists = {
        name: old[name] + value for name, value in new.items() if isinstance(value, list) and isinstance(old.get(name), list)
    }
    return _json(new | lists)


async def _drip(answer: tuple[int, Headers, bytes], seconds: float, line: Line) -> None:
    """Send a body byte by byte until it is whole or the caller has gone."""
    status, headers, body = answer
    length = (b"content-length", str(len(body)).encode())
    await line.send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    gone = asyncio.ensure_future(line.until_gone())
    try:
        for position in range(len(body)):
            if gone.done():
                return
            await line.send({"type": "http.response.body", "body": body[position : position + 1], "more_body": True})
            await asyncio.wait([gone], timeout=seconds)
        await line.send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


def _raw_head(status: int, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {status} OK".encode(), *(name + b": " + value for name, value in headers), b"connection: close"]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _made_up(fault: Fault, vendor: str) -> tuple[int, Headers, bytes]:
    """Return status, headers and body of a fault that needs no vendor."""
    later: Headers = [] if fault.retry_after is None else [(b"retry-after", str(fault.retry_after).encode())]
    kind = b"application/x-amz-json-1.1" if vendor == "aws" else b"application/json; charset=utf-8"
    json_headers: Headers = [(b"content-type", kind), *later]
    html_headers: Headers = [(b"content-type", b"text/html; charset=utf-8")]
    match fault.kind:
        case "429" | "401" | "403":
            status, body = _REFUSALS[vendor][fault.kind]
            body = {**body, "policyName": fault.policy} if vendor == "hubspot" and fault.kind == "429" else body
            return status, json_headers, _json(body)
        case "500" | "503":
            words = {"500": "Internal server error", "503": "Service unavailable"}[fault.kind]
            return int(fault.kind), json_headers, _json({"status": "error", "message": words})
        case "502":
            return 502, html_headers, _HTML
        case "html_200":
            return 200, html_headers, _HTML
        case "empty_200":
            return 200, json_headers, b""
        case "null_200":
            return 200, json_headers, b"null"
        case "errors_200":
            return 200, json_headers, _json({"data": None, "errors": [{"message": "The sandbox was told to fail."}]})
    return fault.status, json_headers, b"" if fault.body is None else _json(fault.body)


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


# How each vendor says 429, 401 and 403. AWS says nearly everything with 400 and a type.
_REFUSALS: Final[Mapping[str, Mapping[str, tuple[int, dict[str, Any]]]]] = {
    "hubspot": {
        "429": (
            429,
            {
                "status": "error",
                "message": "You have reached your secondly limit.",
                "errorType": "RATE_LIMIT",
                "correlationId": "00000000-0000-4000-8000-000000000429",
                "category": "RATE_LIMITS",
            },
        ),
        "401": (
            401,
            {
                "status": "error",
                "message": "Authentication credentials not found.",
                "correlationId": "00000000-0000-4000-8000-000000000401",
                "category": "INVALID_AUTHENTICATION",
            },
        ),
        "403": (
            403,
            {
                "status": "error",
                "message": "This app hasn't been granted all required scopes to make this call.",
                "correlationId": "00000000-0000-4000-8000-000000000403",
                "category": "MISSING_SCOPES",
                "errors": [
                    {
                        "message": "One or more of the following scopes are required.",
                        "context": {"requiredGranularScopes": ["crm.objects.deals.read"]},
                    }
                ],
            },
        ),
    },
    "airtable": {
        "429": (429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]}),
        "401": (401, {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}}),
        "403": (
            403,
            {
                "error": {
                    "type": "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
                    "message": "Invalid permissions, or the requested model was not found.",
                }
            },
        ),
    },
    "asana": {
        "429": (
            429,
            {
                "errors": [
                    {
                        "message": "You've made too many requests and hit a rate limit. "
                        "Please retry after the given amount of time."
                    }
                ]
            },
        ),
        "401": (401, {"errors": [{"message": "Not Authorized"}]}),
        "403": (403, {"errors": [{"message": "Forbidden: the token has not the scope that this request needs."}]}),
    },
    "github": {
        "429": (429, {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}),
        "401": (401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"}),
        "403": (
            403,
            {
                "message": "Resource not accessible by personal access token",
                "documentation_url": "https://docs.github.com/rest",
                "status": "403",
            },
        ),
    },
    "sheets": {
        "429": (
            429,
            {
                "error": {
                    "code": 429,
                    "message": "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user'.",
                    "status": "RESOURCE_EXHAUSTED",
                }
            },
        ),
        "401": (
            401,
            {
                "error": {
                    "code": 401,
                    "message": "Request had invalid authentication credentials.",
                    "status": "UNAUTHENTICATED",
                }
            },
        ),
        "403": (403, {"error": {"code": 403, "message": "The caller does not have permission", "status": "PERMISSION_DENIED"}}),
    },
    "intacct": {
        "429": (
            429,
            {"ia::error": {"code": "GW-0010", "message": "API rate limit exceeded", "details": {"requestId": "sandbox.429"}}},
        ),
        "401": (401, {"ia::error": {"code": "GW-0031", "message": "Invalid Token", "details": {"requestId": "sandbox.401"}}}),
        "403": (
            403,
            {
                "ia::error": {
                    "code": "operationFailed",
                    "message": "Query failed",
                    "details": [{"code": "REST-3007", "message": "You do not have permission to run the operation."}],
                },
                "ia::meta": {"totalCount": 1, "totalSuccess": 0, "totalError": 1},
            },
        ),
    },
    "prometheus": {
        # what stands before a server says these in its own way; Grafana's is a message
        "429": (429, {"status": "error", "errorType": "too_many_requests", "error": "too many outstanding requests"}),
        "401": (401, {"message": "Unauthorized"}),
        "403": (403, {"message": "Access denied"}),
    },
    "aws": {
        "429": (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
        "401": (
            400,
            {"__type": "UnrecognizedClientException", "message": "The security token included in the request is invalid."},
        ),
        "403": (400, {"__type": "AccessDeniedException", "message": "The identity is not authorized to perform this action."}),
    },
}
