"""A Google service account: its key file, and the access token that it is exchanged for.

    POST <SHEETS_TOKEN_URL>  grant_type=jwt-bearer, assertion=<JWT signed with the key>  -> access_token, for an hour

The address of the token endpoint comes from the settings and never from the key file: whoever can write that file must not choose where
signed assertions go. https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlencode

from pipelines import clock
from pipelines.errors import ConfigurationError, GarbageAnswer
from pipelines.redaction import hide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

READ_SCOPE: Final = "https://www.googleapis.com/auth/spreadsheets.readonly"
WRITE_SCOPE: Final = "https://www.googleapis.com/auth/spreadsheets"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE: Final = timedelta(hours=1)  # the longest that Google takes
_SPARE: Final = timedelta(minutes=2)  # a token is not used up to its last moment


class Asked(Protocol):
    """What is needed of :class:`pipelines.transport.Transport`."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Send one request and return the vendor's answer. Raises VendorError."""


@dataclass(frozen=True)
class ServiceAccount:
    """Whose key it is. ``private_key`` is the PEM and does not print."""

    email: str
    key_id: str
    private_key: str = field(repr=False)


def account_of(path: Path, setting: str) -> ServiceAccount:
    """Return the service account of a key file; ``setting`` names it. Raises ConfigurationError that says what is wrong with it."""
    made = "Make a key of type JSON in the Google Cloud console (IAM > Service accounts > Keys) and name its file there."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{setting} names {path}, which cannot be read ({error.strerror or error}). Correct the path, or let this user read it."
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{setting} names {path}, which is no JSON. {made}") from error
    wanted = ("client_email", "private_key_id", "private_key")
    if not isinstance(content, dict) or content.get("type") != "service_account":
        raise ConfigurationError(f"{setting} names {path}, which is no key of a service account. {made}")
    values = [content.get(name) for name in wanted]
    lacking = [name for name, value in zip(wanted, values, strict=True) if not isinstance(value, str) or not value.strip()]
    if lacking:
        raise ConfigurationError(f"{setting} names {path}, in which {', '.join(lacking)} is missing. {made}")
    email, key_id, private_key = (str(value) for value in values)
    hide([line for line in private_key.splitlines() if not line.startswith("-----")])
    return ServiceAccount(email.strip(), key_id.strip(), private_key)


class AccessToken:
    """The access token of a service account for one scope, asked for when it is first needed and again before it ends."""

    def __init__(
        self,
        transport: Asked,
        token_url: str,
        account: ServiceAccount,
        scope: str,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Ask nothing yet. ``transport`` must be allowed to call ``token_url``."""
        self._transport, self._token_url, self._account, self._scope = transport, token_url, account, scope
        self._now = now
        self._token, self._until = "", datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> str:
        """Return a token that is good for at least two minutes. Raises VendorError."""
        now = self._now() if self._now is not None else clock.now()
        if not self._token or now >= self._until:
            answer = self._exchanged(now)
            token, seconds = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not token or isinstance(seconds, bool) or not isinstance(seconds, int):
                raise GarbageAnswer(
                    "Google answered the key of the service account with no access token. Check SHEETS_TOKEN_URL in the settings."
                )
            hide([token])
            self._token, self._until = token, now + timedelta(seconds=seconds) - _SPARE
        return self._token

    def _exchanged(self, now: datetime) -> dict[str, Any]:
        form = urlencode({"grant_type": _GRANT, "assertion": self._assertion(now)})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        # nothing is changed by asking twice, so that a lost answer is asked for again
        answer = self._transport.request("POST", self._token_url, headers=headers, content=form, idempotent=True).json()
        return answer if isinstance(answer, dict) else {}

    def _assertion(self, now: datetime) -> str:
        from joserfc import jwt  # noqa: PLC0415 - only where a spreadsheet is read with a key
        from joserfc.errors import JoseError  # noqa: PLC0415 - as above
        from joserfc.jwk import RSAKey  # noqa: PLC0415 - as above

        claims = {
            "iss": self._account.email,
            "scope": self._scope,
            "aud": self._token_url,
            "iat": int(now.timestamp()),
            "exp": int((now + _LIFE).timestamp()),
        }
        try:
            key = RSAKey.import_key(self._account.private_key)
            signed = jwt.encode({"alg": "RS256", "kid": self._account.key_id}, claims, key)
        except (JoseError, ValueError) as error:
            raise ConfigurationError(
                f"The private key of {self._account.email} is no RSA key ({type(error).__name__}). Make a new key of type JSON in the "
                "Google Cloud console (IAM > Service accounts > Keys)."
            ) from error
        hide([signed])
        return signed
