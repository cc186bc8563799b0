"""Reports as a calendar: an event that fills the day for each date of a report, so that a calendar program can subscribe or import.

The form is that of RFC 5545 (https://www.rfc-editor.org/rfc/rfc5545). Dates are DATE values without a time or a zone: the day that an
agreement ends is the same day wherever somebody looks at it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from icalendar import Calendar, Event

from pipelines.catalogue import REPORTS
from pipelines.errors import ConfigurationError
from pipelines.overviews import OVERVIEWS
from pipelines.reports import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.report_shapes import Occasion, Report

Row = dict[str, Any]

_PRODUCT: Final = "-//handoff//handoff//EN"
_SANDBOX: Final = "[SANDBOX] "


def check_dates(report: Report) -> None:
    """Raise ConfigurationError when the report has no dates that could stand in a calendar."""
    if report.occasion is None:
        dated = ", ".join(name for name, known in (REPORTS | OVERVIEWS).items() if known.occasion is not None)
        raise ConfigurationError(
            f"The report {report.name} has no dates for a calendar. Choose another format, or one of {dated}."
        )


def as_calendar(
    parts: Iterable[tuple[Report, list[Row]]], heading: list[str], *, organisation: str, is_sandbox: bool, made_at: datetime
) -> bytes:
    """Return one calendar of all reports' dates. An event keeps its UID for as long as what it is about exists.

    Rows without a date are left out; rows about the same date of the same thing are one event.
    """
    mark = _SANDBOX if is_sandbox else ""
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"{mark}handoff: {printable(organisation)}")
    calendar.add("x-wr-caldesc", printable(" ".join(heading)))
    for (uid, words), rows in _events(parts).items():
        calendar.add_component(_event(uid, words, rows, mark=mark, made_at=made_at))
    content: bytes = calendar.to_ical()
    return content


def _events(parts: Iterable[tuple[Report, list[Row]]]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each event, under its UID and words, each row with its ``day``."""
    events: dict[tuple[str, str], list[Row]] = {}
    for report, rows in parts:
        occasion = report.occasion
        if occasion is None:
            continue
        for row in rows:
            day = row.get(occasion.date_column)
            if isinstance(day, date):
                events.setdefault((_uid(occasion, row), occasion.words), []).append({**row, "day": day})
    return events


def _uid(occasion: Occasion, row: Row) -> str:
    parts = [printable(str(row.get(name))) for name in occasion.key_columns]
    return "-".join([occasion.kind, *parts]) + "@handoff"


def _event(uid: str, words: str, rows: list[Row], *, mark: str, made_at: datetime) -> Event:
    row = rows[0]
    subject = printable(str(row.get("subject") or row.get("deal_name") or ""))
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", made_at.astimezone(UTC))
    event.add("dtstart", row["day"])
    event.add("dtend", row["day"] + timedelta(days=1))
    # a date to keep in mind, not one that makes anybody busy
    event.add("transp", "TRANSPARENT")
    event.add("summary", f"{mark}{words}: {subject}")
    lines = [f"{mark}The invented organisation, not real accounts."] if mark else []
    owner = row.get("owner") or row.get("deal_owner")
    lines += [f"Owner: {printable(owner)}"] if owner else []
    lines += [f"{printable(each['reason'])} To do: {printable(str(each['what_to_do']))}." for each in rows if each.get("reason")]
    event.add("description", "\n".join(dict.fromkeys(lines)))
    address = str(row.get("record_url") or "")
    if address.startswith("https://"):
        event.add("url", printable(address).replace(" ", "%20"))
    return event
