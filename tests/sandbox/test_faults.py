"""Faults hit the calls they are meant for, once, always or in the n-th place; they do what they say; and they count."""

from __future__ import annotations

import contextlib
from email.utils import parsedate_to_datetime

import httpx
import pytest
import serving

from pipelines import clock
from pipelines.errors import (
    DeadlineExceeded,
    Forbidden,
    GarbageAnswer,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from pipelines.sandbox.faults import KINDS, OCCURRENCES, Fault, fault_from
from pipelines.settings import VENDORS
from pipelines.transport import Transport

DEALS = "/crm/objects/2026-09/deals"
ONE = f"{DEALS}/1001"

server = serving.server


@pytest.fixture
def sandbox(server):
    assert httpx.post(f"{server.url}/_control/reset", trust_env=False).status_code == 200
    return server


@pytest.fixture
def client(sandbox):
    with sandbox.client("hubspot") as opened:
        yield opened


def prepare(sandbox, kind, **more):
    answer = httpx.post(f"{sandbox.url}/_control/faults", json={"kind": kind} | more, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()["faults"][0]["id"]


def faults(sandbox):
    return httpx.get(f"{sandbox.url}/_control/faults", trust_env=False).json()["faults"]


def hits(sandbox):
    return [fault["hits"] for fault in faults(sandbox)]


def statuses(client, times, path=ONE):
    return [client.get(path).status_code for _ in range(times)]


# Which calls


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"occurrence": "first"}, [500, 200, 200, 200]),
        ({"occurrence": "nth", "n": 3}, [200, 200, 500, 200]),
        ({"occurrence": "count", "n": 2}, [500, 500, 200, 200]),
        ({"occurrence": "from", "n": 3}, [200, 200, 500, 500]),
        ({"occurrence": "every"}, [500, 500, 500, 500]),
        ({}, [500, 200, 200, 200]),
    ],
    ids=str,
)
def test_an_occurrence_says_which_of_the_fitting_calls_is_hit(sandbox, client, choice, expected):
    prepare(sandbox, "500", vendor="hubspot", **choice)
    assert statuses(client, 4) == expected
    [fault] = faults(sandbox)
    assert (fault["fitting_calls"], fault["hits"]) == (4, expected.count(500))


def test_a_fault_passes_by_other_vendors_methods_paths_and_reads(sandbox, client):
    prepare(sandbox, "503", vendor="github", occurrence="every")
    prepare(sandbox, "503", vendor="hubspot", method="DELETE", occurrence="every")
    prepare(sandbox, "503", vendor="hubspot", path=r"/companies(/|$)", occurrence="every")
    prepare(sandbox, "503", vendor="hubspot", writes_only=True, occurrence="every")
    assert client.get(DEALS).status_code == 200
    assert client.post(f"{DEALS}/search", json={}).status_code == 200
    assert hits(sandbox) == [0, 0, 0, 0]
    assert client.get("/crm/objects/2026-09/companies").status_code == 503
    assert client.patch(ONE, json={"properties": {"amount": "1"}}).status_code == 503
    assert sandbox.reader("github").get("/rate_limit").status_code == 503
    assert hits(sandbox) == [1, 0, 1, 1]
    assert sandbox.state.hubspot.objects["deals"]["1001"].properties["amount"] == "24000"


def test_the_first_fault_that_is_due_hits_and_all_count_the_call(sandbox, client):
    prepare(sandbox, "500", occurrence="nth", n=2)
    prepare(sandbox, "503", occurrence="every")
    assert statuses(client, 3) == [503, 500, 503]
    assert hits(sandbox) == [1, 2]
    assert [fault["fitting_calls"] for fault in faults(sandbox)] == [3, 3]


def test_a_fault_that_was_never_hit_can_be_seen_and_cleared(sandbox, client):
    prepare(sandbox, "500", path="/never-asked")
    assert client.get(ONE).status_code == 200
    assert hits(sandbox) == [0]
    httpx.delete(f"{sandbox.url}/_control/faults", trust_env=False)
    assert faults(sandbox) == []


def test_several_faults_can_be_prepared_in_one_call(sandbox, client):
    answer = httpx.post(f"{sandbox.url}/_control/faults", json=[{"kind": "500"}, {"kind": "502"}], trust_env=False)
    assert len({fault["id"] for fault in answer.json()["faults"]}) == 2


def test_an_aws_fault_is_chosen_by_operation(sandbox):
    prepare(sandbox, "429", vendor="aws", path="/GetCostAndUsage$", occurrence="every")
    for operation, expected in (("AWSInsightsIndexService.GetCostAndUsage", 1), ("AWSInsightsIndexService.GetCostForecast", 1)):
        httpx.post(f"{sandbox.url}/aws", headers={"X-Amz-Target": operation}, content="{}", trust_env=False)
        assert hits(sandbox) == [expected]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "No fault is called"),
        ({"kind": "500", "vendor": "trello"}, "no vendor 'trello'"),
        ({"kind": "500", "occurrence": "sometimes"}, "occurrence is one of"),
        ({"kind": "500", "path": "("}, "regular expression"),
        ({"kind": "500", "n": "two"}, "n is a number"),
        ({"kind": "500", "hits": 3}, "has no 'hits'"),
        ("500", "A fault is an object"),
    ],
    ids=str,
)
def test_a_fault_that_is_not_understood_is_refused_with_a_reason(given, words):
    with pytest.raises(ValueError, match=words):
        fault_from(given)


# What they do


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("kind", "error"), [("401", Unauthorized), ("429", RateLimited), ("503", Unavailable), ("html_200", GarbageAnswer)]
)
def test_handoff_understands_each_vendors_way_to_fail(sandbox, vendor, kind, error):
    prepare(sandbox, kind, vendor=vendor, occurrence="every")
    with sending(sandbox, vendor) as ask, pytest.raises(error):
        ask("POST" if vendor == "aws" else "GET", "/")
    assert hits(sandbox)[0] > 0


@pytest.mark.parametrize("vendor", ["hubspot", "airtable", "github"])
def test_a_missing_permission_is_told_in_the_vendors_way(sandbox, vendor):
    prepare(sandbox, "403", vendor=vendor)
    with sending(sandbox, vendor) as ask, pytest.raises(Forbidden):
        ask("GET", "/")
    assert hits(sandbox) == [1]


@contextlib.contextmanager
def sending(sandbox, vendor="hubspot", **options):
    transport = Transport(vendor, base_url=f"{sandbox.url}/{vendor}", sleep=lambda _: None, **options)

    def ask(method, path, **more):
        headers = {"Authorization": "Bearer sandbox-write-token"}
        return transport.request(method, f"{sandbox.url}/{vendor}{path}", headers=headers, **more)

    try:
        yield ask
    finally:
        transport.close()


# Every fault that another try survives: two faulty answers, then the true one.
SURVIVED = ("429", "500", "502", "503", "reset", "cut_body", "cut_body_unknown_length", "html_200", "empty_200", "null_200", "errors_200",
            "malformed_json")  # fmt: skip


@pytest.mark.parametrize("kind", SURVIVED)
def test_a_read_survives_two_faulty_answers(sandbox, kind):
    prepare(sandbox, kind, vendor="hubspot", occurrence="count", n=2)
    with sending(sandbox) as ask:
        assert len(ask("GET", DEALS).json()["results"]) == 10
    assert hits(sandbox) == [2]


@pytest.mark.parametrize("kind", SURVIVED)
def test_a_fault_that_stays_is_never_taken_for_an_answer(sandbox, kind):
    prepare(sandbox, kind, vendor="hubspot", occurrence="every")
    with sending(sandbox) as ask, pytest.raises(VendorError):
        ask("GET", DEALS)
    assert hits(sandbox) == [5]


@pytest.mark.parametrize("kind", ["hang", "slow"])
def test_silence_and_a_trickle_end_at_the_deadline(sandbox, kind):
    prepare(sandbox, kind, vendor="hubspot", occurrence="every")
    with sending(sandbox, deadline_seconds=0.6) as ask, pytest.raises(DeadlineExceeded):
        ask("GET", DEALS)
    assert hits(sandbox)[0] >= 1


def test_a_trickle_is_the_true_answer_for_who_has_the_patience(sandbox, client):
    prepare(sandbox, "slow", vendor="hubspot", seconds=0)
    assert client.get(ONE).json()["id"] == "1001"


def test_a_hang_ends_with_a_closed_connection_after_its_seconds(sandbox, client):
    prepare(sandbox, "hang", vendor="hubspot", seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(ONE)


@pytest.mark.parametrize("seconds", [0, 30])
def test_a_write_whose_answer_is_lost_was_carried_out_once(sandbox, client, seconds):
    prepare(sandbox, "commit_then_timeout", vendor="hubspot", writes_only=True, seconds=seconds)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadTimeout)):
        client.patch(ONE, json={"properties": {"amount": "77"}}, timeout=1)
    assert hits(sandbox) == [1]
    assert client.get(ONE).json()["properties"]["amount"] == "77"
    history = client.get(ONE, params={"propertiesWithHistory": "amount"}).json()["propertiesWithHistory"]["amount"]
    assert [entry["value"] for entry in history].count("77") == 1


def test_a_write_that_is_refused_by_a_fault_was_not_carried_out(sandbox, client):
    prepare(sandbox, "500", vendor="hubspot", method="PATCH")
    assert client.patch(ONE, json={"properties": {"amount": "78"}}).status_code == 500
    assert client.get(ONE).json()["properties"]["amount"] == "24000"


@pytest.mark.parametrize(
    ("more", "headers", "policy"),
    [({}, None, "SECONDLY"), ({"retry_after": 7}, "7", "SECONDLY"), ({"policy": "DAILY"}, None, "DAILY")],
    ids=str,
)
def test_a_limit_comes_with_or_without_retry_after(sandbox, client, more, headers, policy):
    prepare(sandbox, "429", vendor="hubspot", **more)
    answer = client.get(ONE)
    assert answer.status_code == 429
    assert answer.headers.get("retry-after") == headers
    assert answer.json()["policyName"] == policy


def test_a_page_comes_again_with_its_cursor(sandbox, client):
    prepare(sandbox, "page_again", vendor="hubspot", path="/deals$", occurrence="count", n=3)
    first = client.get(DEALS, params={"limit": 2}).json()
    after = first["paging"]["next"]["after"]
    again = [client.get(DEALS, params={"limit": 2, "after": after}).json() for _ in range(3)]
    assert again[:2] == [first, first]
    assert again[2] != first
    assert hits(sandbox) == [3]
    assert "remembered" not in faults(sandbox)[0]


def test_the_rows_of_a_page_come_again_before_those_of_the_next(sandbox, client):
    pages = [client.get(DEALS, params={"limit": 2}).json()]
    pages.append(client.get(DEALS, params={"limit": 2, "after": pages[0]["paging"]["next"]["after"]}).json())
    prepare(sandbox, "rows_again", vendor="hubspot", path="/deals$", occurrence="every")
    assert client.get(DEALS, params={"limit": 2}).json() == pages[0]
    second = client.get(DEALS, params={"limit": 2, "after": pages[0]["paging"]["next"]["after"]}).json()
    assert second["results"] == pages[0]["results"] + pages[1]["results"]
    assert second["paging"] == pages[1]["paging"]


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_a_vendors_clock_goes_wrong_and_its_answer_stays_true(sandbox, client, seconds):
    whole = client.get(ONE).json()
    prepare(sandbox, "clock_skew", vendor="hubspot", seconds=seconds)
    before = clock.now()
    answer = client.get(ONE)
    assert answer.json() == whole
    [told] = answer.headers.get_list("date")
    offset = (parsedate_to_datetime(told) - before).total_seconds()
    assert abs(offset - seconds) < 3600


def test_an_answer_of_any_kind_can_be_prepared(sandbox, client):
    prepare(sandbox, "answer", vendor="hubspot", status=423, body={"message": "locked"}, retry_after=2)
    answer = client.get(ONE)
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (423, {"message": "locked"}, "2")


def test_after_a_broken_connection_the_same_client_goes_on(sandbox, client):
    for kind in ("reset", "cut_body", "cut_body_unknown_length"):
        prepare(sandbox, kind, vendor="hubspot")
        with contextlib.suppress(httpx.HTTPError, ValueError):
            client.get(ONE).json()
        assert client.get(ONE).json()["id"] == "1001"
    assert hits(sandbox) == [1, 1, 1]


def test_a_spoiled_answer_is_half_of_the_true_one(sandbox, client):
    whole = client.get(ONE).content
    prepare(sandbox, "malformed_json", vendor="hubspot")
    spoiled = client.get(ONE)
    assert spoiled.status_code == 200
    assert spoiled.content == whole[: len(spoiled.content)]
    prepare(sandbox, "cut_body_unknown_length", vendor="hubspot")
    assert client.get(ONE).content == whole[: len(whole) // 2]


def test_the_log_names_the_fault_that_hit(sandbox, client):
    prepare(sandbox, "502", vendor="hubspot")
    statuses(client, 2)
    assert [(entry["status"], entry.get("fault")) for entry in sandbox.world.requests] == [(502, "502"), (200, None)]


def test_every_kind_and_occurrence_is_described_in_the_documentation():
    from conftest import PROJECT

    text = (PROJECT / "docs/sandbox.md").read_text()
    for word in (*KINDS, *OCCURRENCES, *(set(Fault.__dataclass_fields__) - {"id", "fitting_calls"})):
        assert f"`{word}`" in text, word


def test_a_hanging_caller_does_not_hold_up_the_others(sandbox, client):
    prepare(sandbox, "hang", vendor="hubspot", path="/1001$", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        client.get(ONE, timeout=0.2)
    assert client.get(f"{DEALS}/1002", timeout=10).status_code == 200
