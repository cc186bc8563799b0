"""What programs ask the dashboard for: health, and reports as JSON and as a calendar."""

from __future__ import annotations

import invented
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboards.endpoints import ROUTES
from pipelines.settings import PROJECT_ROOT


@pytest.fixture
def client():
    return TestClient(Starlette(routes=list(ROUTES)))


@pytest.fixture
def published(home):
    return invented.publish(home, invented.rows())


def test_health_says_which_snapshot_is_shown_of_when_and_how_fresh_each_source_is(client, published):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    content = answer.json()
    assert (content["status"], content["snapshot"], content["as_of_on"]) == ("ok", invented.RUN_ID, "2026-11-16")
    assert content["sources"]["hubspot"] == {"status": "complete", "last_complete_at": "2026-11-16T06:02:00+00:00"}
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_snapshot_health_is_not_well_and_says_what_to_run(client, home):
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "Run `handoff sync`" in answer.json()["error"]


def test_a_report_as_json_says_whose_it_is_and_holds_the_rows_that_were_asked_for(client, published):
    content = client.get("/reports/handoff-gaps.json", params={"severity": "blocker,high"}).json()
    assert (content["report"], content["is_sandbox"], content["as_of_on"]) == ("handoff-gaps", True, "2026-11-16")
    assert [row["severity"] for row in content["rows"]] == ["blocker", "high"]
    assert len(client.get("/reports/handoff-gaps.json").json()["rows"]) == 4
    assert client.get("/reports/handoff-gaps.json", params={"owner": "nobody"}).json()["rows"] == []


def test_an_empty_report_names_the_rules_that_nobody_could_evaluate(client, home):
    tables = invented.rows()
    tables["marts.fct_handoff_gaps"] = []
    for row in tables["marts.rpt_rule_evaluations"]:
        row.update(gate="not_evaluated", gate_reason="Airtable never loaded", mode="on")
    invented.publish(home, tables)
    content = client.get("/reports/handoff-gaps.json").json()
    assert content["rows"] == []
    assert any(sentence.startswith("NOT EVALUATED") for sentence in content["not_evaluated"])


def test_a_calendar_can_be_subscribed_to_and_its_events_say_that_they_are_invented(client, published):
    answer = client.get("/reports/renewals-due.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.text.startswith("BEGIN:VCALENDAR")
    assert "SUMMARY:[SANDBOX]" in answer.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/reports/nothing.json", 404, "no report"),
        ("/reports/budget-overruns.ics", 400, "has no dates for a calendar"),
        ("/reports/handoff-gaps.json?since=yesterday", 400, "is no day"),
        ("/reports/handoff-gaps.json?ownr=Ada", 400, "cannot be asked for by 'ownr'"),
        ("/reports/handoff-gaps.json?as_of=2020-01-01", 503, "There is no snapshot of 2020-01-01 or before"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_sentence(client, published, path, status, words):
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_nothing_can_be_written_through_an_endpoint(client, published):
    for path in ("/healthz", "/reports/handoff-gaps.json"):
        assert {client.request(method, path).status_code for method in ("POST", "PUT", "DELETE")} == {405}


def test_every_endpoint_is_documented():
    text = (PROJECT_ROOT / "docs/dashboard.md").read_text(encoding="utf-8")
    for route in ROUTES:
        assert route.path.replace("{name}", "NAME") in text
