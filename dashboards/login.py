"""Who is at the page: with OIDC_METADATA_URL set, whoever logged in at that provider, and what ``rule_roles.csv`` lets them do.

    nobody logged in                      one button, and nothing else
    logged in, named by no row            a sentence that says which row is lacking
    logged in, with the role viewer       the pages, read only
    proposer, approver, operator          also plan, approve, apply, in the name of the address they logged in with

Streamlit does the log-in (https://docs.streamlit.io/develop/concepts/connections/authentication) and keeps it in a signed cookie. A row
names an e-mail address or, as ``group:NAME``, a group of the provider's ``groups`` claim. The rows for everybody (``*``) do not count here:
many providers let anybody in. Without the setting there is no log-in, and the dashboard listens on this machine only.
"""

from __future__ import annotations

import json
import secrets
import tomllib
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import streamlit as st
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from pipelines.actions import roles
from pipelines.errors import ConfigurationError
from pipelines.rules import load_rules
from pipelines.warehouse import make_private_folder, write_bytes_durably

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.settings import Settings

FILE_NAME: Final = "login.toml"
_GROUP: Final = "group:"
_LACKING: Final = "Set OIDC_METADATA_URL, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and DASHBOARD_URL, or none of the OIDC settings."


@dataclass(frozen=True)
class Person:
    """Somebody who logged in: the address, and the groups that the provider says."""

    email: str
    groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Person | None:
        """Return who the claims of an identity token are about; None where they name no address that the provider vouches for."""
        email = claims.get("email")
        if not isinstance(email, str) or "@" not in email or claims.get("email_verified") is False:
            return None
        groups = claims.get("groups")
        return cls(email.casefold(), tuple(str(group) for group in groups) if isinstance(groups, list) else ())

    def narrowed(self, rules: Rules) -> Rules:
        """Return the rules with the roles of this person alone, whether a row names the address or one of the groups."""
        mine = {self.email, *(f"{_GROUP}{group}".casefold() for group in self.groups)}
        rows = [row | {"person": self.email} for row in rules.table(roles.TABLE) if row["person"].casefold() in mine]
        return rules.with_table(roles.TABLE, rows)

    def is_known(self, rules: Rules) -> bool:
        """Whether any row names this person."""
        return bool(self.narrowed(rules).table(roles.TABLE))


def is_on(settings: Settings) -> bool:
    """Whether people log in. Raises ConfigurationError where only a part of what that needs is set."""
    secret = settings.oidc_client_secret
    needed = (settings.oidc_metadata_url, settings.oidc_client_id, secret.get_secret_value() if secret else None)
    if not any(needed):
        return False
    if not all(needed) or not settings.dashboard_url:
        raise ConfigurationError(f"The log-in of the dashboard is not set up whole. {_LACKING}")
    parts = urlsplit(settings.dashboard_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError("DASHBOARD_URL is not an address such as https://handoff.example.org. Correct it.")
    return True


def write_for_streamlit(settings: Settings) -> Path:
    """Write what Streamlit reads about the log-in, for this user only, and return the file. The key of its cookies is made once."""
    path = settings.handoff_home / FILE_NAME
    key = _cookie_key(path) or secrets.token_urlsafe(32)
    values = {
        "redirect_uri": f"{str(settings.dashboard_url).rstrip('/')}/oauth2callback",
        "cookie_secret": key,
        "client_id": settings.oidc_client_id,
        "client_secret": settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else "",
        "server_metadata_url": settings.oidc_metadata_url,
    }
    make_private_folder(settings.handoff_home)
    # a JSON text is a TOML text, too
    lines = ["[auth]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), ""]
    write_bytes_durably(path, "\n".join(lines).encode())
    return path


def _cookie_key(path: Path) -> str | None:
    try:
        key = tomllib.loads(path.read_text(encoding="utf-8"))["auth"]["cookie_secret"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return key if isinstance(key, str) else None


def host_of(settings: Settings) -> str | None:
    """Return the name in the address that people open, where they log in."""
    return urlsplit(settings.dashboard_url or "").hostname if is_on(settings) else None


def hosts(settings: Settings | None) -> list[str]:
    """Return the names by which the dashboard may be asked."""
    named = host_of(settings) if settings is not None else None
    return ["127.0.0.1", "localhost", *([named] if named else [])]


def admit(settings: Settings) -> Person | None:
    """Return who is at the page, None where there is no log-in; otherwise show what is needed and end the script.

    Raises ConfigurationError.
    """
    if not is_on(settings):
        return None
    if not st.user.is_logged_in:
        st.title("handoff", anchor=False)
        st.markdown("Log in to see what is missing, late, due and over budget.")
        st.button("Log in", on_click=st.login, type="primary", icon=":material/login:")
        st.stop()
    person = Person.of(dict(st.user))
    if person is None or not person.is_known(load_rules(settings.rules_dir)):
        st.title("handoff", anchor=False)
        st.warning(
            "Your provider gives no e-mail address that it has checked. Ask whoever runs it."
            if person is None
            else "You are logged in, and rule_roles.csv names neither your address nor one of your groups. Ask whoever runs handoff for a "
            "row with your address and a role.",
            icon=":material/person_off:",
        )
        if person is not None:
            st.text(person.email)
        st.button("Log out", on_click=st.logout, icon=":material/logout:")
        st.stop()
    return person


def person_of(settings: Settings, cookie: str) -> Person | None:
    """Return who a request's cookies are of: somebody who logged in and whom ``rule_roles.csv`` names; else None."""
    key = _cookie_key(settings.handoff_home / FILE_NAME)
    if key is None:
        return None
    cookies = {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        return None if value is None else decode_signed_value(key, name, value.encode("latin-1"))

    content = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    try:
        claims = json.loads(content) if content else {}
    except ValueError:
        return None
    person = Person.of(claims) if claims.get("is_logged_in") else None
    return person if person is not None and person.is_known(load_rules(settings.rules_dir)) else None
