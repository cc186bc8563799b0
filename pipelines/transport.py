"""The only way out: every request to a vendor goes through here, and comes back as an answer or as one clear sentence.

    request -> host on the list? -> within the vendor's rate? -> one exchange, under the deadline and the size cap
            -> status, content type and shape as promised? -> answer
            -> or: wait as the vendor asks and try again (reads only), at most ``max_tries`` times

Measured with the vendors' own clients, each of these was missing: a body sent one byte a second held all of them for ever, an HTML
page with status 200 became "no rows", a compressed bomb filled the memory, and a page's ``next`` link took the token to any host.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import random
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import httpx

from pipelines import clock
from pipelines.dialects import Dialect, Rate, Refusal, dialect_of
from pipelines.errors import (
    DeadlineExceeded,
    Forbidden,
    GarbageAnswer,
    HostRefused,
    NotFound,
    RateLimited,
    Refused,
    TooLarge,
    Unauthorized,
    Unavailable,
    VendorError,
)
from pipelines.wire import (
    DECODED,
    MEGABYTE,
    Body,
    Cut,
    EventLoop,
    Garbage,
    Overflow,
    RateBudget,
    RateBudgets,
    date_of,
    origin_of,
    retry_after,
    shown_origin,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

Expect = Literal["json", "bytes"]

# Several tries must fit into one deadline, so that a single hang is survived and a lasting one still ends in time.
_TRIES_IN_DEADLINE: Final = 3
# Longer than this nobody waits inside a run: the source is stale and the next run asks again.
WAIT_CEILING_SECONDS: Final = 90.0
_BACK_OFF_SECONDS: Final = 0.5
_REDIRECTS: Final = 3
# Below the five seconds after which servers commonly drop an idle connection, so that a write does not meet a closed one.
_KEEP_ALIVE_SECONDS: Final = 2.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_CREDENTIAL_HEADERS: Final = frozenset({"authorization", "x-amz-security-token", "cookie"})


@dataclass(frozen=True)
class Response:
    """A successful answer, whole and decoded."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    @cached_property
    def _parsed(self) -> Any:
        return jsonlib.loads(self.content)

    def json(self) -> Any:
        """Return the JSON of the body. Raises ValueError when it holds none."""
        return self._parsed


class Transport:
    """One vendor's way out. Safe to use from several threads; close it when the work is done."""

    def __init__(
        self,
        vendor: str,
        *,
        base_url: str,
        deadline_seconds: float = 60,
        max_bytes: int = 50 * MEGABYTE,
        rate: Rate | None = None,
        budget: RateBudgets | None = None,
        max_tries: int = 5,
        allowed_hosts: frozenset[str] = frozenset(),
        dialect: Dialect | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """Open nothing yet.

        ``allowed_hosts`` are further addresses (``https://host``) that may be called; the base address always may. ``rate`` defaults
        to what the vendor publishes; ``budget`` takes its place where transports share a limit. The deadline holds for each request
        with its retries; time spent waiting because the vendor asked for it does not count.
        """
        self.dialect = dialect or dialect_of(vendor)
        self.base_url = base_url.rstrip("/")
        self._deadline = deadline_seconds
        self._max_bytes = max_bytes
        self._max_tries = max_tries
        self._origins = {origin_of(base_url), *(origin_of(host if "//" in host else f"https://{host}") for host in allowed_hosts)}
        self._sleep, self._monotonic, self._now = sleep, monotonic, now
        self._follows_vendor = rate is None and budget is None
        self._budget: RateBudget | RateBudgets = budget or RateBudget(rate or self.dialect.rate, sleep, monotonic)
        self._special = [(re.compile(p), RateBudget(r, sleep, monotonic)) for p, r in self.dialect.special_rates]
        self._events = EventLoop(f"transport-{vendor}")
        self._client: httpx.AsyncClient | None = None
        self._lock = threading.Lock()
        self.request_count = 0
        self.retry_count = 0
        # The vendor's clock, by the Date header of its latest answer; None until it answered, or when it does not say.
        self.vendor_time: datetime | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Any = None,
        json: Any = None,
        content: bytes | str | None = None,
        expect: Expect = "json",
        idempotent: bool | None = None,
    ) -> Response:
        """Send one request and return the answer when it is what was promised. Raises VendorError.

        Reads (GET and HEAD, or ``idempotent=True`` for a POST that only reads) are repeated when that can help; anything else is sent
        once, because an answer that was lost does not mean that nothing was written.
        """
        method = method.upper()
        call = _Call(method, url, dict(headers or {}), params, json, content, expect)
        may_repeat = method in {"GET", "HEAD"} if idempotent is None else idempotent
        redirects = 0
        remaining = self._deadline
        attempt = 1
        while True:
            self._check_host(call)
            self._pace(call)
            limit = min(remaining, self._deadline / _TRIES_IN_DEADLINE) if may_repeat else remaining
            began = self._monotonic()
            try:
                with self._lock:
                    self.request_count += 1
                    self.retry_count += attempt > 1
                answer: Response = self._events.run(lambda: self._exchange(call, limit))  # noqa: B023 - run at once
                if 300 <= answer.status < 400:
                    call, redirects = self._redirected(call, answer, redirects), redirects + 1
                    continue
                complaint, pause = self._judge(call, answer, attempt)
                if complaint is None:
                    self._learn(answer)
                    return answer
            except TimeoutError:
                complaint, pause = DeadlineExceeded(self._slow(call)), self._back_off(attempt)
            except (Cut, Garbage) as error:
                kind = GarbageAnswer if isinstance(error, Garbage) else Unavailable
                complaint, pause = kind(self._lost(call, error, kind)), self._back_off(attempt)
            except Overflow:
                raise TooLarge(
                    f"{self._name} sent more than {self._max_bytes // MEGABYTE:,} MB for {self._place(call)}, so reading stopped. "
                    "Nothing was loaded from it; ask the vendor why its answer is so large."
                ) from None
            remaining -= self._monotonic() - began
            if not may_repeat or pause is None or attempt >= self._max_tries:
                raise complaint
            if remaining <= 0.0:
                raise complaint if isinstance(complaint, DeadlineExceeded) else DeadlineExceeded(self._slow(call))
            attempt += 1
            self._sleep(pause)

    def close(self) -> None:
        """Let go of the connections and of the thread."""
        client, self._client = self._client, None
        if client is not None:
            # A connection that cannot be closed any more is closed enough.
            with suppress(httpx.HTTPError, RuntimeError):
                self._events.run(client.aclose)
        self._events.close()

    # What is sent

    def _check_host(self, call: _Call) -> None:
        if origin_of(call.url) not in self._origins:
            parts = urlsplit(call.url)
            raise HostRefused(
                f"A call to {parts.scheme}://{parts.netloc} was refused: {self._name} is read from {shown_origin(self.base_url)} only, "
                "and its token goes nowhere else. Correct the base address in the settings if that host is right."
            )

    def _pace(self, call: _Call) -> None:
        path = urlsplit(call.url).path
        next((budget for pattern, budget in self._special if pattern.search(path)), self._budget).wait()

    def _learn(self, answer: Response) -> None:
        self.vendor_time = date_of(answer.headers.get("date"))
        told = self.dialect.told_rate(answer.headers)
        if told is not None and self._follows_vendor and isinstance(self._budget, RateBudget):
            self._budget.rate = told

    def _redirected(self, call: _Call, answer: Response, redirects: int) -> _Call:
        target = urljoin(answer.url, answer.headers.get("location", ""))
        if origin_of(target) not in self._origins:
            raise HostRefused(
                f"{self._name} sent {self._place(call)} on to {urlsplit(target).netloc}; the token was not taken there. "
                f"Check the base address {shown_origin(self.base_url)} in the settings."
            )
        if call.method not in {"GET", "HEAD"} or redirects >= _REDIRECTS or "location" not in answer.headers:
            raise GarbageAnswer(
                f"{self._name} answered {self._place(call)} with a redirection ({answer.status}) that cannot be followed. "
                "Check the base address in the settings, or try again later."
            )
        return _Call(call.method, target, call.headers, None, None, None, call.expect)

    async def _exchange(self, call: _Call, seconds: float) -> Response:
        try:
            async with asyncio.timeout(seconds):
                client = self._open_client()
                request = client.build_request(
                    call.method, call.url, headers=call.headers, params=call.params, json=call.json, content=call.content
                )
                request.headers["accept-encoding"] = "gzip"
                response = await client.send(request, stream=True)
                try:
                    body = await self._read(response)
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            raise Cut(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error
        return Response(response.status_code, response.headers, body, str(response.url))

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            # Proxies of the environment are for the world outside; the sandbox is not there.
            is_local = urlsplit(self.base_url).hostname in _LOOPBACK
            limits = httpx.Limits(max_keepalive_connections=4, keepalive_expiry=_KEEP_ALIVE_SECONDS)
            self._client = httpx.AsyncClient(timeout=None, follow_redirects=False, limits=limits, trust_env=not is_local)  # noqa: S113 - asyncio.timeout covers the whole exchange
        return self._client

    async def _read(self, response: httpx.Response) -> bytes:
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"identity", *DECODED}:
            raise Garbage(f"the body is compressed as {coding!r}, which was not asked for")
        body, wire_bytes = Body(coding, self._max_bytes), 0
        async for chunk in response.aiter_raw():
            wire_bytes += len(chunk)
            if wire_bytes > self._max_bytes:
                raise Overflow
            body.feed(chunk)
        return body.whole()

    # What comes back

    def _judge(self, call: _Call, answer: Response, attempt: int) -> tuple[VendorError | None, float | None]:
        """Return what is wrong with an answer and how long to wait before the next try (None: another try cannot help)."""
        if 200 <= answer.status < 300:
            if call.expect == "json":
                self._check_shape(call, answer)
            return None, None
        body = _json_or_none(answer)
        refusal = self.dialect.refusal(answer.status, answer.headers, body, self._now())
        if refusal.kind == "answer":
            return None, None
        if refusal.kind in {"limit", "unavailable"}:
            return self._delayed(call, answer, refusal, attempt)
        raise self._refused(call, answer, refusal, body)

    def _delayed(self, call: _Call, answer: Response, refusal: Refusal, attempt: int) -> tuple[VendorError, float | None]:
        asked = retry_after(answer.headers.get("retry-after"), self._now())
        asked = asked if asked is not None else refusal.wait_seconds
        words = self._words(call, refusal.message)
        if refusal.kind == "unavailable":
            error: VendorError = Unavailable(
                f"{self._name} could not answer {self._place(call)} ({answer.status}{words}). "
                "Whatever was loaded before is kept; run `handoff sync` again later."
            )
        else:
            error = RateLimited(
                f"{self._name} limits our calls ({answer.status} at {self._place(call)}{words}) and did not let up"
                f"{f' (it asks to wait {asked:.0f} s)' if asked else ''}. Run `handoff sync` again later."
            )
        if asked is not None:
            return error, asked if asked <= WAIT_CEILING_SECONDS else None
        return error, self._back_off(attempt)

    def _refused(self, call: _Call, answer: Response, refusal: Refusal, body: Any) -> VendorError:
        place, words = self._place(call), self._words(call, refusal.message)
        match refusal.kind:
            case "unauthorized":
                return Unauthorized(
                    f"{self._name} does not accept {self.dialect.credential} ({answer.status} at {place}{words}). "
                    f"{self.dialect.credential_help}"
                )
            case "forbidden":
                return Forbidden(
                    f"{self._name} does not let the token of {self.dialect.credential} do {place} ({answer.status}{words}). "
                    f"{self.dialect.scope_help}"
                )
            case "exhausted":
                return RateLimited(f"{self._name} answers no more calls for now{words}. Run `handoff sync` again after that.")
            case "not_found":
                return NotFound(
                    f"{self._name} knows nothing at {place} ({answer.status}{words}). Check the ids in the settings and rule tables."
                )
        return Refused(
            f"{self._name} declined {place} ({answer.status}{words}). Check the settings and rule tables that name what was asked for.",
            status=answer.status,
            answer=body,
        )

    def _check_shape(self, call: _Call, answer: Response) -> None:
        if not answer.content.strip():
            raise Garbage("the body is empty")
        kind = answer.headers.get("content-type", "")
        if kind and "json" not in kind.lower():
            raise Garbage(f"the body is {kind.split(';')[0].strip()}, not JSON")
        try:
            body = answer.json()
        except (ValueError, RecursionError) as error:
            raise Garbage("the body is not whole JSON") from error
        if not isinstance(body, dict | list):
            raise Garbage(f"the body is {jsonlib.dumps(body)[:40]}, not an object or a list")
        if isinstance(body, dict) and body.get("errors") and not body.get("data") and body.keys() <= {"data", "errors"}:
            raise Garbage("the body holds errors and nothing else")
        wanted = self.dialect.payload(call.method, self._path_below_base(call.url))
        part: Any = body
        for name in wanted.split("/") if wanted and wanted != "[]" else ():
            part = part.get(name) if isinstance(part, dict) else None
        if wanted and not isinstance(part, list):
            words = self._words(call, self.dialect.message(body))
            raise Garbage(f"the body holds no list{'' if wanted == '[]' else f' of {wanted}'}{words}")

    def _path_below_base(self, url: str) -> str:
        return urlsplit(url).path.removeprefix(urlsplit(self.base_url).path)

    def _back_off(self, attempt: int) -> float:
        return float(_BACK_OFF_SECONDS * 2 ** (attempt - 1)) * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, hides nothing

    # What is said

    @property
    def _name(self) -> str:
        return self.dialect.title

    def _place(self, call: _Call) -> str:
        return f"{call.method} {urlsplit(call.url).path}"

    def _words(self, call: _Call, message: str) -> str:
        """Return the vendor's own words for a sentence: one line, short, without what was sent to prove who we are."""
        text = " ".join("".join(c if c.isprintable() else " " for c in message).split()).rstrip(".")
        for name, value in call.headers.items():
            if name.lower() in _CREDENTIAL_HEADERS:
                for secret in {value, value.rsplit(" ", 1)[-1]}:
                    text = text.replace(secret, "***") if secret else text
        return f": {text[:300]}" if text else ""

    def _slow(self, call: _Call) -> str:
        return (
            f"{self._name} did not finish answering {self._place(call)} within {self._deadline:g} s. "
            "Whatever was loaded before is kept; run `handoff sync` again later."
        )

    def _lost(self, call: _Call, error: Exception, kind: type[VendorError]) -> str:
        words = self._words(call, str(error))
        if kind is GarbageAnswer:
            return (
                f"{self._name} answered {self._place(call)} with something that is no answer{words}. "
                "It is not taken for an empty one: whatever was loaded before is kept; run `handoff sync` again later."
            )
        return (
            f"{self._name} could not be reached at {shown_origin(call.url)} for {self._place(call)}{words}. "
            "Whatever was loaded before is kept; check the network and the base address, then run `handoff sync` again."
        )


@dataclass(frozen=True)
class _Call:
    method: str
    url: str
    headers: dict[str, str]
    params: Any
    json: Any
    content: bytes | str | None
    expect: Expect


def _json_or_none(answer: Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None  # the error's body is only read for its words
