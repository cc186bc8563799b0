"""A folder served as an S3 bucket on loopback: lists page by page, sends parts, and knows when a file is no longer the one that was listed."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "costs"


class Served:
    """The bucket: ``page_size`` keys in a list, ``requests`` as they came, ``refusal`` (status, code) for every call if set."""

    def __init__(self, folder):
        self.folder, self.page_size, self.requests, self.refusal = folder, 1000, [], None

    def keys(self, prefix):
        paths = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return [path for path in paths if path.startswith(prefix)]

    def mark(self, key):
        return f'"{hashlib.sha256((self.folder / key).read_bytes()).hexdigest()[:32]}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        bucket = self.server.bucket
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, name, *rest = unquote(parts.path).split("/", 2)
        bucket.requests.append(("list" if "list-type" in query else "get", rest[0] if rest else "", self.headers.get("Range")))
        if "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
            return self._refuse(403, "AccessDenied")
        if bucket.refusal:
            return self._refuse(*bucket.refusal)
        if name != BUCKET:
            return self._refuse(404, "NoSuchBucket")
        return self._list(bucket, query) if "list-type" in query else self._send(bucket, rest[0])

    def _list(self, bucket, query):
        keys = bucket.keys(query.get("prefix", ""))
        start = int(query.get("continuation-token", 0))
        page, more = keys[start : start + bucket.page_size], start + bucket.page_size < len(keys)
        rows = "".join(
            f"<Contents><Key>{quote(key)}</Key><Size>{(bucket.folder / key).stat().st_size}</Size><ETag>{escape(bucket.mark(key))}</ETag>"
            f"<LastModified>{datetime.fromtimestamp((bucket.folder / key).stat().st_mtime, UTC):%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{start + bucket.page_size}</NextContinuationToken>" if more else ""
        self._answer(
            200,
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>".encode(),
        )

    def _send(self, bucket, key):
        if not (bucket.folder / key).is_file():
            return self._refuse(404, "NoSuchKey")
        if self.headers["If-Match"] != bucket.mark(key):
            return self._refuse(412, "PreconditionFailed")
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        return self._answer(206, (bucket.folder / key).read_bytes()[first : last + 1], "application/octet-stream")

    def _refuse(self, status, code):
        self._answer(status, f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode())

    def _answer(self, status, content, kind="application/xml"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def served_as_bucket(folder):
    """Yield (address of the server, the bucket)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.bucket = Served(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
