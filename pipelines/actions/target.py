"""What a vendor module offers to ``plan`` and ``apply``, and what they share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipelines.errors import ConfigurationError
from pipelines.settings import SANDBOX_TOKEN, SANDBOX_WRITE_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from pipelines.actions.records import Change, Place
    from pipelines.errors import VendorError
    from pipelines.rules import Rules
    from pipelines.settings import Settings, Vendor

# Both forms of a deal's address: .../contacts/<portal>/record/0-3/<id> and .../contacts/<portal>/deal/<id>
_DEAL_URL: Final = re.compile(r"(?:/contacts/(?P<portal>\d+))?/(?:record/0-3|deal)/(?P<id>\d+)")
_LINE_ITEM_URL: Final = re.compile(r"(?:/contacts/(?P<portal>\d+))?/record/0-8/(?P<id>\d+)")

WHERE_TO_GET: Final[dict[Vendor, str]] = {
    "hubspot": "in HubSpot under Development > Keys > Service keys, with the scopes crm.objects.deals.read and .write, those of "
    "companies and those of the community object",
    "airtable": "at https://airtable.com/create/tokens, with the scopes data.records:write, data.records:read and "
    "schema.bases:read on the one base",
    "asana": "at https://app.asana.com/0/my-apps: a personal access token of a member (or service account) who may edit the engagements' "
    "projects, their template and their portfolio",
    "github": "on GitHub under Settings > Developer settings > Fine-grained tokens, with Issues: write on the repository and "
    "organization Projects: write",
    "aws": "in IAM, in the payer's account: access keys of a user or role that may do budgets:ViewBudget and budgets:ModifyBudget and "
    "nothing else",
    "sheets": "in the Google Cloud console under IAM > Service accounts > Keys: a JSON key of a service account of its own, with whom the "
    "spreadsheet is shared as an editor",
}


@dataclass(frozen=True)
class Reading:
    """What a vendor holds now at the place that a change is about.

    ``value`` is the field's live value (changes of a field). ``parts`` is whatever the vendor module needs to say what is still
    missing (creations). ``obstacle`` says why nothing may be written there.
    """

    value: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    url: str | None = None
    changed_by: str | None = None
    obstacle: str | None = None


@dataclass(frozen=True)
class Write:
    """One request that changes something. ``number`` orders the requests that one change needs."""

    number: int
    step: str
    method: str
    path: str
    body: Any


@dataclass(frozen=True)
class Answer:
    """What the vendor said to a write: its own id of the answer, and the id of what it made."""

    answer_id: str | None = None
    made_id: str | None = None


class Target(Protocol):
    """One vendor, as far as changes go."""

    @property
    def place(self) -> Place:
        """The portal, base or organisation behind the address, asked of the vendor."""

    def objection(self, change: Change) -> str | None:
        """Return why the vendor would refuse this change, from its own schema; None when it would not."""

    def read(self, change: Change, made_id: str | None = None) -> Reading:
        """Return the live state of a change's target. ``made_id`` names a record that this apply has just made."""

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the next request that is needed, or None when the target is as the change wants it."""

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return what a written target holds otherwise than asked for; None when it is as the change wants it."""

    def send(self, write: Write) -> Answer:
        """Send one write, once. Raises VendorError."""


@dataclass(frozen=True)
class DealKey:
    """The HubSpot record by which an existing record is found: its id, the ids merged into it, and its portal.

    It is a deal unless ``address`` is how another kind of record is named.
    """

    deal_id: str
    ids: frozenset[str]
    portal: str | None
    address: re.Pattern[str] = _DEAL_URL

    def is_named_in(self, text: object) -> bool:
        """Return whether ``text`` holds an address of this record. An address without a portal is taken for ours."""
        return any(found in self.ids and portal in {None, self.portal} for found, portal in _named(text, self.address))

    def is_misnamed_in(self, text: object) -> bool:
        """Return whether ``text`` holds this record's number in the address of another portal, and not its right address."""
        return not self.is_named_in(text) and any(found in self.ids for found, _ in _named(text, self.address))


def deal_key(natural_key: str | None, rules: Rules) -> DealKey | None:
    """Return the deal that a change's natural key names, or None when it names none."""
    named = _named(natural_key, _DEAL_URL)
    if len(named) != 1:
        return None
    deal_id, portal = named[0]
    merged = {
        row["old_id"]
        for row in rules.table("map_id_aliases")
        if (row["source"], row["object"], row["canonical_id"]) == ("hubspot", "deals", deal_id)
    }
    return DealKey(deal_id, frozenset({deal_id, *merged}), portal)


def record_key(natural_key: str | None, rules: Rules) -> DealKey | None:
    """Return the deal or the line item that a change's natural key names, or None when it names neither."""
    named = _named(natural_key, _LINE_ITEM_URL)
    if len(named) != 1:
        return deal_key(natural_key, rules)
    item_id, portal = named[0]
    return DealKey(item_id, frozenset({item_id}), portal, _LINE_ITEM_URL)


def _named(text: object, address: re.Pattern[str]) -> list[tuple[str, str | None]]:
    """Return id and portal of every record that a text names by its address; the portal is None when the address does not say."""
    found = address.finditer(text) if isinstance(text, str) else ()
    return [(match["id"], match["portal"]) for match in found]


class Sender(Protocol):
    """What is needed of :class:`pipelines.transport.Transport`; tests put a vendor of their own here."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Any = None,
        json: Any = None,
        content: bytes | str | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Send one request and return the vendor's answer. Raises VendorError."""


@dataclass(frozen=True)
class Connection:
    """One vendor's address with its tokens: reads may be repeated by the transport, writes are sent once.

    Requests with the write token have a sender of their own, with its own pace and its own words about a refused token.
    """

    vendor: Vendor
    base_url: str
    tokens: Tokens
    reader: Sender
    writer: Sender
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, params: dict[str, Any] | None = None, *, as_writer: bool = False) -> Any:
        """Return the vendor's JSON; ``as_writer`` asks with the write token, to see what that one may."""
        return self.get_page(path, params, as_writer=as_writer).json()

    def get_page(self, path: str, params: dict[str, Any] | None = None, *, as_writer: bool = False) -> Any:
        """Return the vendor's answer with its headers, for vendors that page by header."""
        token = self.tokens.write_or_refuse(self.vendor) if as_writer else self.tokens.read
        headers = {**self.headers, "Authorization": f"Bearer {token}"}
        sender = self.writer if as_writer else self.reader
        return sender.request("GET", f"{self.base_url}{path}", headers=headers, params=params or {})

    def ask(self, path: str, body: Any) -> Any:
        """Return the vendor's JSON to a question that is asked by POST: it changes nothing, so it goes with the read token."""
        headers = {**self.headers, "Authorization": f"Bearer {self.tokens.read}"}
        return self.reader.request("POST", f"{self.base_url}{path}", headers=headers, json=body, idempotent=True).json()

    def write(self, write: Write) -> Any:
        """Send one write with the write token, once; return the vendor's JSON. Raises VendorError."""
        token = self.tokens.write_or_refuse(self.vendor)
        headers = {**self.headers, "Authorization": f"Bearer {token}"}
        url = f"{self.base_url}{write.path}"
        return self.writer.request(write.method, url, headers=headers, json=write.body, idempotent=False).json()


# What the transport advises is for a sync; beside a write it would mislead.
_ADVICE_OF_A_SYNC: Final = re.compile(
    r"\s(Whatever was loaded before is kept|It is not taken for an empty one|Run `handoff sync`).*$", re.DOTALL
)


def words_about(error: VendorError) -> str:
    """Return what a vendor's error says, without the advice that concerns a sync."""
    return _ADVICE_OF_A_SYNC.sub("", error.sentence)


@dataclass(frozen=True)
class Tokens:
    """The token for reading and, in ``apply`` only, the one for writing."""

    read: str
    write: str | None

    def write_or_refuse(self, vendor: Vendor) -> str:
        """Return the write token. Raises ConfigurationError in a command that may not write."""
        if self.write is None:
            raise ConfigurationError(f"Nothing is written to {vendor} by this command. Run `handoff apply PLAN` to write.")
        return self.write


def tokens_for(vendor: Vendor, settings: Settings, *, may_write: bool) -> Tokens:
    """Return the tokens of a vendor. Raises ConfigurationError naming the variable of a missing one and where to get it."""
    if settings.is_sandbox(vendor):
        return Tokens(SANDBOX_TOKEN, SANDBOX_WRITE_TOKEN if may_write else None)
    names = {
        "hubspot": "hubspot_access_token",
        "airtable": "airtable_token",
        "asana": "asana_access_token",
        "github": "github_token",
    }
    read: SecretStr = getattr(settings, names[vendor])
    if not may_write:
        return Tokens(read.get_secret_value().strip(), None)
    variable = f"{vendor}_write_token"
    write: SecretStr | None = getattr(settings, variable)
    if write is None or not write.get_secret_value().strip():
        raise ConfigurationError(
            f"{variable.upper()} is not set, so nothing was written. Make a key for writing {WHERE_TO_GET[vendor]}, and set it in "
            "the environment or in .env; reading keeps its own key."
        )
    return Tokens(read.get_secret_value().strip(), write.get_secret_value().strip())
