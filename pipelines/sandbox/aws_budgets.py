"""Budgets of the sandbox that are kept: created, shown, given another limit. Lists and notifications are read in ``aws.py``.

Evidence: botocore's service model for shapes, bounds and the names of errors; the API reference for when each is given: a name exists
once in an account (DuplicateRecordException), an account has at most 20,000 budgets (CreationLimitExceededException), a budget that
follows the spend takes no limit of its own. Words of errors are inferred.
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from pipelines import clock
from pipelines.sandbox.aws_costs import AwsError

if TYPE_CHECKING:
    from pipelines.sandbox.world import World

Json = dict[str, Any]

_MOST_BUDGETS: Final = 20_000
_MOST_NOTIFICATIONS: Final = 10
_COMPUTED: Final = ("CalculatedSpend", "LastUpdatedTime", "HealthStatus")
# AWS fills these in where nobody gives them: from 2024 on in the story, until 2087
_DEFAULTS: Final[Json] = {"TimePeriod": {"Start": 1704067200.0, "End": 3706473600.0}, "CostFilters": {}}


def create_budget(world: World, body: Json) -> Json:
    """Keep a new budget with its notifications."""
    account_id, budget = _account(world, body), dict(body["Budget"])
    held = world.state.aws.budgets.setdefault(account_id, [])
    name = budget["BudgetName"]
    if any(known["BudgetName"] == name for known in held):
        raise AwsError("DuplicateRecordException", f"Error creating budget: {name} - the budget already exists.")
    if len(held) >= _MOST_BUDGETS:
        raise AwsError("CreationLimitExceededException", f"You have exceeded the maximum of {_MOST_BUDGETS} budgets.")
    notifications = body.get("NotificationsWithSubscribers") or []
    if len(notifications) > _MOST_NOTIFICATIONS:
        raise AwsError("CreationLimitExceededException", f"A budget has at most {_MOST_NOTIFICATIONS} notifications.")
    held.append(_kept(_DEFAULTS | budget, {"ActualSpend": {"Amount": "0", "Unit": _checked(budget)["Unit"]}}))
    world.state.aws.notifications.setdefault(account_id, []).extend(
        {
            "BudgetName": name,
            "Notification": {"ThresholdType": "PERCENTAGE", **row["Notification"], "NotificationState": "OK"},
            "Subscribers": row["Subscribers"],
        }
        for row in notifications
    )
    world.changed()
    return {}


def describe_budget(world: World, body: Json) -> Json:
    """Show one budget."""
    return {"Budget": _found(world, _account(world, body), body["BudgetName"])}


def update_budget(world: World, body: Json) -> Json:
    """Put another budget in the place of the one of its name; what was spent stays."""
    account_id, budget = _account(world, body), dict(body["NewBudget"])
    held = _found(world, account_id, budget["BudgetName"])
    if budget.get("AutoAdjustData") is None:
        _checked(budget)
    spend = held["CalculatedSpend"]
    held.clear()
    held.update(_kept(_DEFAULTS | budget, spend))
    world.changed()
    return {}


def _account(world: World, body: Json) -> str:
    """Return the account asked for: the identity keeps budgets of its own account."""
    account_id = str(body["AccountId"])
    if account_id != world.state.aws.payer_account_id:
        raise AwsError(
            "AccessDeniedException", f"Account {world.state.aws.payer_account_id} may not keep budgets of {account_id}."
        )
    return account_id


def _found(world: World, account_id: str, name: str) -> Json:
    for budget in world.state.aws.budgets.get(account_id, []):
        if budget["BudgetName"] == name:
            found: Json = budget
            return found
    raise AwsError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.")


def _checked(budget: Json) -> Json:
    """Return the limit of a budget. Raises InvalidParameterException for one that AWS does not take."""
    limit: Json = budget.get("BudgetLimit") or {}
    try:
        amount = Decimal(limit.get("Amount", ""))
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise AwsError("InvalidParameterException", "Budget limit amount must be greater than 0.")
    if limit.get("Unit") != "USD":
        raise AwsError("InvalidParameterException", "The unit of a cost budget of this account is USD.")
    return limit


def _kept(budget: Json, spend: Json) -> Json:
    """Return a budget as it is stored: what AWS computes is not taken from a request."""
    sent = {name: value for name, value in budget.items() if name not in _COMPUTED}
    return {**sent, "CalculatedSpend": spend, "LastUpdatedTime": clock.now().timestamp()}
