"""Keeps people's e-mail addresses out of the warehouse: a keyed hash stands for each, so that equal ones still match.

The key is EMAIL_HASH_KEY, or is made once and kept in HANDOFF_HOME. Without the key nobody can test a guessed address. Text that is
no address stays as it is, so that a report can still say that it is none.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings

KEY_FILE: Final = "email_hash.key"
_ADDRESS: Final = re.compile(r"[^\s@<>;,:\"'()]+@[^\s@<>;,:\"'()]+\.[^\s@<>;,:\"'()]+")


class EmailHash:
    """Replaces e-mail addresses in text by their keyed hashes, or leaves them when the settings say so."""

    def __init__(self, key: bytes | None) -> None:
        """Use ``key``; None leaves addresses in clear."""
        self._key = key

    def __call__(self, value: Any) -> Any:
        """Return ``value`` with every address in its texts replaced, whatever its shape."""
        if self._key is None or value is None:
            return value
        if isinstance(value, str):
            return _ADDRESS.sub(self._hashed, value) if "@" in value else value
        if isinstance(value, list):
            return [self(item) for item in value]
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        return value

    def of_person(self, name: str) -> str:
        """Return what stands for a person whose user name or address is ``name``."""
        return name if self._key is None else self._keyed(name)

    def _hashed(self, match: re.Match[str]) -> str:
        return self._keyed(match[0])

    def _keyed(self, name: str) -> str:
        return "hmac:" + hmac.new(self._key or b"", name.strip().lower().encode(), hashlib.sha256).hexdigest()


def email_hash(settings: Settings) -> EmailHash:
    """Return the hash that these settings ask for, making its key at the first use. Raises ConfigurationError."""
    if settings.store_emails:
        return EmailHash(None)
    if settings.email_hash_key is not None and settings.email_hash_key.get_secret_value():
        return EmailHash(settings.email_hash_key.get_secret_value().encode())
    return EmailHash(_kept_key(settings.handoff_home / KEY_FILE))


def hashes_of(settings: Settings, address: str) -> set[str]:
    """Return every hash that may stand for ``address`` in this home: with the key of the settings, and with the one kept here."""
    keys = []
    if settings.email_hash_key is not None and settings.email_hash_key.get_secret_value():
        keys.append(settings.email_hash_key.get_secret_value().encode())
    if (settings.handoff_home / KEY_FILE).exists():
        keys.append(_kept_key(settings.handoff_home / KEY_FILE))
    return {EmailHash(key).of_person(address) for key in keys}


def _kept_key(path: Path) -> bytes:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
        except FileExistsError:
            pass  # the usual case: made by an earlier run
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The key that hashes e-mail addresses could not be read or made at {path} ({error}). "
            "Make HANDOFF_HOME writable, or set EMAIL_HASH_KEY."
        ) from error
    if not key:
        raise ConfigurationError(f"{path} is empty, so e-mail addresses cannot be hashed. Delete the file to make a new key.")
    return key.encode()
