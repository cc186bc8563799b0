"""An OpenID Connect provider on this machine: it says who somebody is, without asking, and signs it with a key of its own.

The code flow as OpenID Connect Core 1.0 has it (https://openid.net/specs/openid-connect-core-1_0.html): discovery, authorization, token,
keys. A code is good once; a client with another secret, or another address to return to, is refused.
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from ports import free_port
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

CLIENT, SECRET = "handoff", "a secret of the tests"


class Provider:
    """``claims`` is what it says of whoever logs in next."""

    def __init__(self, return_to):
        self.port = free_port()
        self.claims = {}
        self._return_to = return_to
        self._codes = {}
        self._key = RSAKey.generate_key(2048, {"kid": "tests", "use": "sig", "alg": "RS256"})

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def app(self):
        routes = {
            "/.well-known/openid-configuration": (self._discover, "GET"),
            "/authorize": (self._authorize, "GET"),
            "/token": (self._token, "POST"),
            "/keys": (self._keys, "GET"),
        }
        return Starlette(routes=[Route(path, answer, methods=[method]) for path, (answer, method) in routes.items()])

    async def _discover(self, _):
        return JSONResponse(
            {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _authorize(self, request):
        asked = request.query_params
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != self._return_to:
            return PlainTextResponse("unknown client or address", status_code=400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = (asked.get("nonce"), dict(self.claims))
        return RedirectResponse(f"{self._return_to}?{urlencode({'code': code, 'state': asked['state']})}")

    async def _token(self, request):
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        basic = request.headers.get("authorization", "").removeprefix("Basic ")
        known = base64.b64decode(basic).decode() if basic else f"{form.get('client_id')}:{form.get('client_secret')}"
        if known != f"{CLIENT}:{SECRET}" and known != f"{CLIENT}:{SECRET.replace(' ', '+')}":
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if form.get("code") not in self._codes:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        nonce, claims = self._codes.pop(form["code"])
        now = int(time.time())
        told = {
            "iss": self.address,
            "sub": claims.get("email", "nobody"),
            "aud": CLIENT,
            "iat": now,
            "exp": now + 600,
            "nonce": nonce,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "tests"}, told | claims, self._key)
        return JSONResponse({"access_token": "none", "token_type": "Bearer", "expires_in": 600, "id_token": signed})

    async def _keys(self, _):
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})


@contextmanager
def providing(return_to):
    """Serve a provider that sends people back to ``return_to``; yield it."""
    provider = Provider(return_to)
    server = uvicorn.Server(uvicorn.Config(provider.app, host="127.0.0.1", port=provider.port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(timeout=10)
