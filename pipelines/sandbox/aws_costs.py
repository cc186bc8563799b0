"""Cost Explorer of the sandbox: days, groups, filters, pages and the forecast, reckoned from the state at each call.

Evidence: the service model in botocore (shapes, errors, required parts) and
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html. Served are unblended costs by day or
month, by linked account, service, record type and tag; whatever else is asked for is answered 501 with its name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.sandbox.world import World

Json = dict[str, Any]

METRIC: Final = "UnblendedCost"
_METRIC_NAMES: Final = frozenset({METRIC, "UNBLENDED_COST"})
_DIMENSIONS: Final = {"LINKED_ACCOUNT": "account", "SERVICE": "service", "RECORD_TYPE": "record_type"}
_TAG: Final = "tag:"  # before a tag's key where columns are named
_UNIT: Final = "USD"
# AWS does not say how long its pages are; this keeps a demonstration to a few.
PAGE: Final = 5000


class AwsError(Exception):
    """An error of an AWS service by its type; ``status`` is 400 for nearly all of them."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep type, words and status."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def not_built(what: str) -> AwsError:
    """Return the error for something that AWS has and the sandbox has not."""
    return AwsError("NotImplemented", f"The handoff sandbox does not have {what}.", 501)


@dataclass(frozen=True)
class _Pages:
    """Cuts a list into pages; a token is good for the call that it was given to, and for no other."""

    operation: str
    body: Json
    token_name: str
    size: int
    broken_error: str
    changed_error: str

    def cut(self, entries: list[Any]) -> tuple[list[Any], Json]:
        """Return this call's entries, and the next page's token as the part of an answer. Raises AwsError."""
        start = self._start()
        end = start + self.size
        more = {self.token_name: self._token(end)} if end < len(entries) else {}
        return entries[start:end], more

    def _question(self) -> str:
        asked = {name: value for name, value in self.body.items() if name != self.token_name}
        return hashlib.sha256(json.dumps([self.operation, asked], sort_keys=True).encode()).hexdigest()[:24]

    def _token(self, start: int) -> str:
        return base64.urlsafe_b64encode(f"{self._question()}:{start}".encode()).decode()

    def _start(self) -> int:
        token = self.body.get(self.token_name)
        if token is None:
            return 0
        try:
            question, start = base64.urlsafe_b64decode(token.encode()).decode().split(":")
            position = int(start)
        except (ValueError, AttributeError, binascii.Error) as error:
            raise AwsError(self.broken_error, "The pagination token is invalid. Try again without one.") from error
        if question != self._question():
            words = "The request parameters changed between pages. Repeat the ones that the token was given for."
            raise AwsError(self.changed_error, words)
        return position


def pages(operation: str, body: Json, token_name: str, size: int, *, broken_error: str = "InvalidNextTokenException") -> _Pages:
    """Return what cuts the answers of one operation into pages of ``size``."""
    # Cost Explorer has an error of its own for a token that comes back with another question.
    changed_error = "RequestChangedException" if token_name.startswith("NextPage") else broken_error
    return _Pages(operation, body, token_name, max(1, size), broken_error, changed_error)


def get_cost_and_usage(world: World, body: Json) -> Json:
    """Answer GetCostAndUsage: the end of the period is exclusive; grouped answers have an empty Total."""
    periods = list(_periods(body, {"DAILY", "MONTHLY"}))
    for metric in body["Metrics"]:
        if metric not in _METRIC_NAMES:
            raise not_built(f"the metric {metric}; it has {METRIC}")
    keys = _group_keys(body.get("GroupBy", []))
    chosen = [row for row in world.state.aws.costs if _matches(body.get("Filter"), row)]
    estimated = {row["day"] for row in world.state.aws.costs if row["estimated"]}
    entries: list[tuple[Json, Json | None]] = []
    for (start, end), rows in zip(periods, _rows_by_period(periods, chosen), strict=True):
        head: Json = {
            "TimePeriod": {"Start": start, "End": end},
            "Total": {} if keys else {METRIC: _money(rows)},
            "Estimated": any(start <= day < end for day in estimated),
        }
        groups = _groups(rows, keys) if keys else []
        entries += [(head, group) for group in groups] or [(head, None)]
    size = world.limit("aws.page_size", PAGE)
    page, more = pages("GetCostAndUsage", body, "NextPageToken", size).cut(entries)
    results: list[Json] = []
    for head, group in page:
        if not results or results[-1]["TimePeriod"] != head["TimePeriod"]:
            results.append({**head, "Groups": []})
        if group is not None:
            results[-1]["Groups"].append(group)
    definitions = {"GroupDefinitions": body["GroupBy"]} if keys else {}
    return {
        **definitions,
        "ResultsByTime": results,
        "DimensionValueAttributes": _account_attributes(world, results, keys),
        **more,
    }


def get_dimension_values(world: World, body: Json) -> Json:
    """Answer GetDimensionValues: the values that occur in the period, accounts with their names."""
    column = _column(body["Dimension"])
    [(start, end)] = _periods({**body, "Granularity": "WHOLE"}, {"WHOLE"})
    search = body.get("SearchString", "").lower()
    found = sorted(
        {
            row[column]
            for row in world.state.aws.costs
            if start <= row["day"] < end and search in row[column].lower() and _matches(body.get("Filter"), row)
        }
    )
    size = min(body.get("MaxResults", PAGE), world.limit("aws.page_size", PAGE))
    page, more = pages("GetDimensionValues", body, "NextPageToken", size).cut(found)
    names = _account_names(world) if column == "account" else {}
    values = [{"Value": value, "Attributes": {"description": names[value]} if value in names else {}} for value in page]
    return {"DimensionValues": values, "ReturnSize": len(values), "TotalSize": len(found), **more}


def get_tags(world: World, body: Json) -> Json:
    """Answer GetTags: the keys that occur in the period, or with TagKey its values, of which an empty one is "no such tag"."""
    for part in ("Filter", "SortBy"):
        if body.get(part):
            raise not_built(f"GetTags with {part}")
    [(start, end)] = _periods({**body, "Granularity": "WHOLE"}, {"WHOLE"})
    rows = [row for row in world.state.aws.costs if start <= row["day"] < end]
    key, search = body.get("TagKey"), body.get("SearchString", "").lower()
    tags = {tag for row in rows for tag in row.get("tags", {})} if key is None else {_tag(row, key) for row in rows}
    found = sorted(tag for tag in tags if search in tag.lower())
    size = min(body.get("MaxResults", PAGE), world.limit("aws.page_size", PAGE))
    page, more = pages("GetTags", body, "NextPageToken", size).cut(found)
    return {"Tags": page, "ReturnSize": len(page), "TotalSize": len(found), **more}


def get_cost_forecast(world: World, body: Json) -> Json:
    """Answer GetCostForecast from what the state foresees for the rest of the month, evenly spread over its days."""
    if body["Metric"] not in _METRIC_NAMES:
        raise not_built(f"a forecast of {body['Metric']}; it has UNBLENDED_COST")
    periods = list(_periods(body, {"DAILY", "MONTHLY"}))
    today = world.state.today
    if periods[0][0] < today:
        raise AwsError("ValidationException", f"Start date must be on or after {today}: a forecast looks ahead.")
    month_end = _next_month(date.fromisoformat(today)).isoformat()
    rows = _foreseen(world, body.get("Filter"))
    if not rows or periods[-1][1] > month_end:
        raise AwsError("DataUnavailableException", "Insufficient amount of historical data to generate a forecast.")
    days = _days(today, month_end)
    sums = {name: sum((Decimal(row[name]) for row in rows), Decimal(0)) for name in ("mean", "low", "high")}
    wants_interval = body.get("PredictionIntervalLevel") is not None
    results = []
    for start, end in periods:
        share = Decimal(_days(start, end)) / days
        result: Json = {"TimePeriod": {"Start": start, "End": end}, "MeanValue": _amount(sums["mean"] * share)}
        if wants_interval:
            result["PredictionIntervalLowerBound"] = _amount(sums["low"] * share)
            result["PredictionIntervalUpperBound"] = _amount(sums["high"] * share)
        results.append(result)
    whole = Decimal(_days(periods[0][0], periods[-1][1])) / days
    return {"Total": {"Amount": _amount(sums["mean"] * whole), "Unit": _UNIT}, "ForecastResultsByTime": results}


def _foreseen(world: World, condition: Json | None) -> list[Json]:
    """Return the forecasts that add up to what was asked for; they are known by account only."""
    rows = world.state.aws.forecasts
    if not condition:
        return [row for row in rows if row["account"] is None]
    return [row for row in rows if row["account"] is not None and _matches(condition, row)]


def _periods(body: Json, granularities: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the days, months or the whole of TimePeriod, as (first day, day after the last)."""
    try:
        start, end = (date.fromisoformat(body["TimePeriod"][side][:10]) for side in ("Start", "End"))
    except ValueError as error:
        raise AwsError("ValidationException", "TimePeriod must have a Start and an End such as 2026-11-01.") from error
    if start >= end:
        raise AwsError("ValidationException", "Start date (and hour) should be before end date (and hour).")
    granularity = body["Granularity"]
    if granularity not in granularities:
        if granularity == "HOURLY":
            raise not_built("hourly costs")
        raise AwsError("ValidationException", f"Granularity must be DAILY or MONTHLY, not {granularity}.")
    while start < end:
        following = {"DAILY": start + timedelta(days=1), "MONTHLY": min(_next_month(start), end)}.get(granularity, end)
        yield start.isoformat(), following.isoformat()
        start = following


def _rows_by_period(periods: list[tuple[str, str]], rows: list[Json]) -> list[list[Json]]:
    starts = [start for start, _ in periods]
    found: list[list[Json]] = [[] for _ in periods]
    for row in rows:
        place = bisect_right(starts, row["day"]) - 1
        if place >= 0 and row["day"] < periods[place][1]:
            found[place].append(row)
    return found


def _group_keys(group_by: list[Json]) -> list[str]:
    if len(group_by) > 2:
        raise AwsError("ValidationException", "A request can be grouped by two dimensions at most.")
    keys = []
    for group in group_by:
        kind, key = group.get("Type"), str(group.get("Key"))
        if kind not in {"DIMENSION", "TAG"}:
            raise not_built(f"grouping by {kind}")
        keys.append(_column(key) if kind == "DIMENSION" else f"{_TAG}{key}")
    return keys


def _tag(row: Json, key: str) -> str:
    """Return the value of a tag, empty where a row has no such tag."""
    return str(row.get("tags", {}).get(key, ""))


def _group_value(row: Json, key: str) -> str:
    """Return what a row is grouped under; AWS puts a tag's key before its value."""
    if key.startswith(_TAG):
        name = key.removeprefix(_TAG)
        return f"{name}${_tag(row, name)}"
    return str(row[key])


def _groups(rows: list[Json], keys: list[str]) -> list[Json]:
    grouped: dict[tuple[str, ...], list[Json]] = {}
    for row in rows:
        grouped.setdefault(tuple(_group_value(row, key) for key in keys), []).append(row)
    return [{"Keys": list(values), "Metrics": {METRIC: _money(members)}} for values, members in sorted(grouped.items())]


def _matches(condition: Json | None, row: Json) -> bool:
    """Return whether a cost row fits a Filter. Raises AwsError for conditions that are not built."""
    if not condition:
        return True
    if len(condition) != 1:
        raise AwsError("ValidationException", "An Expression must have exactly one of And, Or, Not, Dimensions, Tags.")
    [(kind, content)] = condition.items()
    match kind:
        case "And" | "Or":
            if len(content) < 2:
                raise AwsError("ValidationException", f"{kind} must have at least two expressions.")
            results = [_matches(part, row) for part in content]
            return all(results) if kind == "And" else any(results)
        case "Not":
            return not _matches(content, row)
        case "Dimensions":
            return _fits(content, row)
        case "Tags":
            _refuse_options(content)
            if "day" not in row:
                raise not_built("a forecast by tag")
            return _tag(row, str(content.get("Key"))) in content.get("Values", [])
    raise not_built(f"filters by {kind}")


def _refuse_options(content: Json) -> None:
    options = set(content.get("MatchOptions", []))
    if not options <= {"EQUALS", "CASE_SENSITIVE"}:
        raise not_built(f"the match option {', '.join(sorted(options - {'EQUALS', 'CASE_SENSITIVE'}))}")


def _fits(content: Json, row: Json) -> bool:
    _refuse_options(content)
    column = _column(str(content.get("Key")))
    if column not in row:
        raise not_built(f"a forecast by {content.get('Key')}")
    return row[column] in content.get("Values", [])


def _column(dimension: str) -> str:
    if dimension not in _DIMENSIONS:
        raise not_built(f"the dimension {dimension}; it has {', '.join(_DIMENSIONS)}")
    return _DIMENSIONS[dimension]


def _account_attributes(world: World, results: list[Json], keys: list[str]) -> list[Json]:
    if "account" not in keys:
        return []
    names = _account_names(world)
    place = keys.index("account")
    shown = {group["Keys"][place] for result in results for group in result["Groups"]}
    return [{"Value": value, "Attributes": {"description": names[value]}} for value in sorted(shown) if value in names]


def _account_names(world: World) -> dict[str, str]:
    return {account["Id"]: account["Name"] for account in world.state.aws.accounts}


def _money(rows: Iterable[Json]) -> Json:
    return {"Amount": _amount(sum((Decimal(row["amount"]) for row in rows), Decimal(0))), "Unit": _UNIT}


def _amount(value: Decimal) -> str:
    """Return an amount with the ten decimal places of the bill's own files."""
    return f"{value:.10f}"


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _days(start: str, end: str) -> int:
    return (date.fromisoformat(end) - date.fromisoformat(start)).days
