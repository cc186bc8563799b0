"""Cost Explorer: what was spent each day, by account and service, and what the rest of the month will come to.

    ce GetDimensionValues, GetCostAndUsage            -> costs: daily, by linked account and service, once for each record type
    ce GetCostAndUsage                                -> cost_tags: daily, by linked account and tag value, likewise, for each tag key
    ce GetCostForecast                                -> cost_forecasts: the rest of the month, for the payer

It groups by two dimensions, so the record type (Usage, Credit, Tax, ...) is a filter and each of its values one query. A tag key is a
query of its own as well: grouped by two keys at once, a cost with both tags would come twice. Asked for are the keys that stand in
map_cost_tags.csv, and no others, because every page costs one US cent. Amounts stay the decimal text that AWS sends.
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import GarbageAnswer
from pipelines.sources.aws_answers import error_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.sources.aws import AwsClient
    from pipelines.sources.landing import Landing

Json = dict[str, Any]

METRIC: Final = "UnblendedCost"
# Cost Explorer has no forecast: too little history, or the day asked for has passed
_NO_FORECAST: Final = frozenset({"DataUnavailableException", "ValidationException"})


@dataclass(frozen=True)
class Window:
    """The days that are asked for: the first one, and the one after the last."""

    start_on: date
    end_on: date

    @property
    def period(self) -> Json:
        """The days as AWS is told them."""
        return {"Start": self.start_on.isoformat(), "End": self.end_on.isoformat()}


def window_before(as_of: date, months: int) -> Window:
    """Return the days before ``as_of``, from the first of the month so many full months before its own."""
    count = as_of.year * 12 + as_of.month - 1 - months
    return Window(date(count // 12, count % 12 + 1, 1), as_of)


def dimension_values(client: AwsClient, dimension: str, window: Window) -> list[Json]:
    """Return the values of a dimension that occur in the window."""
    pages = client.pages(
        "ce", "get_dimension_values", "NextPageToken", TimePeriod=window.period, Dimension=dimension, Context="COST_AND_USAGE"
    )
    return [value for page in pages for value in page["DimensionValues"]]


def read_costs(client: AwsClient, landing: Landing, payer: str, window: Window, tag_keys: list[str]) -> None:
    """Read the days of the window, which replace what is known of them; what is known of other days of this payer stays.

    Raises GarbageAnswer when nothing is left of a window in which there were costs.
    """
    for table in ("costs", "cost_tags"):
        landing.keep(table, "payer_account_id = ? and (usage_on < ? or usage_on >= ?)", payer, window.start_on, window.end_on)
    record_types = [value["Value"] for value in dimension_values(client, "RECORD_TYPE", window)]
    for record_type in record_types:
        for rows in _grouped(client, payer, window, record_type, {"Type": "DIMENSION", "Key": "SERVICE"}):
            services = ({**row, "service": group} for row, group in rows)
            landing.add("costs", services, key=("usage_on", "account_id", "service", "record_type"))
        for tag_key in tag_keys:
            for rows in _grouped(client, payer, window, record_type, {"Type": "TAG", "Key": tag_key}):
                values = ({**row, "tag_key": tag_key, "tag_value": _tag_value(tag_key, group)} for row, group in rows)
                landing.add("cost_tags", values, key=("usage_on", "account_id", "tag_key", "tag_value", "record_type"))
    if not record_types and _days_known(landing, payer, window):
        raise GarbageAnswer(
            f"Cost Explorer says that nothing was spent since {window.start_on}, though costs of these days were read before, so "
            "nothing was loaded from AWS. Look into Cost Explorer in the console, and run `handoff sync` again later."
        )


def _days_known(landing: Landing, payer: str, window: Window) -> int:
    known = landing.earlier.tuples("costs", "payer_account_id", "usage_on")
    return len({day for account, day in known if account == payer and window.start_on <= day < window.end_on})


def _grouped(client: AwsClient, payer: str, window: Window, record_type: str, by: Json) -> Iterator[Iterator[tuple[Json, str]]]:
    """Yield, page by page, the costs of one record type by day and linked account, each with its group of ``by``."""
    pages = client.pages(
        "ce",
        "get_cost_and_usage",
        "NextPageToken",
        TimePeriod=window.period,
        Granularity="DAILY",
        Metrics=[METRIC],
        GroupBy=[{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, by],
        Filter={"Dimensions": {"Key": "RECORD_TYPE", "Values": [record_type]}},
    )
    for page in pages:
        yield (_cost(payer, record_type, day, group) for day in page["ResultsByTime"] for group in day.get("Groups", []))


def _cost(payer: str, record_type: str, day: Json, group: Json) -> tuple[Json, str]:
    account_id, by = group["Keys"]
    cost = group["Metrics"][METRIC]
    row = {
        "payer_account_id": payer,
        "usage_on": day["TimePeriod"]["Start"],
        "account_id": account_id,
        "record_type": record_type,
        "amount": cost["Amount"],
        "currency": cost["Unit"],
        "is_estimated": day.get("Estimated", False),
    }
    return row, str(by)


def _tag_value(tag_key: str, group: str) -> str:
    """Return the value in a group such as ``community$fernhollow``; empty for what has no such tag (``community$``)."""
    if not group.startswith(f"{tag_key}$"):
        raise ValueError(f"the group {group!r} is not one of the tag {tag_key!r}")
    return group[len(tag_key) + 1 :]


def read_forecast(client: AwsClient, landing: Landing, payer: str, as_of: date) -> None:
    """Read what Cost Explorer expects of the rest of the month, with the interval in which four of five months end."""
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
