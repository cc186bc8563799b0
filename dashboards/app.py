"""What `streamlit run` serves: the pages of navigation.py behind headers that leave hostile text nothing to work with.

Vendor text is shown through elements that render no markup. Should one ever slip, the policy below still lets the browser fetch
nothing from another host, run no script but Streamlit's own, and stay out of other sites' frames.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st
from pydantic import ValidationError
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from dashboards.endpoints import ROUTES
from dashboards.launch import SCRIPT, refuse_unless_loopback
from dashboards.login import FILE_NAME, hosts, is_on
from pipelines.errors import ConfigurationError
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


_FOLDER: Final = Path(__file__).resolve().parent
# Streamlit's client looks for its server below the page's own path first, which a console shows as errors; this says where it is
_BASES: Final = ", ".join(
    f"{name}: location.origin" for name in ("BACKEND_BASE_URL", "HOST_CONFIG_BASE_URL", "MAIN_PAGE_BASE_URL")
)
_START_PAGE: Final = (
    (Path(st.__file__).parent / "static" / "index.html")
    .read_text(encoding="utf-8")
    .replace("<head>", f"<head><script>window.__streamlit = {{{_BASES}}}</script>", 1)
)


def content_security_policy() -> str:
    """Return the policy; Streamlit's start page has inline scripts, and their hashes are what it allows."""
    scripts = re.findall(r"<script>(.*?)</script>", _START_PAGE, flags=re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {' '.join(hashes)}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def styled_start_page() -> bytes:
    """Return Streamlit's start page with our style in it: a style that comes later moves what is already seen."""
    style = (_FOLDER / "style.css").read_text(encoding="utf-8")
    return _START_PAGE.replace("</head>", f"<style>{style}</style></head>", 1).encode()


class SafeAnswers:
    """Puts the policy and its companions on every answer, and our style into the start page."""

    def __init__(self, app: ASGIApp, headers: dict[str, str], page: bytes) -> None:
        """Wrap ``app``."""
        self._app = app
        self._headers = headers
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_page = False

        async def send_changed(message: Message) -> None:
            nonlocal is_page
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                is_page = message["status"] == 200 and headers.get("content-type", "").startswith("text/html")
                if is_page:
                    for name in ("content-encoding", "etag", "last-modified"):
                        del headers[name]
                    headers["content-length"] = str(len(self._page))
            elif is_page:
                if message.get("more_body"):
                    return
                message = {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self._page}
            await send(message)

        await self._app(scope, receive, send_changed)


def say_that_it_failed(_: Exception) -> bool:
    """Tell the reader what to do; Streamlit writes the exception to the terminal, and nothing of it reaches the browser."""
    st.error(
        "This page could not be shown. The terminal that serves the dashboard says why. Load the page again; if it fails again, "
        "run `handoff doctor`.",
        icon=":material/error:",
    )
    return True


def _allowed_names() -> list[str]:
    """Return the names that may be asked for. Raises ConfigurationError where the dashboard must not listen."""
    try:
        settings = load_settings()
    except ValidationError:  # each page says which setting is not usable; nothing of it is known here
        refuse_unless_loopback(st.get_option("server.address"))
        return hosts(None)
    has_login = is_on(settings)
    if has_login and not any(Path(name).name == FILE_NAME for name in st.get_option("secrets.files")):
        raise ConfigurationError("The log-in is set up by `handoff dashboard` alone. Start the dashboard with it.")
    refuse_unless_loopback(st.get_option("server.address"), has_login=has_login)
    return hosts(settings)


try:
    _hosts = _allowed_names()
except ConfigurationError as error:
    raise SystemExit(error.sentence) from error
app = st.App(
    SCRIPT,
    routes=ROUTES,
    middleware=[
        # a name that somebody else's DNS points at this machine must not reach it
        Middleware(TrustedHostMiddleware, allowed_hosts=_hosts),
        Middleware(
            SafeAnswers,
            page=styled_start_page(),
            headers={
                "content-security-policy": content_security_policy(),
                "x-content-type-options": "nosniff",
                "x-frame-options": "DENY",
                "referrer-policy": "no-referrer",
            },
        ),
    ],
    on_script_error=say_that_it_failed,
)
