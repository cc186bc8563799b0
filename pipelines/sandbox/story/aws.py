"""The invented AWS payer: accounts, their daily costs, forecasts and budgets."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pipelines.sandbox.state import AwsState, Json
from pipelines.sandbox.story.calendar import days_between

PAYER: Final = "999900001111"
FIRST_DAY: Final = "2026-08-01"
LAST_DAY: Final = "2026-11-15"
# AWS marks every day of a month as estimated until the month is invoiced.
_ESTIMATED_FROM: Final = "2026-11-01"
# Alerts of the whole bill also go where programs listen.
_TOPIC: Final[Json] = {"SubscriptionType": "SNS", "Address": f"arn:aws:sns:us-east-1:{PAYER}:bill-alerts"}
_DAYS_LEFT: Final = 15  # 16 to 30 November
_SERVICES: Final = (
    ("Amazon Elastic Compute Cloud - Compute", Decimal("0.7")),
    ("Amazon Elastic File System", Decimal("0.3")),
)


def account_id(deal_id: str, number: int = 1) -> str:
    """Return a twelve-digit account id that contains the deal it was opened for."""
    return f"2222{deal_id:0>6}{number:02d}"


@dataclass(frozen=True)
class Spend:
    """What an account uses each day from one date to another."""

    per_day: str
    first: str = FIRST_DAY
    last: str = LAST_DAY


@dataclass
class Payer:
    """Collects accounts, costs and budgets of the story."""

    accounts: list[Json] = field(default_factory=lambda: [{"Id": PAYER, "Name": "Example organisation", "Status": "ACTIVE"}])
    costs: list[Json] = field(default_factory=list)
    forecasts: list[Json] = field(default_factory=list)
    budgets: dict[str, list[Json]] = field(default_factory=dict)
    notifications: dict[str, list[Json]] = field(default_factory=dict)

    def account(
        self, account: str, name: str, *spends: Spend, missing_days: tuple[str, ...] = (), status: str = "ACTIVE"
    ) -> None:
        """Add an account with its usage; a missing day has no rows at all, which is not a day without cost."""
        self.accounts.append({"Id": account, "Name": name, "Status": status})
        for spend in spends:
            for day in days_between(spend.first, spend.last):
                if day in missing_days:
                    continue
                for service, share in _SERVICES:
                    self.charge(day, account, "Usage", Decimal(spend.per_day) * share, service=service)
        current = Decimal(spends[-1].per_day) if spends and spends[-1].last == LAST_DAY else Decimal(0)
        if current:
            self._forecast(account, current * _DAYS_LEFT)

    def _forecast(self, account: str | None, mean: Decimal) -> None:
        amounts = {"mean": mean, "low": mean * Decimal("0.9"), "high": mean * Decimal("1.1")}
        self.forecasts.append({"account": account} | {key: f"{value:.10f}" for key, value in amounts.items()})

    def charge(self, day: str, account: str, record_type: str, amount: Decimal, *, service: str) -> None:
        """Add one cost row; credits and refunds are negative."""
        self.costs.append(
            {
                "day": day,
                "account": account,
                "service": service,
                "record_type": record_type,
                "amount": f"{amount:.10f}",
                "estimated": day >= _ESTIMATED_FROM,
            }
        )

    def budget(
        self, name: str, limit: str, actual: str, forecast: str, *, account: str | None = None, auto_adjusting: bool = False
    ) -> None:
        """Add a monthly cost budget that the payer keeps, for one linked account or for the whole bill."""
        # 2026-11-15 18:00 UTC, when Budgets last looked; AWS sends instants as seconds since 1970
        looked_at = 1794765600.0
        shape: Json = {
            "BudgetName": name,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": limit, "Unit": "USD"},
            "CostFilters": {"LinkedAccount": [account]} if account else {},
            "CostTypes": {"IncludeTax": False, "IncludeCredit": False, "IncludeRefund": False, "UseBlended": False},
            "TimePeriod": {"Start": 1704067200.0, "End": 3706473600.0},
            "CalculatedSpend": {
                "ActualSpend": {"Amount": actual, "Unit": "USD"},
                "ForecastedSpend": {"Amount": forecast, "Unit": "USD"},
            },
            "LastUpdatedTime": looked_at,
        }
        if auto_adjusting:
            shape["AutoAdjustData"] = {
                "AutoAdjustType": "HISTORICAL",
                "HistoricalOptions": {"BudgetAdjustmentPeriod": 3, "LookBackAvailablePeriods": 3},
                "LastAutoAdjustTime": 1793491200.0,  # 2026-11-01
            }
        self.budgets.setdefault(PAYER, []).append(shape)
        # A budget that follows the spend warns of the forecast; a fixed one also tells how much of it is gone.
        alarms = [("FORECASTED", 120.0, Decimal(forecast))]
        if not auto_adjusting:
            alarms += [("ACTUAL", 80.0, Decimal(actual)), ("ACTUAL", 100.0, Decimal(actual))]
        self.notifications.setdefault(PAYER, []).extend(
            {
                "BudgetName": name,
                "Notification": {
                    "NotificationType": kind,
                    "ComparisonOperator": "GREATER_THAN",
                    "Threshold": percentage,
                    "ThresholdType": "PERCENTAGE",
                    "NotificationState": "ALARM" if amount * 100 > Decimal(limit) * int(percentage) else "OK",
                },
                "Subscribers": [
                    {"SubscriptionType": "EMAIL", "Address": f"support+{name}@example.org"},
                    *([_TOPIC] if account is None else []),
                ],
            }
            for kind, percentage, amount in alarms
        )

    def state(self) -> AwsState:
        """Return the payer as the sandbox serves it; the bill's own forecast is the sum of its accounts'."""
        if not any(row["account"] is None for row in self.forecasts):
            self._forecast(None, sum((Decimal(row["mean"]) for row in self.forecasts), Decimal(0)))
        return AwsState(
            payer_account_id=PAYER,
            accounts=self.accounts,
            costs=sorted(self.costs, key=lambda row: (row["day"], row["account"], row["service"], row["record_type"])),
            forecasts=self.forecasts,
            budgets=self.budgets,
            notifications=self.notifications,
        )
