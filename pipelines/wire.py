"""The parts of the transport that know no vendor: the pace, the deadline's thread, the capped body, what an address is."""

from __future__ import annotations

import asyncio
import re
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipelines.dialects import Rate

MEGABYTE: Final = 1024 * 1024
_SHORTEST_PAUSE: Final = 0.001
# content coding -> zlib's word for it
DECODED: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47}


class Garbage(Exception):
    """The answer is not what was promised; worth another try."""


class Cut(Exception):
    """The connection broke or the vendor cannot answer now; worth another try."""


class Overflow(Exception):
    """The body passed the size cap."""


@dataclass
class RateBudget:
    """Lets at most ``rate[0]`` calls through in any stretch of ``rate[1]`` seconds."""

    rate: Rate
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    _sent: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> float:
        """Let a call through and return nothing to wait, or return the seconds until there may be room."""
        count, seconds = self.rate
        with self._lock:
            now = self.monotonic()
            while self._sent and now >= self._sent[0] + seconds:
                self._sent.popleft()
            if len(self._sent) < count:
                self._sent.append(now)
                return 0.0
            # a pause that is lost in the clock's rounding would wait for ever
            return max(self._sent[0] + seconds - now, _SHORTEST_PAUSE)

    def wait(self) -> None:
        """Return when the next call may go out."""
        while pause := self.take():
            self.sleep(pause)


@dataclass(frozen=True)
class RateBudgets:
    """Several budgets that a call must fit into; some may be shared with other transports."""

    budgets: tuple[RateBudget, ...]

    def wait(self) -> None:
        """Return when the next call may go out."""
        for budget in self.budgets:
            budget.wait()


class EventLoop:
    """An event loop on a thread of its own, started at the first use. Only a cancelled task ends a request at its deadline."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], Any]) -> Any:
        """Run the coroutine that ``work`` makes, and return or raise what it does."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            loop = self._loop
        future = asyncio.run_coroutine_threadsafe(work(), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)
        if not thread.is_alive():
            loop.close()


class Body:
    """Collects a body, decompressing as it comes and stopping at the cap."""

    def __init__(self, coding: str, max_bytes: int) -> None:
        self._bits = DECODED.get(coding)
        self._decoder = zlib.decompressobj(self._bits) if self._bits else None
        self._parts: list[bytes] = []
        self._size = 0
        self._max_bytes = max_bytes

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes off the wire. Raises Overflow or Garbage."""
        if self._decoder is None:
            self._keep(chunk)
            return
        try:
            while True:
                part = self._decoder.decompress(chunk, MEGABYTE)
                self._keep(part)
                if self._decoder.eof:
                    chunk = self._decoder.unused_data
                    if not chunk:
                        return
                    self._decoder = zlib.decompressobj(self._bits or DECODED["gzip"])  # a further member
                    continue
                chunk = self._decoder.unconsumed_tail
                if not chunk and len(part) < MEGABYTE:
                    return
        except zlib.error as error:
            raise Garbage(f"the compressed body is broken ({error})") from error

    def whole(self) -> bytes:
        """Return the decoded body. Raises Cut when its end is missing."""
        if self._decoder is not None and self._parts and not self._decoder.eof:
            raise Cut("the compressed body ends too early")
        return b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._max_bytes:
            raise Overflow
        self._parts.append(part)


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address: what a token belongs to."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return ("", url, 0)
    return (parts.scheme.lower(), (parts.hostname or "").lower(), port)


def shown_origin(url: str) -> str:
    """Return scheme, host and port for a sentence, without a user or password that stands in the address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def date_of(value: str | None) -> datetime | None:
    """Return the moment of a Date header; None when it is missing or is none."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or as a date."""
    if value is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
