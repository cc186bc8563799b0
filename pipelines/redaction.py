"""Keeps secrets out of everything that is shown or stored: what a setting holds is replaced before a text leaves the process.

A vendor may repeat a token in its error, a library in its exception; so every sentence of an error and every line of a log goes through
:func:`redacted`. The secrets are those of the settings that this process has read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN: Final = "***"
_SHORT: Final = 6  # a shorter one would be found in half of all words
_hidden: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """Remember ``secrets``, in the spellings in which they travel; of addresses also the parts that are secret."""
    for secret in secrets:
        parts = [secret, *secret.split()]
        for address in [part.split("=", 1)[-1] for part in parts if "://" in part]:
            split = urlsplit(address)
            # what a channel or monitor keeps in its path is its key; the name of a database is no secret
            path = [] if split.scheme.startswith("postgres") else split.path.split("/")
            parts += [address, *filter(None, (split.password,)), *path]
        for part in parts:
            spellings = {part, quote(part, safe=""), unquote(part), json.dumps(part)[1:-1]}
            _hidden.update(spelling for spelling in spellings if len(spelling) >= _SHORT)


def redacted(text: str) -> str:
    """Return ``text`` with every secret that is known here replaced."""
    for secret in sorted(_hidden, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, _SHOWN)
    return text
