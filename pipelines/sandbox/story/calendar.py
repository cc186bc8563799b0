"""The story's frozen date and how its days and instants are written."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

TODAY: Final = date(2026, 11, 16)  # a Monday
# An instant of a day unless the story needs another one: morning in Los Angeles, evening in Europe, the same date in both.
NOON: Final = "18:00:00.000Z"


def instant(day: str, time: str = NOON) -> str:
    """Return an ISO 8601 instant in UTC; a ``day`` that is one already stays as it is."""
    return day if "T" in day else f"{day}T{time}"


def shifted(day: str, days: int) -> str:
    """Return the date ``days`` after ``day`` (YYYY-MM-DD)."""
    return (date.fromisoformat(day[:10]) + timedelta(days=days)).isoformat()


def days_between(first: str, last: str) -> list[str]:
    """Return every date from ``first`` to ``last``, both included."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]
