"""AWS Budgets: the limits that an account keeps, what was spent of them, and who is told when.

    budgets DescribeBudgets                           -> budgets
    budgets DescribeBudgetNotificationsForAccount     -> budget_notifications
    budgets DescribeSubscribersForNotification        -> budget_subscribers, one call for each notification: AWS has no list of all

Addresses are keyed hashes (people.py), so that one can still see whether two budgets tell the same person, or nobody of ours.
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DescribeBudgets.html
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pipelines.sources.aws_answers import error_code
from pipelines.sources.people import email_hash

if TYPE_CHECKING:
    from pipelines.sources.aws import AwsClient
    from pipelines.sources.landing import Landing

Json = dict[str, Any]

NO_BUDGETS: Final = frozenset({"NotFoundException"})
_NOTIFICATION: Final = ("account_id", "budget_name", "notification_type", "comparison", "threshold", "threshold_type")
_NAMES_A_NOTIFICATION: Final = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")


def read_budgets(client: AwsClient, landing: Landing, account_id: str, as_of: date) -> None:
    """Read the budgets that one account keeps, and their notifications. An account without budgets has none: AWS says so."""
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
        return
    landing.add("budgets", (_budget_row(account_id, budget, as_of) for budget in budgets), key=("account_id", "name"))
    for item in notifications:
        for notification in item.get("Notifications") or []:
            row = _notification_row(account_id, item["BudgetName"], notification)
            landing.add("budget_notifications", [row], key=_NOTIFICATION)
            _read_subscribers(client, landing, row, notification)


def _read_subscribers(client: AwsClient, landing: Landing, row: Json, notification: Json) -> None:
    hashed = email_hash(client.settings)
    asked = {part: notification[part] for part in _NAMES_A_NOTIFICATION if part in notification}
    try:
        found = [
            subscriber
            for page in client.pages(
                *("budgets", "describe_subscribers_for_notification", "NextToken"),
                AccountId=row["account_id"],
                BudgetName=row["budget_name"],
                Notification=asked,
                MaxResults=100,
            )
            for subscriber in page.get("Subscribers") or []
        ]
    except Exception as error:
        if error_code(error) not in NO_BUDGETS:
            raise
        return  # it was deleted since it was listed
    landing.add(
        "budget_subscribers",
        (
            {
                **row,
                "subscription_type": subscriber.get("SubscriptionType"),
                "address": hashed(subscriber.get("Address")),
            }
            for subscriber in found
        ),
        key=(*_NOTIFICATION, "subscription_type", "address"),
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
