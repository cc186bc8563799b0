"""An application at Sage Intacct and the access token that its secret is exchanged for.

    POST <INTACCT_BASE_URL>/oauth2/token  grant_type=client_credentials, client_id, client_secret, username  -> access_token

``username`` is ``user@company``, with ``|entity`` behind it in a company of several entities.
https://developer.sage.com/intacct/docs/developer-portal/guides/oauth2
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from pipelines import clock
from pipelines.errors import ConfigurationError, GarbageAnswer
from pipelines.redaction import hide

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.settings import Settings
    from pipelines.transport import Transport

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - an address
_SPARE: Final = timedelta(minutes=2)  # a token is not used up to its last moment


@dataclass(frozen=True)
class Application:
    """Who asks, and for which user of which company. ``secret`` does not print."""

    client_id: str
    secret: str = field(repr=False)
    username: str


def application_of(settings: Settings) -> Application:
    """Return the configured application. Raises ConfigurationError that names the setting which is missing or wrong."""
    secret = settings.intacct_client_secret
    client_id, username = (settings.intacct_client_id or "").strip(), (settings.intacct_username or "").strip()
    if secret is None:
        raise ConfigurationError("INTACCT_CLIENT_SECRET is not set, so nothing is read from Sage Intacct. Set it.")
    if not client_id:
        raise ConfigurationError(
            "INTACCT_CLIENT_SECRET is set and INTACCT_CLIENT_ID is not. Set it to the client id of the application that is registered "
            "at Sage Intacct."
        )
    user, _, company = username.partition("@")
    if not user or not company:
        raise ConfigurationError(
            f"INTACCT_USERNAME holds {username!r}, which is not of the form user@company. Set it to the web services user that may view "
            "invoices and the id of the company."
        )
    return Application(client_id, secret.get_secret_value(), username)


class AccessToken:
    """The access token of an application, asked for when it is first needed and again before it ends."""

    def __init__(self, transport: Transport, application: Application, now: Callable[[], datetime] | None = None) -> None:
        """Ask nothing yet."""
        self._transport, self._application, self._now = transport, application, now
        self._token, self._until = "", datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> str:
        """Return a token that is good for at least two minutes. Raises VendorError."""
        now = self._now() if self._now is not None else clock.now()
        if not self._token or now >= self._until:
            answer = self._exchanged()
            token, seconds = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not token or isinstance(seconds, bool) or not isinstance(seconds, int):
                raise GarbageAnswer(
                    "Sage Intacct answered the secret of the application with no access token. Check INTACCT_BASE_URL in the settings."
                )
            hide([token])
            self._token, self._until = token, now + timedelta(seconds=seconds) - _SPARE
        return self._token

    def _exchanged(self) -> dict[str, Any]:
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": self._application.client_id,
                "client_secret": self._application.secret,
                "username": self._application.username,
            }
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self._transport.base_url}{TOKEN_PATH}"
        # nothing is changed by asking twice, so that a lost answer is asked for again
        answer = self._transport.request("POST", url, headers=headers, content=form, idempotent=True).json()
        return answer if isinstance(answer, dict) else {}
