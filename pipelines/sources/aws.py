"""AWS: what the accounts of one payer cost, day by day, with the forecast and the budgets that AWS knows.

    organizations DescribeOrganization, ListAccounts  -> accounts (from Cost Explorer where Organizations is not allowed)
    ce GetDimensionValues, GetCostAndUsage            -> costs: daily, by linked account and service, once for each record type
    ce GetCostForecast                                -> cost_forecasts: the rest of the month, for the payer
    budgets DescribeBudgets, ...Notifications         -> budgets, budget_notifications

Cost Explorer groups by two dimensions, so the record type (Usage, Credit, Tax, ...) is a filter and each of its values one query. Days
are restated until the bill is closed: every run reads the current month and the two full ones before it, and **that window is all that
is kept**, older days leave the warehouse with it. Each page costs one US cent. Amounts stay the decimal text that AWS sends.
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.dialects import AwsDialect
from pipelines.errors import ConfigurationError, Forbidden, GarbageAnswer, Refused, Unauthorized
from pipelines.settings import SANDBOX_TOKEN
from pipelines.transport import Transport
from pipelines.transport_adapters import aws_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3.session

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing

Json = dict[str, Any]

METRIC: Final = "UnblendedCost"
_FULL_MONTHS_BEFORE: Final = 2
_ENDPOINTS: Final = {
    "ce": "https://ce.us-east-1.amazonaws.com",
    "budgets": "https://budgets.amazonaws.com",
    "organizations": "https://organizations.us-east-1.amazonaws.com",
    "sts": "https://sts.us-east-1.amazonaws.com",
}
_FORBIDDEN: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
# Organizations has nothing to say: a lone account, or an identity that may not ask
NO_ORGANIZATION: Final = frozenset({"AWSOrganizationsNotInUseException", *_FORBIDDEN})
# Cost Explorer has no forecast: too little history, or the day asked for has passed
_NO_FORECAST: Final = frozenset({"DataUnavailableException", "ValidationException"})
NO_BUDGETS: Final = frozenset({"NotFoundException"})


@dataclass
class AwsClient:
    """An opened payer account. Clients of boto3 are made at their first use."""

    session: boto3.session.Session
    endpoints: dict[str, str]
    transport: Transport
    budget_account_ids: tuple[str, ...]
    _clients: dict[str, Any] = field(default_factory=dict)

    def call(self, service: str, operation: str, **parameters: Any) -> Json:
        """Return the answer of one operation. Raises VendorError, or boto3's ClientError for the caller to judge."""
        if service not in self._clients:
            self._clients[service] = aws_client(self.session, self.transport, service, self.endpoints[service])
        answer: Json = getattr(self._clients[service], operation)(**parameters)
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


def open_aws(settings: Settings, *, sandbox_url: str | None) -> AwsClient:
    """Open the payer's account with the AWS default chain, or the sandbox's; nothing is asked yet. Raises ConfigurationError."""
    import boto3  # noqa: PLC0415 - half a second, and only where AWS is used
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    if sandbox_url is not None:
        endpoints = dict.fromkeys(_ENDPOINTS, f"{sandbox_url}/aws")
        session = boto3.Session(aws_access_key_id=SANDBOX_TOKEN, aws_secret_access_key=SANDBOX_TOKEN)
    else:
        given = {
            "ce": settings.aws_endpoint_url_cost_explorer,
            "budgets": settings.aws_endpoint_url_budgets,
            "organizations": settings.aws_endpoint_url_organizations,
            "sts": settings.aws_endpoint_url_sts,
        }
        endpoints = {service: given[service] or address for service, address in _ENDPOINTS.items()}
        secrets = {
            "aws_access_key_id": settings.aws_access_key_id,
            "aws_secret_access_key": settings.aws_secret_access_key,
            "aws_session_token": settings.aws_session_token,
        }
        try:
            session = boto3.Session(
                profile_name=settings.aws_profile or None,
                **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
            )
        except BotoCoreError as error:
            raise ConfigurationError(f"The AWS settings do not fit together ({error}). {AwsDialect.credential_help}") from error
    transport = Transport("aws", base_url=endpoints["ce"], allowed_hosts=frozenset(endpoints.values()))
    accounts = (
        tuple(part.strip() for part in settings.aws_budget_account_ids.split(",") if part.strip()) if sandbox_url is None else ()
    )
    return AwsClient(session, endpoints, transport, accounts)


def aws_rows(client: AwsClient, rules: Rules, *, as_of: date, landing: Landing) -> None:  # noqa: ARG001 - every source is asked alike
    """Read costs, forecast and budgets as of a day. Raises VendorError: a failure is never "no rows"."""
    with in_sentences():
        payer = payer_account(client)
        window = {"Start": window_start(as_of).isoformat(), "End": as_of.isoformat()}
        landing.add("accounts", _accounts(client, payer, window))
        _read_costs(client, landing, payer, window)
        _read_forecast(client, landing, payer, as_of)
        for account_id in client.budget_account_ids or (payer,):
            _read_budgets(client, landing, account_id, as_of)


def window_start(as_of: date) -> date:
    """Return the first day that is read: of the month two full months before the day's own."""
    months = as_of.year * 12 + as_of.month - 1 - _FULL_MONTHS_BEFORE
    return date(months // 12, months % 12 + 1, 1)


def payer_account(client: AwsClient) -> str:
    """Return the account that pays: the organization's, or the one of this identity where Organizations has nothing to say."""
    try:
        return str(client.call("organizations", "describe_organization")["Organization"]["MasterAccountId"])
    except Exception as error:
        if error_code(error) not in NO_ORGANIZATION:
            raise
    return str(client.call("sts", "get_caller_identity")["Account"])


def _accounts(client: AwsClient, payer: str, window: Json) -> Iterator[Json]:
    try:
        found = [account for page in client.pages("organizations", "list_accounts", "NextToken") for account in page["Accounts"]]
    except Exception as error:
        if error_code(error) not in NO_ORGANIZATION:
            raise
        for value in _dimension_values(client, "LINKED_ACCOUNT", window):
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


def _dimension_values(client: AwsClient, dimension: str, window: Json) -> list[Json]:
    pages = client.pages(
        "ce", "get_dimension_values", "NextPageToken", TimePeriod=window, Dimension=dimension, Context="COST_AND_USAGE"
    )
    return [value for page in pages for value in page["DimensionValues"]]


def _read_costs(client: AwsClient, landing: Landing, payer: str, window: Json) -> None:
    for value in _dimension_values(client, "RECORD_TYPE", window):
        record_type = value["Value"]
        pages = client.pages(
            "ce",
            "get_cost_and_usage",
            "NextPageToken",
            TimePeriod=window,
            Granularity="DAILY",
            Metrics=[METRIC],
            GroupBy=[{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, {"Type": "DIMENSION", "Key": "SERVICE"}],
            Filter={"Dimensions": {"Key": "RECORD_TYPE", "Values": [record_type]}},
        )
        for page in pages:
            landing.add(
                "costs",
                (_cost_row(payer, record_type, day, group) for day in page["ResultsByTime"] for group in day.get("Groups", [])),
                key=("usage_on", "account_id", "service", "record_type"),
            )


def _cost_row(payer: str, record_type: str, day: Json, group: Json) -> Json:
    account_id, service = group["Keys"]
    cost = group["Metrics"][METRIC]
    return {
        "payer_account_id": payer,
        "usage_on": day["TimePeriod"]["Start"],
        "account_id": account_id,
        "service": service,
        "record_type": record_type,
        "amount": cost["Amount"],
        "currency": cost["Unit"],
        "is_estimated": day.get("Estimated", False),
    }


def _read_forecast(client: AwsClient, landing: Landing, payer: str, as_of: date) -> None:
    month_end = (as_of.replace(day=1) + timedelta(days=32)).replace(day=1)
    period = {"Start": as_of.isoformat(), "End": month_end.isoformat()}
    try:
        answer = client.call(
            "ce",
            "get_cost_forecast",
            TimePeriod=period,
            Metric="UNBLENDED_COST",
            Granularity="MONTHLY",
            PredictionIntervalLevel=80,
        )
    except Exception as error:
        if error_code(error) not in _NO_FORECAST:
            raise
        return
    results = answer.get("ForecastResultsByTime") or []
    bounds = results[0] if len(results) == 1 else {}
    row = {
        "payer_account_id": payer,
        "account_id": None,
        "period_start_on": period["Start"],
        "period_end_on": period["End"],
        "mean_amount": answer["Total"]["Amount"],
        "low_amount": bounds.get("PredictionIntervalLowerBound"),
        "high_amount": bounds.get("PredictionIntervalUpperBound"),
        "currency": answer["Total"]["Unit"],
    }
    landing.add("cost_forecasts", [row], key=("payer_account_id", "account_id", "period_start_on"))


def _read_budgets(client: AwsClient, landing: Landing, account_id: str, as_of: date) -> None:
    try:
        budgets = [
            budget
            for page in client.pages("budgets", "describe_budgets", "NextToken", AccountId=account_id, MaxResults=100)
            for budget in page.get("Budgets") or []
        ]
        notifications = [
            item
            for page in client.pages(
                "budgets", "describe_budget_notifications_for_account", "NextToken", AccountId=account_id, MaxResults=50
            )
            for item in page.get("BudgetNotificationsForAccount") or []
        ]
    except Exception as error:
        if error_code(error) not in NO_BUDGETS:
            raise
        return  # AWS says so when an account has no budget
    landing.add("budgets", (_budget_row(account_id, budget, as_of) for budget in budgets), key=("account_id", "name"))
    rows = (
        _notification_row(account_id, item["BudgetName"], notification)
        for item in notifications
        for notification in item.get("Notifications") or []
    )
    landing.add(
        "budget_notifications",
        rows,
        key=("account_id", "budget_name", "notification_type", "comparison", "threshold", "threshold_type"),
    )


def _budget_row(account_id: str, budget: Json, as_of: date) -> Json:
    spend = budget.get("CalculatedSpend") or {}
    limit = budget.get("BudgetLimit") or _planned_limit(budget.get("PlannedBudgetLimits") or {}, as_of)
    return {
        "account_id": account_id,
        "name": budget["BudgetName"],
        "budget_type": budget.get("BudgetType"),
        "time_unit": budget.get("TimeUnit"),
        "limit_amount": limit.get("Amount"),
        "currency": limit.get("Unit"),
        "actual_amount": (spend.get("ActualSpend") or {}).get("Amount"),
        "forecast_amount": (spend.get("ForecastedSpend") or {}).get("Amount"),
        "cost_filters_json": budget.get("CostFilters") or budget.get("FilterExpression"),
        "is_auto_adjusting": budget.get("AutoAdjustData") is not None,
        "updated_at": budget.get("LastUpdatedTime"),
    }


def _planned_limit(limits: dict[str, Json], as_of: date) -> Json:
    """Return the limit of the period that ``as_of`` is in; AWS names periods by their first second."""
    day = (as_of - date(1970, 1, 1)).total_seconds()
    begun = [start for start in limits if float(start) <= day]
    return limits[max(begun, key=float)] if begun else {}


def _notification_row(account_id: str, budget_name: str, notification: Json) -> Json:
    return {
        "account_id": account_id,
        "budget_name": budget_name,
        "notification_type": notification.get("NotificationType"),
        "comparison": notification.get("ComparisonOperator"),
        "threshold": notification.get("Threshold"),
        "threshold_type": notification.get("ThresholdType"),
        "state": notification.get("NotificationState"),
    }


def error_code(error: Exception) -> str:
    """Return the code of an error that boto3 parsed; empty for any other."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


@contextmanager
def in_sentences() -> Iterator[None]:
    """Turn what boto3 raises into sentences; VendorErrors of the transport pass."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - comes with boto3
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        code, words = error_code(error), str(error.response.get("Error", {}).get("Message", ""))[:200].rstrip(".")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        place = f"{error.operation_name} ({code}{f': {words}' if words else ''})"
        if AwsDialect.is_identity(code):
            raise Unauthorized(
                f"AWS does not accept {AwsDialect.credential} for {place}. {AwsDialect.credential_help}"
            ) from error
        if code in _FORBIDDEN:
            raise Forbidden(f"AWS does not let this identity do {place}. {AwsDialect.scope_help}") from error
        raise Refused(
            f"AWS declined {place}. Nothing was loaded from AWS; check the AWS settings, then run `handoff sync` again.",
            status=status,
            answer=error.response.get("Error"),
        ) from error
    except BotoCoreError as error:
        raise ConfigurationError(f"The AWS settings are not complete ({error}). {AwsDialect.credential_help}") from error
    except ResponseParserError as error:
        raise GarbageAnswer(
            "AWS answered with something that is no answer of AWS, so nothing was loaded from it. "
            "Check the network and the AWS_ENDPOINT_URL settings, and run `handoff sync` again later."
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise GarbageAnswer(
            f"AWS answered without a part that its models promise ({type(error).__name__}: {error}), so nothing was loaded from AWS. "
            "Check the AWS_ENDPOINT_URL settings, and run `handoff sync` again later."
        ) from error
