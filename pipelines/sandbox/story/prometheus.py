"""The users of hubs as a server has collected them: from February on, once a day shortly before midnight, three windows for each hub.

One hub fell out of use, one was collected by two pods for some days, one began in summer, and one belongs to nobody.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from pipelines.sandbox.state import PrometheusState
from pipelines.sandbox.story.calendar import TODAY

_FIRST: Final = date(2026, 2, 1)
_COLLECTED_AT: Final = time(23, 40, tzinfo=UTC)
# namespace, pod, first day, users of 30 days by the month
_HUBS: Final[tuple[tuple[str, str, date, dict[int, int]], ...]] = (
    ("fernhollow", "hub-7d9f", date(2026, 7, 1), {7: 6, 8: 38, 9: 44, 10: 52, 11: 47}),
    ("brackwater", "hub-55c8", _FIRST, {2: 118, 3: 121, 4: 130, 5: 97, 6: 64, 7: 41, 8: 39, 9: 126, 10: 131, 11: 128}),
    ("ironbark", "hub-0a1b", _FIRST, {2: 31, 3: 29, 4: 30, 5: 28, 6: 22, 7: 11, 8: 6, 9: 4, 10: 3, 11: 2}),
    ("quarrelstone", "hub-9e42", _FIRST, dict.fromkeys(range(2, 12), 15)),
    ("staging", "hub-11ff", _FIRST, dict.fromkeys(range(2, 12), 3)),
)
# the pod that was there before, until a few days into the new one's time
_RESTARTED: Final = ("brackwater", "hub-4b21", date(2026, 9, 25), date(2026, 9, 30))
_WINDOWS: Final = {"30d": 1.0, "7d": 0.45, "24h": 0.15}


def collected() -> PrometheusState:
    """Return the samples up to the story's day, the same at every call."""
    series = []
    for namespace, pod, first, users in _HUBS:
        days = [first + timedelta(days=number) for number in range((TODAY - first).days)]
        series += _windows(namespace, pod, [(day, users[day.month]) for day in days])
        if namespace == _RESTARTED[0]:
            _, old_pod, since, until = _RESTARTED
            # the window of the old one had not seen the last arrivals
            series += _windows(namespace, old_pod, [(day, users[day.month] - 5) for day in days if since <= day <= until])
    return PrometheusState(series)


def _windows(namespace: str, pod: str, users: list[tuple[date, int]]) -> list[dict[str, Any]]:
    return [
        {
            "metric": {
                "__name__": "jupyterhub_active_users",
                "job": "kubernetes-service-endpoints",
                "namespace": namespace,
                "period": window,
                "pod": pod,
            },
            "values": [
                [int(datetime.combine(day, _COLLECTED_AT).timestamp()), str(max(1, round(count * share)))] for day, count in users
            ],
        }
        for window, share in _WINDOWS.items()
    ]
