"""What programs ask the dashboard for: whether it can serve, and the reports as JSON and as a calendar.

They answer on the same address as the pages, to the same names, with the same headers: whoever may see the pages may read them.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from starlette.responses import Response
from starlette.routing import Route

from dashboards.login import is_on, person_of
from pipelines.calendars import as_calendar, check_dates
from pipelines.catalogue import REPORTS, report_named
from pipelines.errors import ConfigurationError, HandoffError
from pipelines.overviews import OVERVIEWS
from pipelines.reporting import current_snapshot
from pipelines.reports import Filters, as_json, not_evaluated, report_rows, set_aside
from pipelines.settings import load_settings
from pipelines.warehouse import NoSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from pipelines.report_shapes import Report
    from pipelines.warehouse import Snapshot

_JSON: Final = "application/json"
_CALENDAR: Final = "text/calendar; charset=utf-8"
# what is read is of this moment, and no page of another site may read it
_HEADERS: Final = {"cache-control": "no-store", "cross-origin-resource-policy": "same-origin"}
# says nothing that a log-in keeps
_HEALTH: Final = "/healthz"
_QUERY: Final = frozenset({"owner", "team", "severity", "since", "as_of"})


def _answer(content: Any, *, status: int = 200) -> Response:
    return Response(as_json(content) + "\n", status_code=status, media_type=_JSON, headers=_HEADERS)


def _saying(make: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Return the endpoint with errors as an answer in one sentence; starlette runs it in a thread of its own."""

    def endpoint(request: Request) -> Response:
        try:
            settings = load_settings()
            if is_on(settings) and request.url.path != _HEALTH and person_of(settings, request.headers.get("cookie", "")) is None:
                return _answer({"error": "Log in on the dashboard first; programs use `handoff report`."}, status=401)
            return make(request)
        except NoSnapshot as error:
            return _answer({"error": error.sentence}, status=503)
        except ConfigurationError as error:
            is_unknown = request.path_params.get("name", "") not in {"", *REPORTS, *OVERVIEWS}
            return _answer({"error": error.sentence}, status=404 if is_unknown else 400)
        except HandoffError as error:
            return _answer({"error": error.sentence}, status=503)
        except ValidationError:
            return _answer({"error": "A setting is not usable. `handoff doctor` says which."}, status=503)

    return endpoint


def _health(_: Request) -> Response:
    """Say whether the dashboard has a snapshot to show, of when it is, and how fresh each source is."""
    settings = load_settings()
    if is_on(settings):
        with current_snapshot(settings):
            return _answer({"status": "ok"})
    with current_snapshot(settings) as snapshot:
        [run] = snapshot.rows("select * from marts.rpt_run")
        sources = snapshot.rows("select source, status, last_complete_at from marts.rpt_sources order by source")
        return _answer(
            {
                "status": "ok",
                "snapshot": snapshot.run_id,
                "as_of_on": run["as_of_on"],
                "published_at": snapshot.published_at,
                "is_sandbox": run["is_sandbox"],
                "sources": {row["source"]: {name: row[name] for name in ("status", "last_complete_at")} for row in sources},
            }
        )


def _report_as_json(request: Request) -> Response:
    """Return a report's rows, with whose data it is and what could not be evaluated: an empty list alone would say too much."""
    report, filters, as_of = _asked(request)
    with current_snapshot(load_settings(), as_of) as snapshot:
        [run] = snapshot.rows("select * from marts.rpt_run")
        return _answer(
            {
                "report": report.name,
                "question": report.question,
                "snapshot": snapshot.run_id,
                "as_of_on": run["as_of_on"],
                "is_sandbox": run["is_sandbox"],
                "not_evaluated": not_evaluated(snapshot, report),
                "set_aside": set_aside(snapshot, report),
                "rows": report_rows(snapshot, report, filters),
            }
        )


def _report_as_calendar(request: Request) -> Response:
    """Return the dates of a report, for a calendar that subscribes to them."""
    report, filters, as_of = _asked(request)
    check_dates(report)
    with current_snapshot(load_settings(), as_of) as snapshot:
        [run] = snapshot.rows("select * from marts.rpt_run")
        content = as_calendar(
            [(report, report_rows(snapshot, report, filters))],
            _heading(snapshot, report),
            organisation=run["organisation_name"],
            is_sandbox=run["is_sandbox"],
            made_at=run["started_at"],
        )
    return Response(content, media_type=_CALENDAR, headers=_HEADERS)


def _heading(snapshot: Snapshot, report: Report) -> list[str]:
    return [f"Snapshot {snapshot.run_id}.", *not_evaluated(snapshot, report), *set_aside(snapshot, report)]


def _asked(request: Request) -> tuple[Report, Filters, date | None]:
    """Return the report, the filters and the day that an address names. Raises ConfigurationError, saying what may stand there."""
    query = request.query_params
    unknown = sorted(set(query) - _QUERY)
    if unknown:
        raise ConfigurationError(f"A report cannot be asked for by {unknown[0]!r}: use {', '.join(sorted(_QUERY))}.")
    severities = [word.strip() for words in query.getlist("severity") for word in words.split(",") if word.strip()]
    return (
        report_named(request.path_params["name"]),
        Filters(owner=query.get("owner"), team=query.get("team"), severities=severities, since=_day(query.get("since"))),
        _day(query.get("as_of")),
    )


def _day(words: str | None) -> date | None:
    if not words:
        return None
    try:
        return date.fromisoformat(words)
    except ValueError as error:
        raise ConfigurationError(f"{words!r} is no day. Write it as 2026-11-16.") from error


ROUTES: Final = (
    Route(_HEALTH, _saying(_health), methods=["GET"]),
    Route("/reports/{name}.json", _saying(_report_as_json), methods=["GET"]),
    Route("/reports/{name}.ics", _saying(_report_as_calendar), methods=["GET"]),
)
