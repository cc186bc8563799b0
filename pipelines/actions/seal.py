"""The key of one HANDOFF_HOME, and seals made with it: a plan or a ledger row that was edited no longer fits its seal."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

from pipelines import warehouse
from pipelines.errors import HandoffError

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE: Final = "plan.key"
_KEY_BYTES: Final = 32


def home_key(home: Path) -> bytes:
    """Return the key of ``home``, making it (readable by this user only) at the first call."""
    path = home / KEY_FILE
    if not path.exists():
        _make_key(home, path)
    text = path.read_text(encoding="ascii").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise HandoffError(
            f"{path} does not hold a key (64 hexadecimal digits). Restore it from a backup; if there is none, move it and "
            "ledger.sqlite away, and handoff begins both anew. Plans made with the lost key must be made again."
        )
    return key


def _make_key(home: Path, path: Path) -> None:
    warehouse.make_private_folder(home)
    temporary = home / f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # a hard link, unlike a rename, leaves alone the key that another process made meanwhile
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
        warehouse.sync_to_disk(home)  # before anything that it seals


def canonical(content: dict[str, Any]) -> bytes:
    """Return the one spelling of ``content`` that hashes and seals are made of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def sha256_of(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical spelling as hexadecimal text."""
    return hashlib.sha256(canonical(content)).hexdigest()


def seal_of(key: bytes, purpose: str, content: dict[str, Any]) -> str:
    """Return the HMAC-SHA256 of ``content``; ``purpose`` keeps a seal for one thing from fitting another."""
    return hmac.new(key, purpose.encode() + b"\n" + canonical(content), hashlib.sha256).hexdigest()


def fits(key: bytes, purpose: str, content: dict[str, Any], seal: str) -> bool:
    """Return whether ``seal`` was made with ``key`` for exactly this content."""
    return hmac.compare_digest(seal_of(key, purpose, content).encode(), seal.encode("utf-8", "replace"))
