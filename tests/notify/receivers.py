"""A mail server and a webhook receiver on loopback that keep what they get, and can refuse it."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mails:
    """The handler of a real SMTP server; ``refuses`` makes it answer 451 to each message."""

    def __init__(self):
        self.received = []
        self.refuses = False

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.refuses:
            return "451 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.received.append((tuple(envelope.rcpt_tos), message))
        return "250 OK"

    @property
    def subjects(self):
        return [message["subject"] for _, message in self.received]

    def text(self, number):
        message = self.received[number][1]
        return message.get_body(("plain",)).get_content()


@contextmanager
def mail_server():
    """Yield (mails, url of apprise)."""
    from aiosmtpd.controller import Controller

    mails = Mails()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mails, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mails, f"mailto://127.0.0.1:{port}/?from=handoff@example.org&mode=insecure"
    finally:
        controller.stop()


@contextmanager
def web_server(status=200):
    """Yield (requests, address); a request is (method, path, headers, body)."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            requests.append((self.command, self.path, dict(self.headers), body.decode()))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        do_POST = do_GET = answer  # noqa: N815 - the standard library's names

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield requests, f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def hooked(requests):
    """Return the titles that a webhook got."""
    return [json.loads(body)["title"] for *_, body in requests]
