"""The service accounts of the sandbox: a viewer and an editor, with keys that are made anew in every process and open nothing else."""

from __future__ import annotations

import atexit
import base64
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

VIEWER: Final = "handoff-reader@handoff-sandbox.iam.gserviceaccount.com"
EDITOR: Final = "handoff-writer@handoff-sandbox.iam.gserviceaccount.com"
_BITS: Final = 2048


@cache
def _keys() -> dict[str, RSAKey]:
    """Return the key pair of each account, made when one is first needed."""
    return {email: RSAKey.generate_key(_BITS) for email in (VIEWER, EDITOR)}


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="handoff-sandbox-keys-"))  # for its owner only
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def key_file(email: str, token_url: str) -> Path:
    """Return a key file as Google hands it out, in a folder that goes when this process ends."""
    path = _folder() / f"{email.partition('@')[0]}.json"
    content = {
        "type": "service_account",
        "project_id": "handoff-sandbox",
        "private_key_id": f"key-of-{email.partition('@')[0]}",
        "private_key": _keys()[email].as_pem(private=True).decode(),
        "client_email": email,
        "client_id": "100000000000000000001",
        "token_uri": token_url,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def claims_of(assertion: str) -> dict[str, Any]:
    """Return the claims of a signed assertion. Raises ValueError with Google's words about one that is not ours."""
    if assertion.count(".") != 2:
        raise ValueError("Invalid JWT: it has not three parts.")
    try:
        email = _issuer(assertion.split(".")[1])
        if email not in {VIEWER, EDITOR}:
            raise ValueError("Invalid grant: account not found")
        return dict(jwt.decode(assertion, _keys()[email], algorithms=["RS256"]).claims)
    except JoseError:
        raise ValueError("Invalid JWT Signature.") from None


def _issuer(payload: str) -> str:
    """Return whose assertion it says to be: nothing else of it is read before its signature is checked."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        raise ValueError("Invalid JWT: Failed to parse the claims.") from None
    return str(claims.get("iss", "")) if isinstance(claims, dict) else ""
