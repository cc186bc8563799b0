"""The channels of NOTIFY_URLS: ``name=url`` for each, sent by apprise (https://github.com/caronc/apprise/wiki), which knows their shapes.

Nothing of a channel's address is ever shown: it holds passwords and webhook keys.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings import Settings

# https://github.com/caronc/apprise/wiki/Notify_email and the schemas that take a recipient in `to`
_MAIL: Final = re.compile(r"^(mailtos?|smtps?|ses|sendgrid|mailgun|sparkpost|postmark)", re.IGNORECASE)
_SHORT: Final = 5  # parts of an address that are shorter are words like "true" or a port


def channels_of(settings: Settings) -> dict[str, str]:
    """Return the address of each channel by its name."""
    value = settings.notify_urls.get_secret_value() if settings.notify_urls else ""
    pairs = (entry.split("=", 1) for entry in value.split())
    return {name.lower(): url for name, url in pairs}


def deliver(url: str, address: str, subject: str, text: str, *, key: str) -> str | None:
    """Send one message once, and return why it did not go out; None when the channel took it."""
    import apprise  # noqa: PLC0415 - takes a second to import

    service = apprise.Apprise()
    if not service.add(_addressed(url, address, key)):
        return "apprise does not understand its address in NOTIFY_URLS"
    with _messages() as said:
        try:
            is_sent = service.notify(title=subject, body=text, body_format=apprise.NotifyFormat.TEXT)
        except (TypeError, OSError, ValueError) as error:
            return redacted(f"{type(error).__name__}: {error}", url)
    if is_sent:
        return None
    return redacted("; ".join(said) or "the channel did not take it", url)


def _addressed(url: str, address: str, key: str) -> str:
    """Add the recipient, and the key as a header where the channel has headers, so that a receiver can tell a repetition."""
    added = []
    if address:
        added.append(f"to={quote(address, safe='')}")
    if _MAIL.match(url) or url.lower().startswith(("json", "xml", "form")):
        added.append(f"+X-Handoff-Notice={quote(key, safe='')}")
    if not added:
        return url
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(added)}"


@contextmanager
def _messages() -> Iterator[list[str]]:
    """Collect what apprise would log: it is our caller's to say, without the address."""
    said: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(" ".join(record.getMessage().split()))

    logger = logging.getLogger("apprise")
    handler = Collector(logging.WARNING)
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


def redacted(text: str, url: str) -> str:
    """Return ``text`` without any part of ``url`` that may be a secret."""
    parts = urlsplit(url)
    secrets = {parts.username, parts.password, *parts.path.split("/"), *re.split(r"[&=?]", parts.query)}
    if not _MAIL.match(url):
        secrets.add(parts.netloc.rsplit("@", 1)[-1].split(":")[0] if parts.path.strip("/") == "" else "")
    for secret in sorted({form for part in secrets if part for form in (part, unquote(part))}, key=len, reverse=True):
        if len(secret) > _SHORT:
            text = text.replace(secret, "***")
    return text
