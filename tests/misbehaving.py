"""A small server on loopback that answers as a list of raw answers says, for tests of what a vendor may do wrong."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field


def answer(status: int = 200, body: bytes | str | object = b"{}", *, kind: str = "application/json", **headers: str) -> bytes:
    """Return a whole HTTP answer with its length."""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(content)}"]
    if kind:
        lines.append(f"Content-Type: {kind}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Server:
    """Serves ``script`` in order; the last entry repeats. An entry is bytes, or a function of the connection that sends."""

    script: list
    requests: list[Request] = field(default_factory=list)

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        with contextlib.suppress(OSError):
            # closing alone leaves the port open for one more caller while the other thread waits for it
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def stopped(self):
        return self._stopped.is_set()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            file = connection.makefile("rb")
            while line := file.readline():
                method, path, _ = line.decode().split(" ", 2)
                headers = {}
                while (header := file.readline().decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = file.read(int(headers.get("content-length", 0)))
                number = len(self.requests)
                self.requests.append(Request(method, path, headers, body, time.monotonic()))
                entry = self.script[min(number, len(self.script) - 1)]
                if callable(entry) and entry(self, connection) == "close":
                    return
                if isinstance(entry, bytes):
                    connection.sendall(entry)


def reset(_, connection):
    """Break the connection without an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return "close"


def hang(server, _):
    """Never answer."""
    while not server.stopped:
        time.sleep(0.02)
    return "close"


def slow_loris(server, connection):
    """Send the head, and then a byte every twentieth of a second."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
    while not server.stopped:
        connection.sendall(b" ")
        time.sleep(0.05)
    return "close"


def cut_with_length(_, connection):
    """Promise more bytes than are sent."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"results": [')
    return "close"


def cut_without_length(_, connection):
    """End the body by closing, in the middle of the JSON."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"results": [')
    return "close"
