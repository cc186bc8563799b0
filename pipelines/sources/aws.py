"""AWS: what the accounts of one payer cost, day by day, with the forecast and the budgets that AWS knows.

    organizations DescribeOrganization, ListAccounts  -> accounts (from Cost Explorer where Organizations is not allowed)
    ce                                                -> costs, cost_tags, cost_forecasts (aws_costs.py)
    budgets                                           -> budgets, budget_notifications, budget_subscribers (aws_budgets.py)

Days are restated until the bill is closed: every run reads the current month and the full ones before it (AWS_COST_EXPLORER_MONTHS)
and replaces those days. Older ones stay as they were last read, for as long as the warehouse lives. Each page of Cost Explorer costs one
US cent; they are counted in ``readings``, and AWS_COST_EXPLORER_MAX_CALLS ends a run that asks for more.
https://docs.aws.amazon.com/cost-management/latest/userguide/ce-api-best-practices.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipelines.errors import ConfigurationError, GarbageAnswer
from pipelines.sources.aws_answers import FORBIDDEN, error_code, in_sentences
from pipelines.sources.aws_budgets import read_budgets
from pipelines.sources.aws_costs import Window, dimension_values, read_costs, read_forecast, window_before
from pipelines.sources.aws_session import aws_session, sandbox_session
from pipelines.transport import Transport
from pipelines.transport_adapters import aws_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import boto3.session

    from pipelines.dialects import Dialect
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing
    from pipelines.wire import RateBudgets

Json = dict[str, Any]

PRICE_USD: Final = Decimal("0.01")  # of one page of Cost Explorer
_ENDPOINTS: Final = {
    "ce": "https://ce.us-east-1.amazonaws.com",
    "budgets": "https://budgets.amazonaws.com",
    "organizations": "https://organizations.us-east-1.amazonaws.com",
    "sts": "https://sts.us-east-1.amazonaws.com",
}
# Organizations has nothing to say: a lone account, or an identity that may not ask
NO_ORGANIZATION: Final = frozenset({"AWSOrganizationsNotInUseException", *FORBIDDEN})


class Caller(Protocol):
    """What is needed of :class:`AwsClient` by whoever only asks."""

    def call(self, service: str, operation: str, **parameters: Any) -> Json:
        """Return the answer of one operation. Raises VendorError, or boto3's ClientError."""

    def pages(self, service: str, operation: str, token: str, **parameters: Any) -> Iterator[Json]:
        """Yield the pages of an operation."""


@dataclass
class AwsClient:
    """An opened payer account. Clients of boto3 are made at their first use; ``paid_calls`` counts what was sent to Cost Explorer.

    An answer that was lost is paid for like any other, so every try counts.
    """

    session: boto3.session.Session
    endpoints: dict[str, str]
    transport: Transport
    settings: Settings
    budget_account_ids: tuple[str, ...]
    paid_calls: int = 0
    _clients: dict[str, Any] = field(default_factory=dict)

    def call(self, service: str, operation: str, **parameters: Any) -> Json:
        """Return the answer of one operation. Raises VendorError, or boto3's ClientError for the caller to judge."""
        if service not in self._clients:
            self._clients[service] = aws_client(self.session, self.transport, service, self.endpoints[service])
        if service == "ce":
            self._refuse_more_than_the_most()
        sent = self.transport.request_count
        try:
            answer: Json = getattr(self._clients[service], operation)(**parameters)
        finally:
            if service == "ce":
                self.paid_calls += self.transport.request_count - sent
        return answer

    def pages(self, service: str, operation: str, token: str, **parameters: Any) -> Iterator[Json]:
        """Yield the pages of an operation whose answer names the next one under ``token`` (the rest must be asked alike)."""
        seen: set[str] = set()
        while True:
            answer = self.call(service, operation, **parameters)
            yield answer
            following = answer.get(token)
            if not following:
                return
            if following in seen:
                raise GarbageAnswer(
                    f"AWS leads in a circle through {operation}: a page token came back, so the end is never reached. "
                    "Nothing was loaded from AWS; run `handoff sync` again later."
                )
            seen.add(following)
            parameters[token] = following

    def _refuse_more_than_the_most(self) -> None:
        most = self.settings.aws_cost_explorer_max_calls
        if self.paid_calls >= most:
            raise ConfigurationError(
                f"Cost Explorer was asked {self.paid_calls} times in this run, at ${PRICE_USD} each, and there is more to read, so nothing was "
                f"loaded from AWS. Set AWS_COST_EXPLORER_MAX_CALLS above {most}, or read fewer months (AWS_COST_EXPLORER_MONTHS)."
            )


def open_aws(
    settings: Settings,
    *,
    sandbox_url: str | None,
    session: boto3.session.Session | None = None,
    budget: RateBudgets | None = None,
    dialect: Dialect | None = None,
) -> AwsClient:
    """Open the payer's account with the AWS default chain, or the sandbox's; nothing is asked yet. Raises ConfigurationError.

    ``session``, ``budget`` and ``dialect`` are given where other keys than those for reading ask.
    """
    if sandbox_url is not None:
        endpoints = dict.fromkeys(_ENDPOINTS, f"{sandbox_url}/aws")
        session = session or sandbox_session()
    else:
        given = {
            "ce": settings.aws_endpoint_url_cost_explorer,
            "budgets": settings.aws_endpoint_url_budgets,
            "organizations": settings.aws_endpoint_url_organizations,
            "sts": settings.aws_endpoint_url_sts,
        }
        endpoints = {service: given[service] or address for service, address in _ENDPOINTS.items()}
        session = session or aws_session(settings)
    transport = Transport(
        "aws", base_url=endpoints["ce"], allowed_hosts=frozenset(endpoints.values()), budget=budget, dialect=dialect
    )
    accounts = (
        tuple(part.strip() for part in settings.aws_budget_account_ids.split(",") if part.strip()) if sandbox_url is None else ()
    )
    return AwsClient(session, endpoints, transport, settings, accounts)


def aws_rows(client: AwsClient, rules: Rules, *, as_of: date, landing: Landing) -> None:
    """Read costs, forecast and budgets as of a day. Raises VendorError: a failure is never "no rows"."""
    client.paid_calls = 0
    with in_sentences():
        payer = payer_account(client)
        window = window_before(as_of, client.settings.aws_cost_explorer_months)
        # an account that AWS has forgotten keeps its name while its days are kept
        known = "payer_account_id = ? and id in (select account_id from raw_aws.costs where usage_on < ?)"
        landing.keep("accounts", known, payer, window.start_on)
        landing.add("accounts", _accounts(client, payer, window))
        read_costs(client, landing, payer, window, rules.cost_tag_keys)
        read_forecast(client, landing, payer, as_of)
        for account_id in client.budget_account_ids or (payer,):
            read_budgets(client, landing, account_id, as_of)
    reading = {
        "payer_account_id": payer,
        "window_start_on": window.start_on,
        "window_end_on": window.end_on,
        "paid_call_count": client.paid_calls,
        "paid_usd": str(client.paid_calls * PRICE_USD),
    }
    landing.add("readings", [reading], key=("payer_account_id",))


def payer_account(client: Caller) -> str:
    """Return the account that pays: the organization's, or the one of this identity where Organizations has nothing to say."""
    try:
        return str(client.call("organizations", "describe_organization")["Organization"]["MasterAccountId"])
    except Exception as error:
        if error_code(error) not in NO_ORGANIZATION:
            raise
    return str(client.call("sts", "get_caller_identity")["Account"])


def _accounts(client: AwsClient, payer: str, window: Window) -> Iterator[Json]:
    try:
        found = [account for page in client.pages("organizations", "list_accounts", "NextToken") for account in page["Accounts"]]
    except Exception as error:
        if error_code(error) not in NO_ORGANIZATION:
            raise
        for value in dimension_values(client, "LINKED_ACCOUNT", window):
            name = value.get("Attributes", {}).get("description")
            yield {"payer_account_id": payer, "id": value["Value"], "name": name, "status": None}
        return
    for account in found:
        yield {
            "payer_account_id": payer,
            "id": account["Id"],
            "name": account.get("Name"),
            "status": account.get("Status") or account.get("State"),
        }
