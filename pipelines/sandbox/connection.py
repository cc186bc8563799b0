"""The line that a request came by: uvicorn's HTTP/1.1 protocol, with its transport within reach of what misbehaves on purpose."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

_KEY: Final = "handoff.transport"
# Linger on, for no time at all: closing then sends a reset instead of a farewell.
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class HttpProtocol(H11Protocol):
    """uvicorn's protocol; each request carries the transport that it came by."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the transport for every request of this connection."""
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[_KEY] = transport
            await inner(scope, receive, send)

        self.app = app


@dataclass(frozen=True)
class Line:
    """One request as ASGI has it, and what can be done to the connection below it."""

    scope: Scope
    receive: Receive
    send: Send

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send one whole answer."""
        length = (b"content-length", str(len(body)).encode())
        await self.send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def until_gone(self, seconds: float | None = None) -> None:
        """Wait until the caller has gone, ``seconds`` at most."""
        try:
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return

    async def hang_up(self) -> None:
        """Close the connection after what was written so far, as a server that stops does."""
        self._transport.close()
        await self.until_gone()

    async def reset(self) -> None:
        """Break the connection: the caller sees a reset."""
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._transport.abort()
        await self.until_gone()

    async def send_raw(self, content: bytes) -> None:
        """Write bytes past the HTTP library, then close: for answers that no honest server would send."""
        self._transport.write(content)
        await self.hang_up()

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self.scope[_KEY]
        return transport
