"""The only module that asks the wall clock; everything else is given its times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(tz=UTC)


def today_in(timezone: str) -> date:
    """Return the organisation's present date in ``timezone`` (an IANA name)."""
    return now().astimezone(ZoneInfo(timezone)).date()
