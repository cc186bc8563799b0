"""AWS of the sandbox: who asks, which operation, and the answers of Organizations, Budgets and STS. Costs are in ``aws_costs.py``.

Operations arrive as POST / with an X-Amz-Target header (JSON 1.1), for STS as a form (query protocol). Evidence: the service models
in botocore, which also check every answer in the tests. The read token's identity reads and nothing else; the write token's keeps
budgets, too (aws_budgets.py). A signature must be there; it is not verified, because the sandbox has no secret to keep.
"""

from __future__ import annotations

import re
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from pipelines.sandbox import aws_budgets, aws_costs
from pipelines.sandbox.aws_costs import AwsError, not_built, pages
from pipelines.sandbox.exchange import Answer, Call, serve
from pipelines.sandbox.world import token_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from pipelines.sandbox.world import World

Json = dict[str, Any]

# What ``world.limits`` may change: rows on a page, where the operation has not a smaller limit of its own.
LIMITS: Final = {"aws.page_size": aws_costs.PAGE}
_ORGANIZATION_ID: Final = "o-handoffdemo"
_PREFIXES: Final = {
    "AWSInsightsIndexService": "ce",
    "AWSBudgetServiceGateway": "budgets",
    "AWSOrganizationsV20161128": "organizations",
}
_INVALID: Final = {"ce": "ValidationException", "budgets": "InvalidParameterException", "organizations": "InvalidInputException"}
_READS: Final = ("Get", "Describe", "List")
_CREDENTIAL: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/\d{8}/[^/]+/[^/]+/aws4_request,.*Signature=[0-9a-f]{64}"
)
_STS_NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"


def app(world: World) -> ASGIApp:
    """Return the four services on one address, as boto3's ``endpoint_url`` expects them."""

    def answer(call: Call) -> Answer:
        return _answer(world, call)

    return serve(answer)


def _answer(world: World, call: Call) -> Answer:
    target = call.headers.get("x-amz-target", "")
    try:
        if call.method != "POST" or call.path != "/":
            raise not_built(f"{call.method} {call.path}; AWS services are called by POST /")
        if not target:
            return _sts(world, call)
        key = _identify(call)
        prefix, _, name = target.partition(".")
        service = _PREFIXES.get(prefix)
        operation = OPERATIONS.get(f"{service}:{name}")
        if operation is None or not (name.startswith(_READS) or token_kind(key) == "write"):
            raise _no_operation(world, service, name, target)
        with world.lock:
            return Answer(200, operation(world, _body(call, str(service), name)), _request_id(), "application/x-amz-json-1.1")
    except AwsError as error:
        if not target:
            return _sts_error(error)
        body = {"__type": error.code, "message": error.message}
        return Answer(error.status, body, {"x-amzn-errortype": error.code, **_request_id()}, "application/x-amz-json-1.1")


def _request_id() -> dict[str, str]:
    return {"x-amzn-requestid": str(uuid.uuid4())}


def _identify(call: Call) -> str:
    """Return the access key of a signed call. Raises AwsError as AWS does for a missing or unknown one."""
    authorization = call.headers.get("authorization", "")
    if not authorization:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _CREDENTIAL.fullmatch(authorization)
    if match is None:
        raise AwsError("IncompleteSignatureException", "The Authorization header is not a complete AWS Signature Version 4.")
    if token_kind(match["key"]) is None:
        raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
    return match["key"]


def _no_operation(world: World, service: str | None, name: str, target: str) -> AwsError:
    if service is not None and name and not name.startswith(_READS):
        arn = _identity_arn(world)
        return AwsError(
            "AccessDeniedException",
            f"User: {arn} is not authorized to perform: {service}:{name} (the sandbox's identity reads only)",
        )
    return not_built(f"the AWS operation {target}")


def _body(call: Call, service: str, name: str) -> Json:
    """Return what was asked, checked against the operation's own model as botocore carries it."""
    from botocore.validate import ParamValidator  # noqa: PLC0415 - a tenth of a second, and only where AWS is called

    try:
        body: Json = call.json() if call.body else {}
    except ValueError as error:
        raise AwsError("SerializationException", "The body is not JSON.") from error
    shape = _model(service).operation_model(name).input_shape
    report = ParamValidator().validate(body, shape) if shape is not None else None
    if report is not None and report.has_errors():
        raise AwsError(_INVALID[service], f"The request does not fit {name}: {' '.join(report.generate_report().split())}.")
    return body


@cache
def _model(service: str) -> Any:
    """Return botocore's model of a service."""
    from botocore.loaders import Loader  # noqa: PLC0415 - as above
    from botocore.model import ServiceModel  # noqa: PLC0415

    return ServiceModel(Loader().load_service_model(service, "service-2"))


# Organizations: https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html


def _account_arn(world: World, account_id: str) -> str:
    return f"arn:aws:organizations::{world.state.aws.payer_account_id}:account/{_ORGANIZATION_ID}/{account_id}"


def _email(account_id: str) -> str:
    return f"aws-{account_id}@accounts.example"


def _describe_organization(world: World, _: Json) -> Json:
    payer = world.state.aws.payer_account_id
    return {
        "Organization": {
            "Id": _ORGANIZATION_ID,
            "Arn": f"arn:aws:organizations::{payer}:organization/{_ORGANIZATION_ID}",
            "FeatureSet": "ALL",
            "MasterAccountArn": _account_arn(world, payer),
            "MasterAccountId": payer,
            "MasterAccountEmail": _email(payer),
            "AvailablePolicyTypes": [],
        }
    }


def _list_accounts(world: World, body: Json) -> Json:
    asked = body.get("MaxResults", 20)
    if asked > 20:
        raise AwsError("InvalidInputException", "MaxResults must be from 1 to 20.")
    size = min(asked, world.limit("aws.page_size", aws_costs.PAGE))
    page, more = pages("ListAccounts", body, "NextToken", size, broken_error="InvalidInputException").cut(
        world.state.aws.accounts
    )
    accounts = [
        {
            "Id": account["Id"],
            "Arn": _account_arn(world, account["Id"]),
            "Email": _email(account["Id"]),
            "Name": account["Name"],
            "Status": account["Status"],
            "JoinedMethod": "INVITED" if account["Id"] == world.state.aws.payer_account_id else "CREATED",
            "JoinedTimestamp": 1704067200.0,  # 2024-01-01; the story does not say when
        }
        for account in page
    ]
    return {"Accounts": accounts, **more}


# Budgets: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DescribeBudgets.html


def _known_account(world: World, body: Json) -> str:
    account_id = str(body["AccountId"])
    if account_id not in {account["Id"] for account in world.state.aws.accounts}:
        raise AwsError("AccessDeniedException", f"Account {_identity_account(world)} may not see the budgets of {account_id}.")
    return account_id


def _budget_page(world: World, operation: str, body: Json, entries: list[Any], *, most: int) -> tuple[list[Any], Json]:
    asked = body.get("MaxResults", min(most, 100))
    if asked > most:
        raise AwsError("InvalidParameterException", f"MaxResults must be from 1 to {most}.")
    return pages(operation, body, "NextToken", min(asked, world.limit("aws.page_size", aws_costs.PAGE))).cut(entries)


def _describe_budgets(world: World, body: Json) -> Json:
    listed = world.state.aws.budgets.get(_known_account(world, body), [])
    page, more = _budget_page(world, "DescribeBudgets", body, listed, most=1000)
    return {"Budgets": page, **more}


def _describe_budget_notifications_for_account(world: World, body: Json) -> Json:
    by_budget: dict[str, list[Json]] = {}
    for row in world.state.aws.notifications.get(_known_account(world, body), []):
        by_budget.setdefault(row["BudgetName"], []).append(row["Notification"])
    entries = [{"BudgetName": name, "Notifications": notifications} for name, notifications in by_budget.items()]
    page, more = _budget_page(world, "DescribeBudgetNotificationsForAccount", body, entries, most=1000)
    return {"BudgetNotificationsForAccount": page, **more}


def _notifications_of(world: World, body: Json) -> list[Json]:
    account_id, name = _known_account(world, body), body["BudgetName"]
    if name not in {budget["BudgetName"] for budget in world.state.aws.budgets.get(account_id, [])}:
        raise AwsError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.")
    listed = world.state.aws.notifications.get(account_id, [])
    return [row["Notification"] for row in listed if row["BudgetName"] == name]


def _describe_notifications_for_budget(world: World, body: Json) -> Json:
    page, more = _budget_page(world, "DescribeNotificationsForBudget", body, _notifications_of(world, body), most=100)
    return {"Notifications": page, **more}


def _describe_subscribers_for_notification(world: World, body: Json) -> Json:
    wanted = body["Notification"]
    parts = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    # a threshold is in percent unless it says otherwise
    key = [wanted.get(part, "PERCENTAGE" if part == "ThresholdType" else None) for part in parts]
    rows = world.state.aws.notifications.get(_known_account(world, body), [])
    of_budget = [row for row in rows if row["BudgetName"] == body["BudgetName"]]
    found = [row for row in of_budget if [row["Notification"].get(part) for part in parts] == key]
    if not found:
        raise AwsError("NotFoundException", "Unable to get subscribers: the notification doesn't exist.")
    listed = found[0].get("Subscribers", [])
    page, more = _budget_page(world, "DescribeSubscribersForNotification", body, listed, most=100)
    return {"Subscribers": page, **more} if page else {}  # the model allows no empty list


# STS: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html


def _identity_account(world: World) -> str:
    return world.state.aws.payer_account_id


def _identity_arn(world: World) -> str:
    return f"arn:aws:iam::{_identity_account(world)}:user/handoff-sandbox"


def _sts(world: World, call: Call) -> Answer:
    form = parse_qs(call.body.decode("utf-8", errors="replace"))
    action = form.get("Action", [""])[-1]
    if not action:
        raise not_built("a call without X-Amz-Target and without Action")
    try:
        _identify(call)
    except AwsError as error:
        code = {"UnrecognizedClientException": "InvalidClientTokenId", "IncompleteSignatureException": "IncompleteSignature"}
        raise AwsError(code.get(error.code, "MissingAuthenticationToken"), error.message, 403) from error
    if action != "GetCallerIdentity":
        raise not_built(f"the AWS operation sts:{action}")
    xml = (
        f'<GetCallerIdentityResponse xmlns="{_STS_NAMESPACE}"><GetCallerIdentityResult><Arn>{_identity_arn(world)}</Arn>'
        f"<UserId>AIDASANDBOX</UserId><Account>{_identity_account(world)}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return Answer(200, xml.encode(), _request_id(), "text/xml")


def _sts_error(error: AwsError) -> Answer:
    words = error.message.replace("&", "&amp;").replace("<", "&lt;")
    side = "Sender" if error.status < 500 else "Receiver"
    xml = (
        f'<ErrorResponse xmlns="{_STS_NAMESPACE}"><Error><Type>{side}</Type><Code>{error.code}</Code>'
        f"<Message>{words}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return Answer(error.status, xml.encode(), _request_id(), "text/xml")


OPERATIONS: Final[dict[str, Callable[[World, Json], Json]]] = {
    "ce:GetCostAndUsage": aws_costs.get_cost_and_usage,
    "ce:GetDimensionValues": aws_costs.get_dimension_values,
    "ce:GetCostForecast": aws_costs.get_cost_forecast,
    "ce:GetTags": aws_costs.get_tags,
    "budgets:CreateBudget": aws_budgets.create_budget,
    "budgets:DescribeBudget": aws_budgets.describe_budget,
    "budgets:UpdateBudget": aws_budgets.update_budget,
    "budgets:DescribeBudgets": _describe_budgets,
    "budgets:DescribeBudgetNotificationsForAccount": _describe_budget_notifications_for_account,
    "budgets:DescribeNotificationsForBudget": _describe_notifications_for_budget,
    "budgets:DescribeSubscribersForNotification": _describe_subscribers_for_notification,
    "organizations:DescribeOrganization": _describe_organization,
    "organizations:ListAccounts": _list_accounts,
}
