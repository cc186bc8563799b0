"""AWS Budgets: the budget that handoff keeps for an account is found by its name, created, or given another limit.

    organizations DescribeOrganization      which payer this is; sts GetCallerIdentity where Organizations is not allowed
    budgets DescribeBudgets                 the payer's budgets: does one watch the account already?
    budgets CreateBudget                    one budget with its two notifications; AWS keeps each name once
    budgets UpdateBudget                    the same budget with another limit

A budget warns and stops nothing. What AWS would refuse is known from botocore's model of the operation. Keys for writing are separate,
and belong to the payer's account. https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pipelines.actions.records import Change, Place, plain_number, same
from pipelines.actions.target import Answer, Reading, Write
from pipelines.errors import ConfigurationError, Forbidden, GarbageAnswer, Refused
from pipelines.sources.aws import payer_account
from pipelines.sources.aws_answers import FORBIDDEN, error_code
from pipelines.sources.aws_budgets import NO_BUDGETS

if TYPE_CHECKING:
    from pipelines.rules import Rules
    from pipelines.sources.aws import Caller

Json = dict[str, Any]

OBJECT: Final = "budgets"
_CREATE, _UPDATE = "CreateBudget", "UpdateBudget"
_CONSOLE: Final = "https://console.aws.amazon.com/costmanagement/home#/budgets/details?name="
# What AWS computes: it is shown, and may not be sent back
_COMPUTED: Final = frozenset({"CalculatedSpend", "LastUpdatedTime", "HealthStatus"})


class AwsTarget:
    """The budgets of a payer account, as far as changes go."""

    def __init__(self, reader: Caller, writer: Caller | None, rules: Rules, *, is_sandbox: bool) -> None:
        """Read with ``reader``; ``writer`` is None in a command that may not write. A new budget warns when the rules would."""
        known = rules.thresholds
        self._alarms = {
            "FORECASTED": float(known["budget_forecast_ratio"]) * 100,
            "ACTUAL": float(known["budget_alarm_percent"]),
        }
        self._reader = reader
        self._writer = writer
        self._is_sandbox = is_sandbox

    @property
    def place(self) -> Place:
        """The payer account behind the keys; keys for writing of another account are refused."""
        try:
            payer = payer_account(self._reader)
            writing = str(self._writer.call("sts", "get_caller_identity")["Account"]) if self._writer is not None else payer
        except KeyError as error:
            raise GarbageAnswer("AWS did not say which account the keys belong to, so nothing may be written.") from error
        except Exception as error:
            raise _in_words(error, "GetCallerIdentity") from error
        if writing != payer:
            raise ConfigurationError(
                f"The AWS keys for writing belong to account {writing}, and those for reading show the payer {payer}, so nothing was "
                "written. Make the keys for writing in the payer's account."
            )
        return Place("aws", "AWS payer account", payer, self._is_sandbox)

    def objection(self, change: Change) -> str | None:
        """Return why AWS would refuse this budget, from botocore's model and what AWS says in prose."""
        if change.object != OBJECT or (not change.is_creation and change.field != "limit"):
            return f"handoff does not write {change.field or change.object} of AWS {change.object}"
        limit = change.values.get("limit", "") if change.is_creation else change.after
        if not re.fullmatch(r"\d+(\.\d+)?", limit) or float(limit) <= 0:
            return f"the limit of a budget is a number above nothing, and {limit!r} is none"
        if not change.is_creation:
            return None
        lacking = [name for name in ("account_id", "budget_name", "currency", "alert_email") if not change.values.get(name)]
        if lacking:
            return f"the budget has no {lacking[0]}"
        return _model_objection(_CREATE, _creation(change, _key(change)[0], self._alarms))

    def read(self, change: Change, made_id: str | None = None) -> Reading:  # noqa: ARG002 - the list is as fresh as the record
        """Return the budget of that name, or the one that somebody else keeps for the account as the obstacle."""
        payer, name = _key(change)
        budgets = self._budgets(payer)
        found = next((budget for budget in budgets if budget["BudgetName"] == name), None)
        if found is None and not change.is_creation:
            return Reading(obstacle=f"AWS no longer has the budget {name}")
        if found is None:
            account = change.values.get("account_id")
            others = [budget["BudgetName"] for budget in budgets if _accounts(budget) == [account]]
            return Reading(obstacle=f"the account has a budget already ({others[0]})") if others else Reading()
        if found.get("AutoAdjustData") is not None:
            return Reading(obstacle=f"the budget {name} follows the spend, so AWS sets its limit")
        limit = plain_number(str((found.get("BudgetLimit") or {}).get("Amount") or ""))
        when = found.get("LastUpdatedTime")
        told = f"at the latest on {str(when)[:16]} UTC (AWS does not say by whom)" if when else None
        return Reading(value=limit or None, parts={"budget": found}, url=f"{_CONSOLE}{name}", changed_by=told)

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the CreateBudget or UpdateBudget that is needed, or None when the budget is as the change wants it."""
        payer, _ = _key(change)
        budget = reading.parts.get("budget")
        if change.is_creation:
            return (
                None
                if budget
                else Write(1, "create the budget", "POST", f"budgets:{_CREATE}", _creation(change, payer, self._alarms))
            )
        if same(reading.value, change.after):
            return None
        kept = {name: value for name, value in (budget or {}).items() if name not in _COMPUTED}
        unit = (kept.get("BudgetLimit") or {}).get("Unit", "USD")
        new = {**kept, "BudgetLimit": {"Amount": change.after, "Unit": unit}}
        return Write(1, "set the limit", "POST", f"budgets:{_UPDATE}", {"AccountId": payer, "NewBudget": new})

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return what the budget holds otherwise than asked for."""
        wanted = change.values["limit"] if change.is_creation else change.after
        if reading.parts.get("budget") is None:
            return "there is no such budget"
        return None if same(reading.value, plain_number(wanted)) else f"limit holds {reading.value!r}"

    def send(self, write: Write) -> Answer:
        """Send one operation, once. Raises VendorError."""
        if self._writer is None:
            raise ConfigurationError("Nothing is written to aws by this command. Run `handoff apply PLAN` to write.")
        operation = write.path.partition(":")[2]
        name = "create_budget" if operation == _CREATE else "update_budget"
        try:
            answer = self._writer.call("budgets", name, **write.body)
        except Exception as error:
            raise _in_words(error, operation) from error
        budget = write.body.get("Budget") or write.body["NewBudget"]
        return Answer((answer.get("ResponseMetadata") or {}).get("RequestId"), budget["BudgetName"])

    def _budgets(self, payer: str) -> list[Json]:
        try:
            pages = self._reader.pages("budgets", "describe_budgets", "NextToken", AccountId=payer, MaxResults=100)
            return [budget for page in pages for budget in page.get("Budgets") or []]
        except Exception as error:
            if error_code(error) in NO_BUDGETS:
                return []  # AWS says so of an account that has none
            raise _in_words(error, "DescribeBudgets") from error


def _key(change: Change) -> tuple[str, str]:
    """Return the payer account and the name of the budget that a change is about."""
    payer, _, name = str(change.natural_key if change.is_creation else change.record_id).partition("/")
    return payer, name


def _accounts(budget: Json) -> list[str] | None:
    found = (budget.get("CostFilters") or {}).get("LinkedAccount")
    return list(found) if found else None


def _creation(change: Change, payer: str, alarms: dict[str, float]) -> Json:
    values = change.values
    return {
        "AccountId": payer,
        "Budget": {
            "BudgetName": values["budget_name"],
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": values["limit"], "Unit": values["currency"]},
            "CostFilters": {"LinkedAccount": [values["account_id"]]},
            # as the reports count: credits and refunds hide what was used
            "CostTypes": {"IncludeCredit": False, "IncludeRefund": False},
        },
        "NotificationsWithSubscribers": [
            {
                "Notification": {
                    "NotificationType": kind,
                    "ComparisonOperator": "GREATER_THAN",
                    "Threshold": threshold,
                    "ThresholdType": "PERCENTAGE",
                },
                "Subscribers": [{"SubscriptionType": "EMAIL", "Address": values["alert_email"]}],
            }
            for kind, threshold in alarms.items()
        ],
    }


def _model_objection(operation: str, body: Json) -> str | None:
    from botocore.validate import ParamValidator  # noqa: PLC0415 - a tenth of a second, and only where AWS is written to

    report = ParamValidator().validate(body, _model().operation_model(operation).input_shape)
    if report.has_errors():
        return f"AWS would refuse this budget: {' '.join(report.generate_report().split())}"
    name = body["Budget"]["BudgetName"]
    if re.search(_model().shape_for("BudgetName").metadata["pattern"].replace("(?i)", ""), name) is None:
        return f"AWS would refuse the name {name!r}"
    return None


@cache
def _model() -> Any:
    from botocore.loaders import Loader  # noqa: PLC0415 - as above
    from botocore.model import ServiceModel  # noqa: PLC0415

    return ServiceModel(Loader().load_service_model("budgets", "service-2"))


def _in_words(error: Exception, operation: str) -> Exception:
    """Return what boto3 raised as a sentence; any other error as it is."""
    code = error_code(error)
    if not code:
        return error
    words = str(getattr(error, "response", {}).get("Error", {}).get("Message", ""))[:200].rstrip(".")
    said = f"{code}{f': {words}' if words else ''}"
    if code in FORBIDDEN:
        return Forbidden(
            f"AWS does not let this identity do {operation} ({said}). Allow budgets:ViewBudget and, to the keys for writing, "
            "budgets:ModifyBudget."
        )
    return Refused(f"AWS declined {operation} ({said}).", status=400, answer=getattr(error, "response", {}).get("Error"))
