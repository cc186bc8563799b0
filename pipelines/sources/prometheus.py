"""Monthly or daily users of hubs by a server that speaks Prometheus's HTTP API (Prometheus, Thanos, Mimir, Grafana's proxy of one).

    GET <PROMETHEUS_URL>/api/v1/query_range   -> users: one number for each hub and complete day or month

Asked are the queries of map_usage_queries.csv, once for each of the PROMETHEUS_MONTHS complete months before the present one and, for
days, for the present one as well. A gauge of a window, such as JupyterHub's users of the last 30 days, is read at the end of the day or
month (UTC): there its window lies in the period. A hub without a sample has no data, which is not zero. What was read of a hub and
period stays when the server no longer has it; it keeps samples for a while only. Of a series nothing is kept but its number and the
label that names the hub: other labels may name people. An answer with warnings is a part of the truth and fails the source.
https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries and, for the metric of the shipped query,
https://jupyterhub.readthedocs.io/en/latest/reference/metrics.html
"""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pipelines import clock
from pipelines.errors import ConfigurationError, GarbageAnswer, Unavailable
from pipelines.redaction import hide
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.prometheus_queries import queries_of
from pipelines.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing
    from pipelines.sources.prometheus_queries import UsageQuery
    from pipelines.wire import RateBudgets

Json = dict[str, Any]

QUERY_PATH: Final = "/api/v1/query_range"
DAY: Final = timedelta(days=1)
_MOST_USERS: Final = 10**9
_KEY: Final = ("period_kind", "hub", "period_on")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_E_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# what is set aside is shown to people: a label may be anybody's name
_NOT_KEPT: Final = "not kept, because its labels may name a person"


@dataclass(frozen=True)
class Stretch:
    """Instants, a day apart, from ``first`` to ``last`` (both included): the ends of days of one month, or the end of that month."""

    first: datetime
    last: datetime


@dataclass(frozen=True)
class PrometheusClient:
    """A server and how to ask it."""

    transport: Transport
    headers: Mapping[str, str] = field(repr=False)
    months: int
    is_sandbox: bool

    def series(self, query: UsageQuery, stretch: Stretch) -> list[Json]:
        """Return what ``query`` gives over ``stretch``, as ``{metric, values}``. Raises VendorError: a part of it is no answer."""
        asked = {
            "query": query.promql,
            "start": _seconds(stretch.first),
            "end": _seconds(stretch.last),
            "step": DAY.days * 86_400,
        }
        url = f"{self.transport.base_url}{QUERY_PATH}"
        body = self.transport.request("GET", url, headers=self.headers, params=asked).json()
        if body.get("status") != "success" or body["data"].get("resultType") != "matrix":
            raise GarbageAnswer(
                f"Prometheus answered the query {query.query_key} with status {body.get('status')!r} and a result of type "
                f"{body['data'].get('resultType')!r}, where a matrix was asked for. Whatever was loaded before is kept; check its promql in "
                "map_usage_queries.csv and PROMETHEUS_URL, then run `handoff sync` again."
            )
        # isPartial is what VictoriaMetrics says where others have warnings
        if body.get("warnings") or body.get("isPartial"):
            said = "; ".join(map(str, body.get("warnings") or ["isPartial"]))
            raise Unavailable(
                f"Prometheus answered the query {query.query_key} in part only ({said[:200]}). Whatever was loaded before is kept; find out "
                "why the server lacks data, then run `handoff sync` again."
            )
        return [_sound_series(query, one) for one in body["data"]["result"]]

    def stretches(self, query: UsageQuery, as_of: date) -> list[Stretch]:
        """Return what is asked for ``query``, the newest first: only days and months that are over, by ``as_of`` and by UTC."""
        # the sandbox has the day of its story; elsewhere the organisation's day may have begun before that of UTC
        end_on = as_of if self.is_sandbox else min(as_of, clock.now().date())
        month_on = end_on.replace(day=1)
        found = []
        if query.period_kind == "day" and month_on < end_on:
            found.append(Stretch(_midnight(month_on + DAY), _midnight(end_on)))
        for _ in range(self.months):
            before_on = (month_on - DAY).replace(day=1)
            ends_at = _midnight(month_on)
            found.append(Stretch(_midnight(before_on + DAY) if query.period_kind == "day" else ends_at, ends_at))
            month_on = before_on
        return found


def open_prometheus(settings: Settings, *, sandbox_url: str | None, budget: RateBudgets | None = None) -> PrometheusClient:
    """Open the configured server for reading, or the sandbox's; nothing is asked yet. Raises ConfigurationError."""
    months = settings.prometheus_months
    if sandbox_url is not None:
        transport = Transport("prometheus", base_url=f"{sandbox_url}/prometheus", budget=budget)
        return PrometheusClient(transport, {"Authorization": f"Bearer {SANDBOX_TOKEN}"}, months, is_sandbox=True)
    base_url = (settings.prometheus_url or "").rstrip("/").removesuffix("/api/v1")
    if not base_url:
        raise ConfigurationError("PROMETHEUS_URL is not set, so nothing is read from Prometheus. Set it.")
    if urlsplit(base_url).username is not None:
        raise ConfigurationError(
            "PROMETHEUS_URL holds a user or password, which would be shown wherever the address is. Set PROMETHEUS_USERNAME and "
            "PROMETHEUS_PASSWORD instead."
        )
    transport = Transport("prometheus", base_url=base_url, budget=budget)
    return PrometheusClient(transport, _credentials(settings), months, is_sandbox=False)


def prometheus_rows(client: PrometheusClient, rules: Rules, *, as_of: date, landing: Landing) -> None:
    """Read the users of every hub and period. Raises VendorError: a failure is never "nobody"."""
    queries = queries_of(rules)
    told_by: dict[tuple[str, str, date], str] = {}
    for query in queries:
        found = _Found(query, told_by)
        stretches = client.stretches(query, as_of)
        for stretch in stretches:
            found.take(client.series(query, stretch), stretch)
        _check_that_not_all_is_gone(landing, found, stretches, is_sandbox=client.is_sandbox)
        landing.add("users", ({**row, "is_sandbox": client.is_sandbox} for row in found.rows()), key=_KEY)
        for reference, reason, payload in found.set_aside:
            landing.set_aside("users", reference, reason, payload)
    # the server forgets; a query that the table no longer has does not count any more
    keys = [query.query_key for query in queries]
    landing.keep("users", "query_key in (select unnest(?::varchar[])) and is_sandbox = ?", keys, client.is_sandbox)


class _Found:
    """What one query found: a number for each hub and period, and what does not count, with the reason."""

    def __init__(self, query: UsageQuery, told_by: dict[tuple[str, str, date], str]) -> None:
        """Share ``told_by``: which query told the users of a hub (as it is compared) and period."""
        self.query, self._told_by = query, told_by
        self.set_aside: list[tuple[str, str, str]] = []
        self.sample_count = 0
        self._counts: dict[tuple[str, date], set[int]] = {}
        self._without_hub = 0
        self._newest_on: date | None = None  # of the stretch that was asked for first
        self._is_newest_told = False

    def take(self, series: list[Json], stretch: Stretch) -> None:
        """Keep the numbers in one answer. Raises GarbageAnswer for samples of another time."""
        before = self.sample_count
        for one in series:
            hub = hub_of(self.query, one)
            if not hub:
                self._without_hub += 1
                self.sample_count += len(one["values"])
                continue
            for at, value in one["values"]:
                self._sample(hub, _period_on(self.query, stretch, at), value)
        if self._newest_on is None:
            self._newest_on, self._is_newest_told = (stretch.last - DAY).date(), self.sample_count > before

    def rows(self) -> Iterator[Json]:
        """Yield one row for each hub and period; name what said nothing, or two things."""
        label, key = self.query.hub_label, self.query.query_key
        for (hub, period_on), counts in self._counts.items():
            reference = f"{key}/{hub}/{period_on}"
            spot = (self.query.period_kind, hub.strip().lower(), period_on)
            if len(counts) > 1:
                self._put(
                    reference,
                    f"several series of {label} {hub!r} say {' and '.join(map(str, sorted(counts)))}; none counts, and a number that was "
                    f"read before stays. Add up or choose in promql, such as max by ({label}) (...)",
                    "",
                )
                continue
            first = self._told_by.setdefault(spot, reference)
            if first != reference:
                self._put(
                    reference, f"the users of this hub and {self.query.period_kind} were told already ({first})", str(*counts)
                )
            else:
                yield {
                    "query_key": key,
                    "hub": hub,
                    "period_kind": self.query.period_kind,
                    "period_on": period_on,
                    "user_count": next(iter(counts)),
                }
        if self._without_hub:
            self._put(
                key,
                f"{self._without_hub} of its series have no {label} that names a hub; they do not count. Aggregate by that label in "
                "promql, or correct hub_label in map_usage_queries.csv",
                _NOT_KEPT,
            )
        if not self.sample_count:
            self._put(key, "it found no sample at all: no hub has users by it. Try its promql at the server", self.query.promql)
        elif not self._is_newest_told:
            self._put(key, f"it found no sample in {self._newest_on:%B %Y}, the newest month: nobody knows its users", "")

    def _sample(self, hub: str, period_on: date, value: object) -> None:
        self.sample_count += 1
        try:
            count = _count(value)
        except ValueError as error:
            self._put(f"{self.query.query_key}/{hub}/{period_on}", str(error), str(value)[:40])
        else:
            self._counts.setdefault((hub, period_on), set()).add(count)

    def _put(self, reference: str, reason: str, payload: str) -> None:
        self.set_aside.append((reference, reason, payload))


def _check_that_not_all_is_gone(landing: Landing, found: _Found, stretches: list[Stretch], *, is_sandbox: bool) -> None:
    """Refuse the suspicious success: no sample at all where there were some. A metric that was renamed answers like that."""
    if found.sample_count:
        return
    first_on = (min(stretch.first for stretch in stretches) - DAY).date().replace(day=1)
    earlier = landing.earlier.tuples("users", "query_key", "is_sandbox", "period_on")
    known = [period_on for key, invented, period_on in earlier if (key, invented) == (found.query.query_key, is_sandbox)]
    if any(period_on >= first_on for period_on in known):
        raise GarbageAnswer(
            f"Prometheus has no sample any more for the query {found.query.query_key}, though users of {len(known)} hubs and periods were "
            "read by it before, so nothing was loaded. Look whether its metric still has that name and is still collected, correct promql "
            "in map_usage_queries.csv, and run `handoff sync` again."
        )


def hub_of(query: UsageQuery, series: Json) -> str:
    """Return the hub that a series is of, as it is written there; empty where it names none: an address is a person and no hub."""
    hub: str = series["metric"].get(query.hub_label, "")
    return "" if not hub.strip() or _E_MAIL.fullmatch(hub.strip()) else hub


def _sound_series(query: UsageQuery, one: Any) -> Json:
    """Return a series whose samples are pairs of time and value. Raises GarbageAnswer; those of histograms have other ones."""
    metric, values = (one.get("metric"), one.get("values")) if isinstance(one, dict) else (None, None)
    if (
        not isinstance(metric, dict)
        or not isinstance(values, list)
        or not all(isinstance(pair, list) and len(pair) == 2 and _is_number(pair[0]) for pair in values)
        or not isinstance(metric.get(query.hub_label, ""), str)
    ):
        raise GarbageAnswer(
            f"Prometheus answered the query {query.query_key} with a series that has no samples of the form [time, value], such as one of "
            "histograms. Whatever was loaded before is kept; correct its promql in map_usage_queries.csv so that it gives numbers."
        )
    return {"metric": metric, "values": values}


def _period_on(query: UsageQuery, stretch: Stretch, at: float) -> date:
    """Return the day, or the first day of the month, that ends at ``at``."""
    moment = datetime.fromtimestamp(at, UTC) if 0 <= at < 2**40 else None
    if moment is None or not stretch.first <= moment <= stretch.last or (moment - stretch.first) % DAY:
        raise GarbageAnswer(
            f"Prometheus sends its answers in a circle, or for times that nobody asked for: the query {query.query_key} from "
            f"{stretch.first:%Y-%m-%d} to {stretch.last:%Y-%m-%d} brought a sample of {at}. Whatever was loaded before is kept; run `handoff "
            "sync` again later."
        )
    ended_on = (moment - DAY).date()
    return ended_on if query.period_kind == "day" else ended_on.replace(day=1)


def _count(value: object) -> int:
    """Return a sample's value as a number of people; Prometheus sends it as text, NaN and +Inf among them. Raises ValueError."""
    # Python would take 1_000 and digits of other scripts for numbers
    number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else math.nan
    if not math.isfinite(number) or number < 0 or number > _MOST_USERS or number != int(number):
        raise ValueError(f"the value {str(value)[:40]!r} is not a number of people")
    return int(number)


def _credentials(settings: Settings) -> dict[str, str]:
    token, password, username = settings.prometheus_token, settings.prometheus_password, settings.prometheus_username
    if token is not None and password is not None:
        raise ConfigurationError(
            "PROMETHEUS_TOKEN and PROMETHEUS_PASSWORD are both set, and a server takes one of them. Unset the other one."
        )
    if (password is None) != (username is None):
        given, lacking = ("PASSWORD", "USERNAME") if username is None else ("USERNAME", "PASSWORD")
        raise ConfigurationError(f"PROMETHEUS_{given} is set and PROMETHEUS_{lacking} is not. Set both, or neither.")
    if token is not None:
        return {"Authorization": f"Bearer {token.get_secret_value()}"}
    if password is None:
        return {}  # a server behind a network of its own asks nobody
    pair = base64.b64encode(f"{username}:{password.get_secret_value()}".encode()).decode()
    hide([pair])
    return {"Authorization": f"Basic {pair}"}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
