"""Serves the sandbox's HubSpot and Airtable under their own host names, so that programs with a fixed address can be measured as well.

    a loader, HTTPS_PROXY -> a tunnel on 127.0.0.1 -> TLS with a certificate of an hour -> the sandbox's gate, app and request log

Every loader goes this way, handoff too. Nothing leaves the machine: the tunnel connects to nothing but the sandbox and declines every
other host.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import certifi
import uvicorn

from pipelines.sandbox.connection import HttpProtocol
from pipelines.sandbox.gate import Gate
from pipelines.sandbox.world import READ_TOKEN, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.sandbox.state import SandboxState

_HOSTS: Final = {"api.hubapi.com": "hubspot", "api.airtable.com": "airtable"}
# Airbyte's connector asks by names that HubSpot keeps for old callers and the sandbox does not have
_LEGACY_PATHS: Final = {"/crm/v3/schemas": "/crm-object-schemas/v3/schemas"}
_LEGACY_PROPERTIES: Final = re.compile(r"/properties/v2/(\w+)/properties")
_LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Line:
    """The way to the vendors: environment variables for a loader's process, and the world behind them."""

    environment: dict[str, str]
    world: World


@contextmanager
def serving(state: SandboxState, folder: Path) -> Iterator[Line]:
    """Serve the vendors from threads for the time of a ``with`` block; certificates go to ``folder``. Needs ``openssl``."""
    world = World(state, None)
    _certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as tunnel:
        server = uvicorn.Server(
            uvicorn.Config(
                _app(world),
                http=HttpProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                ssl_keyfile=str(folder / "key.pem"),
                ssl_certfile=str(folder / "certificate.pem"),
                timeout_graceful_shutdown=1,
            )
        )
        threads = [
            threading.Thread(target=server.run, args=([listener],)),
            threading.Thread(target=asyncio.run, args=(_tunnel(tunnel, listener.getsockname()[1], lambda: server.should_exit),)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield Line(_environment(folder, tunnel.getsockname()[1]), world)
        finally:
            server.should_exit = True
            for thread in threads:
                thread.join()


def _certificate(folder: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise SystemExit(
            "The benchmark needs openssl, to answer loaders that insist on HTTPS. Install it (`apt-get install openssl`)."
        )
    names = ",".join(f"DNS:{host}" for host in _HOSTS)
    words = f"req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=sandbox -addext subjectAltName={names}"
    places = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run([openssl, *words.split(), *places], check=True, capture_output=True)
    own = (folder / "certificate.pem").read_text()
    with open(certifi.where(), encoding="utf-8") as known:  # noqa: PTH123 - a path that certifi gives
        (folder / "authorities.pem").write_text(f"{own}\n{known.read()}")


def _environment(folder: Path, port: int) -> dict[str, str]:
    authorities = str(folder / "authorities.pem")
    proxy = f"http://127.0.0.1:{port}"
    return {
        "BENCH_TOKEN": READ_TOKEN,
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": "",
        "no_proxy": "",
        "SSL_CERT_FILE": authorities,
        "REQUESTS_CA_BUNDLE": authorities,
        "CURL_CA_BUNDLE": authorities,
    }


def _app(world: World) -> Any:
    apps = {vendor: import_module(f"pipelines.sandbox.{vendor}").app(world) for vendor in _HOSTS.values()}

    async def no_control(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    gate = Gate(world, apps, no_control)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if legacy := _LEGACY_PROPERTIES.fullmatch(scope["path"]):
            await _answer_legacy(world, legacy[1], send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode().partition(":")[0]
        path = _LEGACY_PATHS.get(scope["path"], scope["path"])
        prefix = f"/{_HOSTS.get(host, 'unknown')}"
        inner = {
            **scope,
            "path": prefix + path,
            "raw_path": (prefix + path).encode(),
            "headers": [(name, b"127.0.0.1" if name == b"host" else value) for name, value in scope["headers"]],
        }
        await gate(inner, receive, send)

    return app


async def _answer_legacy(world: World, noun: str, send: Any) -> None:
    """Answer the one legacy question that a peer (Airbyte 5.7.0) cannot do without; the sandbox itself has no legacy paths."""
    kinds = {"company": "companies", "deal": "deals", "contact": "contacts", "line_item": "line_items"}
    known = world.state.hubspot.property_definitions
    definitions = known.get(kinds.get(noun, noun)) or known["deals"][:1]
    world.requests.append({"method": "GET", "path": f"/properties/v2/{noun}/properties", "status": 200})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(definitions).encode()})


async def _tunnel(listener: socket.socket, port: int, is_over: Callable[[], bool]) -> None:
    """Answer CONNECT for the vendors' hosts with a pipe to ``port``; every other host is declined."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while part := await reader.read(1 << 16):
                writer.write(part)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split()
        host = head[1].partition(":")[0] if head[:1] == ["CONNECT"] else ""
        if host not in _HOSTS:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    async with await asyncio.start_server(connected, sock=listener):
        while not is_over():  # noqa: ASYNC110 - the flag is uvicorn's, set from another thread
            await asyncio.sleep(_LOOK_SECONDS)
