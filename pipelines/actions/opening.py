"""Opens the vendors that a plan touches, each at its first use, and closes them again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipelines.actions.airtable import AirtableTarget
from pipelines.actions.asana import AsanaTarget
from pipelines.actions.aws import AwsTarget
from pipelines.actions.github import HEADERS, GithubTarget
from pipelines.actions.hubspot import HubspotTarget
from pipelines.actions.sheets import SheetsTarget
from pipelines.actions.target import WHERE_TO_GET, Connection, Target, Tokens, tokens_for
from pipelines.dialects import AirtableDialect, AsanaDialect, AwsDialect, Dialect, GithubDialect, HubspotDialect, SheetsDialect
from pipelines.errors import ConfigurationError
from pipelines.settings import SANDBOX_WRITE_TOKEN, VENDORS
from pipelines.sources.registry import (
    SANDBOX_AIRTABLE_BASE_ID,
    SANDBOX_ASANA_WORKSPACE_ID,
    SANDBOX_GITHUB_ORGANIZATION,
    SANDBOX_SPREADSHEET_ID,
)
from pipelines.wire import RateBudget, RateBudgets

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.dialects import Rate
    from pipelines.rules import Rules
    from pipelines.settings import Settings, Vendor

# What each vendor lets through in so many seconds, of all requests and of those that write, a little below what it publishes.
# Reading and writing share the first: the limit is the portal's, the base's or the token's owner's. GitHub takes 80 contents a minute
# and 500 an hour.
_LIMITS: Final[dict[str, tuple[Rate, tuple[Rate, ...]]]] = {
    "hubspot": ((95, 10.0), ()),
    "airtable": ((5, 1.1), ()),
    "asana": ((1400, 60.0), ()),
    "github": ((10, 1.0), ((75, 60.0), (500, 3610.0))),
    "aws": ((5, 1.0), ((1, 1.0),)),
    "sheets": ((55, 60.0), ()),
}


def budgets_for(
    system: str, sleep: Callable[[float], None] = time.sleep, monotonic: Callable[[], float] = time.monotonic
) -> tuple[RateBudgets, RateBudgets]:
    """Return how fast one vendor is read and written to; both wait for what they share."""
    of_all, of_writes = _LIMITS[system]
    shared = RateBudget(of_all, sleep, monotonic)
    return RateBudgets((shared,)), RateBudgets((shared, *(RateBudget(rate, sleep, monotonic) for rate in of_writes)))


class _HubspotWrites(HubspotDialect):
    credential = "HUBSPOT_WRITE_TOKEN"
    credential_help = f"Make a key {WHERE_TO_GET['hubspot']}, and set it as HUBSPOT_WRITE_TOKEN."
    scope_help = "Add the scope to that service key in HubSpot (Development > Keys > Service keys)."


class _AirtableWrites(AirtableDialect):
    credential = "AIRTABLE_WRITE_TOKEN"
    credential_help = f"Make a token {WHERE_TO_GET['airtable']}, and set it as AIRTABLE_WRITE_TOKEN."
    scope_help = "Give that token data.records:write, data.records:read and schema.bases:read on the base."


class _AsanaWrites(AsanaDialect):
    credential = "ASANA_WRITE_TOKEN"
    credential_help = f"Make a token {WHERE_TO_GET['asana']}, and set it as ASANA_WRITE_TOKEN."
    scope_help = "Let that token's owner edit the engagements' projects, their template and their portfolio in Asana."


class _GithubWrites(GithubDialect):
    credential = "GITHUB_WRITE_TOKEN"
    credential_help = f"Make a token {WHERE_TO_GET['github']}, and set it as GITHUB_WRITE_TOKEN."
    scope_help = "Give that token Issues: write on the repository and organization Projects: write."


class _AwsWrites(AwsDialect):
    credential = "AWS_WRITE_ACCESS_KEY_ID and AWS_WRITE_SECRET_ACCESS_KEY"
    credential_help = f"Make keys {WHERE_TO_GET['aws']}, and set them."
    scope_help = "Allow budgets:ViewBudget and budgets:ModifyBudget to the keys for writing."


class _SheetsWrites(SheetsDialect):
    credential = "the key in SHEETS_WRITE_SERVICE_ACCOUNT_FILE"
    credential_help = f"Make a key {WHERE_TO_GET['sheets']}, and set SHEETS_WRITE_SERVICE_ACCOUNT_FILE to its file."
    scope_help = "Share the spreadsheet with that service account's address (client_email in the key file) as an editor."


_WRITE_DIALECTS: Final[dict[str, type[Dialect]]] = {
    "hubspot": _HubspotWrites,
    "airtable": _AirtableWrites,
    "asana": _AsanaWrites,
    "github": _GithubWrites,
    "sheets": _SheetsWrites,
}


class Targets(Protocol):
    """The vendors by name."""

    def target(self, system: str) -> Target:
        """Return one vendor. Raises ConfigurationError when it cannot be opened."""


class OpenTargets:
    """The vendors of these settings."""

    def __init__(self, settings: Settings, rules: Rules, sandbox_url: str | None, *, may_write: bool) -> None:
        """Open nothing yet. ``may_write`` is True in ``apply`` only; ``sandbox_url`` is where vendors without a token are."""
        self._settings = settings
        self._rules = rules
        self._sandbox_url = sandbox_url
        self._may_write = may_write
        self._targets: dict[str, Target] = {}
        self._transports: list[Any] = []

    def target(self, system: str) -> Target:
        """Return one vendor, opening it at the first call. Raises ConfigurationError."""
        if system not in self._targets:
            self._targets[system] = self._open(system)
        return self._targets[system]

    def close(self) -> None:
        """Let go of every connection."""
        for transport in self._transports:
            transport.close()

    def _open(self, system: str) -> Target:
        vendor = next((known for known in VENDORS if known == system and known in _LIMITS), None)
        if vendor is None:
            raise ConfigurationError(
                f"handoff cannot write to {system!r}. Correct the model in actions.act_changes that proposes it."
            )
        settings, is_sandbox = self._settings, self._settings.is_sandbox(vendor)
        if vendor == "aws":
            return self._open_aws(is_sandbox=is_sandbox)
        if vendor == "sheets":
            return self._open_sheets(is_sandbox=is_sandbox)
        tokens = tokens_for(vendor, settings, may_write=self._may_write)
        match vendor:
            case "hubspot":
                return HubspotTarget(self._connect(vendor, settings.hubspot_base_url, tokens), self._rules, is_sandbox=is_sandbox)
            case "airtable":
                connection = self._connect(vendor, settings.airtable_base_url, tokens)
                return AirtableTarget(connection, self._rules, self._base_id(), is_sandbox=is_sandbox)
            case "asana":
                connection = self._connect(vendor, settings.asana_base_url, tokens)
                return AsanaTarget(connection, self._rules, self._workspace_id(), is_sandbox=is_sandbox)
            case _:
                connection = self._connect(vendor, settings.github_base_url, tokens, HEADERS)
                return GithubTarget(connection, self._rules, self._organisation(), is_sandbox=is_sandbox)

    def _open_aws(self, *, is_sandbox: bool) -> Target:
        from pipelines.sources.aws import open_aws  # noqa: PLC0415 - the network is opened only when a vendor is needed
        from pipelines.sources.aws_session import aws_write_session, sandbox_session  # noqa: PLC0415

        url = (self._sandbox_url or self._settings.sandbox_url) if is_sandbox else None
        reading, writing = budgets_for("aws")
        reader, writer = open_aws(self._settings, sandbox_url=url, budget=reading), None
        if self._may_write:
            session = sandbox_session(SANDBOX_WRITE_TOKEN) if is_sandbox else aws_write_session(self._settings)
            writer = open_aws(self._settings, sandbox_url=url, session=session, budget=writing, dialect=_AwsWrites())
        self._transports += [client.transport for client in (reader, writer) if client is not None]
        return AwsTarget(reader, writer, self._rules, is_sandbox=is_sandbox)

    def _open_sheets(self, *, is_sandbox: bool) -> Target:
        from pipelines.sources.sheets import spreadsheet_of  # noqa: PLC0415 - the network is opened only when a vendor is needed
        from pipelines.sources.sheets_account import READ_SCOPE, WRITE_SCOPE, AccessToken, account_of  # noqa: PLC0415 - as above

        settings = self._settings
        if is_sandbox:
            tokens = tokens_for("sheets", settings, may_write=self._may_write)
            connection = self._connect("sheets", settings.sheets_base_url, tokens)
            return SheetsTarget(connection, self._rules, SANDBOX_SPREADSHEET_ID, is_sandbox=True)
        spreadsheet_id = spreadsheet_of(settings)
        keys = [("SHEETS_SERVICE_ACCOUNT_FILE", settings.sheets_service_account_file, READ_SCOPE)]
        if self._may_write:
            keys.append(("SHEETS_WRITE_SERVICE_ACCOUNT_FILE", settings.sheets_write_service_account_file, WRITE_SCOPE))
        connection = self._connect("sheets", settings.sheets_base_url, Tokens("", None))
        tokens_of = []
        for (variable, path, scope), sender in zip(keys, (connection.reader, connection.writer), strict=False):
            if path is None:
                raise ConfigurationError(
                    f"{variable} is not set, so nothing was written. Make a key {WHERE_TO_GET['sheets']}, and set it in the environment "
                    "or in .env; reading keeps its own key."
                )
            # an hour is longer than any apply
            tokens_of.append(AccessToken(sender, settings.sheets_token_url, account_of(path, variable), scope)())
        tokens = Tokens(tokens_of[0], tokens_of[1] if self._may_write else None)
        tab = (settings.sheets_tab or "").strip()
        return SheetsTarget(replace(connection, tokens=tokens), self._rules, spreadsheet_id, tab, is_sandbox=False)

    def _connect(self, vendor: Vendor, base_url: str, tokens: Tokens, headers: dict[str, str] | None = None) -> Connection:
        from pipelines.transport import Transport  # noqa: PLC0415 - the network is opened only when a vendor is needed

        if self._settings.is_sandbox(vendor):
            below = "/api/1.0" if vendor == "asana" else ""  # part of Asana's own address
            base_url = f"{self._sandbox_url or self._settings.sandbox_url}/{vendor}{below}"
        base_url = base_url.rstrip("/")
        reading, writing = budgets_for(vendor)
        hosts = frozenset({self._settings.sheets_token_url}) if vendor == "sheets" else frozenset()
        reader = Transport(vendor, base_url=base_url, budget=reading, allowed_hosts=hosts)
        writer = Transport(vendor, base_url=base_url, budget=writing, dialect=_WRITE_DIALECTS[vendor](), allowed_hosts=hosts)
        self._transports += [reader, writer]
        return Connection(vendor, base_url, tokens, reader, writer, headers or {})

    def _base_id(self) -> str:
        """Return the configured base; the sandbox's is fixed."""
        if not self._settings.is_sandbox("airtable"):
            base_id = (self._settings.airtable_base_id or "").strip()
            if not base_id:
                raise ConfigurationError(
                    "AIRTABLE_BASE_ID is not set, so it is not known which base holds the engagements. It is the part of the base's "
                    "address that begins with app; set it in the environment or in .env."
                )
            return base_id
        return SANDBOX_AIRTABLE_BASE_ID

    def _workspace_id(self) -> str:
        """Return the configured workspace; the sandbox's is fixed."""
        from pipelines.sources.asana import workspace_of  # noqa: PLC0415 - the network is opened only when a vendor is needed

        return SANDBOX_ASANA_WORKSPACE_ID if self._settings.is_sandbox("asana") else workspace_of(self._settings)

    def _organisation(self) -> str:
        """Return the configured organisation; the sandbox's is fixed."""
        if self._settings.is_sandbox("github"):
            return SANDBOX_GITHUB_ORGANIZATION
        organisation = (self._settings.github_org or "").strip()
        if not organisation:
            raise ConfigurationError(
                "GITHUB_ORG is not set, so it is not known which organisation owns the projects. Set it in the environment or in .env."
            )
        return organisation
