"""Every fault that was measured on the vendors' own clients: retried and right, or one clear sentence; never an empty answer."""

from __future__ import annotations

import gzip
import threading
import time
import tracemalloc
from datetime import UTC, datetime

import pytest
from misbehaving import Server, answer, cut_with_length, cut_without_length, hang, reset, slow_loris

from pipelines.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Forbidden,
    GarbageAnswer,
    HostRefused,
    NotFound,
    RateLimited,
    Refused,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from pipelines.transport import Transport
from pipelines.wire import MEGABYTE, RateBudget

GOOD = answer(200, {"results": [{"id": "1"}]})
TOKEN = "pat-na1-canary-0000"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
LIST = "/crm/objects/2026-09/deals"


class Pauses(list):
    """Stands for sleeping: writes down how long."""

    def __call__(self, seconds):
        self.append(seconds)


def open_transport(url, vendor="hubspot", **options):
    options.setdefault("sleep", Pauses())
    return Transport(vendor, base_url=url, **options)


def ask(server, *, path=LIST, vendor="hubspot", method="GET", options=None, **request):
    transport = open_transport(server.url, vendor, **(options or {}))
    try:
        return transport.request(method, f"{server.url}{path}", headers=HEADERS, **request), transport
    finally:
        transport.close()


FAULTS = {
    "429 with Retry-After": answer(429, {"policyName": "SECONDLY"}, retry_after="1"),
    "429 bare": answer(429, {}),
    "500": answer(500, {"message": "oops"}),
    "502 html": answer(502, "<html>bad gateway</html>", kind="text/html"),
    "503": answer(503, ""),
    "504": answer(504, ""),
    "reset": reset,
    "cut, length known": cut_with_length,
    "cut, no length": cut_without_length,
    "200 html": answer(200, "<html>log in</html>", kind="text/html"),
    "200 html that says it is json": answer(200, "<html>log in</html>"),
    "200 empty": answer(200, b""),
    "200 null": answer(200, "null"),
    "200 a bare word": answer(200, '"ok"'),
    "200 errors instead of data": answer(200, {"errors": [{"message": "no"}], "data": None}),
    "200 without results": answer(200, {"status": "error", "message": "try later"}),
    "200 broken gzip": answer(200, b"\x1f\x8bnot gzip", content_encoding="gzip"),
    "200 gzip cut": answer(200, gzip.compress(b'{"results": []}' * 500)[:-20], content_encoding="gzip"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_read_that_fails_twice_is_repeated_and_right(name):
    with Server([FAULTS[name], FAULTS[name], GOOD]) as server:
        found, transport = ask(server)
    assert found.json() == {"results": [{"id": "1"}]}
    assert (transport.request_count, transport.retry_count) == (3, 2)
    assert len(server.requests) == 3


@pytest.mark.parametrize("name", FAULTS)
def test_a_read_that_always_fails_ends_in_one_sentence_after_five_tries(name, record_property):
    with Server([FAULTS[name]]) as server, pytest.raises((RateLimited, Unavailable, GarbageAnswer)) as caught:
        ask(server)
    assert len(server.requests) == 5
    sentence = caught.value.sentence
    assert "HubSpot" in sentence
    assert "`handoff sync`" in sentence
    assert "\n" not in sentence
    assert TOKEN not in sentence
    record_property("most", ("a read that fails is tried", len(server.requests), "times"))


@pytest.mark.parametrize("name", FAULTS)
def test_a_write_is_never_sent_twice(name):
    with Server([FAULTS[name], GOOD]) as server, pytest.raises((RateLimited, Unavailable, GarbageAnswer)):
        ask(server, method="POST", path=f"{LIST}/batch/read", json={"inputs": []})
    assert len(server.requests) == 1


def test_a_post_that_only_reads_is_repeated_with_its_body():
    with Server([reset, GOOD]) as server:
        ask(server, method="POST", path=f"{LIST}/batch/read", json={"inputs": [1]}, idempotent=True)
    assert [request.body for request in server.requests] == [b'{"inputs":[1]}'] * 2


@pytest.mark.parametrize("fault", [hang, slow_loris], ids=["hang", "slow-loris"])
def test_a_vendor_that_never_finishes_is_left_at_the_deadline(fault, record_property):
    with Server([fault]) as server:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            ask(server, options={"deadline_seconds": 0.6})
        took = time.monotonic() - began
        assert 0.55 <= took < 0.9
        record_property("most", ("a call with a deadline of 0.6 s ends after", round(took, 2), "s"))
    assert "0.6 s" in caught.value.sentence


@pytest.mark.parametrize("fault", [hang, slow_loris], ids=["hang", "slow-loris"])
def test_a_vendor_that_hangs_once_is_asked_again_within_the_deadline(fault):
    with Server([fault, GOOD]) as server:
        found, _ = ask(server, options={"deadline_seconds": 3})
    assert found.json()["results"]


def test_a_write_that_hangs_is_given_the_whole_deadline_and_sent_once():
    with Server([hang]) as server, pytest.raises(DeadlineExceeded):
        ask(server, method="PATCH", json={}, options={"deadline_seconds": 0.3})
    assert len(server.requests) == 1


def test_a_compressed_bomb_stops_at_the_cap(record_property):
    bomb = gzip.compress(b" " * 200 * MEGABYTE)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    with Server([answer(200, bomb, content_encoding="gzip")]) as server, pytest.raises(TooLarge) as caught:
        ask(server, options={"max_bytes": 5 * MEGABYTE})
    grown = (tracemalloc.get_traced_memory()[1] - before) / MEGABYTE
    tracemalloc.stop()
    assert grown < 100
    record_property("most", ("200 MB in a compressed answer take", round(grown), "MB"))
    assert "5 MB" in caught.value.sentence
    assert len(server.requests) == 1


def test_a_large_body_stops_at_the_cap_and_a_smaller_one_passes():
    with Server([answer(200, b" " * (2 * MEGABYTE) + b'{"results": []}')]) as server:
        with pytest.raises(TooLarge):
            ask(server, options={"max_bytes": MEGABYTE})
        found, _ = ask(server, options={"max_bytes": 3 * MEGABYTE})
    assert found.json() == {"results": []}


def test_compressed_answers_are_read_members_and_all():
    whole = gzip.compress(b'{"results": ') + gzip.compress(b'[{"id": "1"}]' + b" " * (3 * MEGABYTE) + b"}")
    with Server([answer(200, whole, content_encoding="gzip")]) as server:
        found, _ = ask(server)
    assert found.json() == {"results": [{"id": "1"}]}


def test_a_redirect_to_another_host_does_not_get_the_token():
    with Server([GOOD]) as other, Server([answer(302, b"", location=f"{other.url}{LIST}")]) as server:
        with pytest.raises(HostRefused) as caught:
            ask(server)
        assert other.requests == []
    assert "token" in caught.value.sentence


def test_a_redirect_on_the_same_host_is_followed_for_reads_only():
    with Server([answer(301, b"", location="/moved/crm/objects/2026-09/deals"), GOOD]) as server:
        found, _ = ask(server)
        assert found.json()["results"]
        assert server.requests[1].path == "/moved/crm/objects/2026-09/deals"
    with Server([answer(307, b"", location=LIST), GOOD]) as server, pytest.raises(GarbageAnswer):
        ask(server, method="PATCH", json={})
    assert len(server.requests) == 1


def test_redirects_in_a_circle_end():
    with Server([answer(302, b"", location=LIST)]) as server, pytest.raises(GarbageAnswer):
        ask(server)
    assert len(server.requests) <= 5


def test_a_call_to_another_host_is_refused_before_it_is_made():
    with Server([GOOD]) as server, Server([GOOD]) as other:
        transport = open_transport(server.url)
        with pytest.raises(HostRefused):
            transport.request("GET", f"{other.url}{LIST}", headers=HEADERS)
        with pytest.raises(HostRefused):
            transport.request("GET", f"{server.url.replace('http:', 'https:')}{LIST}", headers=HEADERS)
        transport.close()
        assert server.requests == other.requests == []


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, Unauthorized, ["HUBSPOT_ACCESS_TOKEN", "service key"]),
        (403, Forbidden, ["scope"]),
        (404, NotFound, [LIST]),
        (409, Refused, ["409"]),
    ],
)
def test_a_refusal_is_a_sentence_at_once(status, kind, words):
    body = {"message": f"Nothing for {TOKEN}\n\x1b[2Jhere"}
    with Server([answer(status, body)]) as server, pytest.raises(kind) as caught:
        ask(server)
    sentence = caught.value.sentence
    assert len(server.requests) == 1
    assert all(word in sentence for word in words), sentence
    assert TOKEN not in sentence
    assert sentence.isprintable()
    assert isinstance(caught.value, ConfigurationError) == (status in {401, 403})


def test_a_missing_scope_is_named():
    errors = [{"message": "x", "context": {"requiredGranularScopes": ["crm.objects.orders.read"]}}]
    with Server([answer(403, {"category": "MISSING_SCOPES", "errors": errors})]) as server, pytest.raises(Forbidden) as caught:
        ask(server)
    assert "crm.objects.orders.read" in caught.value.sentence


def test_a_refusal_carries_its_status_and_answer_for_callers():
    with (
        Server([answer(422, {"error": {"type": "UNKNOWN_FIELD_NAME", "message": "x"}})]) as server,
        pytest.raises(Refused) as caught,
    ):
        ask(server, vendor="airtable")
    assert (caught.value.status, caught.value.answer["error"]["type"]) == (422, "UNKNOWN_FIELD_NAME")


NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("vendor", "refusal", "waited"),
    [
        ("hubspot", answer(429, {"policyName": "TEN_SECONDLY_ROLLING"}), 10),
        ("hubspot", answer(423, {"message": "locked"}), 2),
        ("hubspot", answer(477, {}, retry_after="7"), 7),
        ("airtable", answer(429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "x"}]}), 30),
        ("airtable", answer(429, {"error": {"type": "RATE_LIMIT_REACHED"}}), 30),
        ("github", answer(403, {"message": "You have exceeded a secondary rate limit."}, retry_after="42"), 42),
        (
            "github",
            answer(403, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW.timestamp()) + 33)),
            33,
        ),
        ("github", answer(429, {"message": "x"}), 60),
        ("github", answer(503, {}, retry_after="Mon, 16 Nov 2026 09:00:20 GMT"), 20),
    ],
)
def test_a_limit_is_waited_for_as_its_vendor_says(vendor, refusal, waited, record_property):
    pauses = Pauses()
    with Server([refusal, answer(200, {"results": []})]) as server:
        ask(server, path="/x", vendor=vendor, options={"sleep": pauses, "now": lambda: NOW})
    assert pauses == [waited]
    record_property("counted", "ways to be told to wait, each kept to the second")


@pytest.mark.parametrize(
    ("vendor", "refusal", "words"),
    [
        ("hubspot", answer(429, {"policyName": "DAILY"}), "daily"),
        ("airtable", answer(429, {"error": {"type": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "x"}}), "2026-12-01"),
        ("hubspot", answer(429, {}, retry_after="3600"), "3600 s"),
    ],
)
def test_a_limit_that_does_not_lift_soon_is_said_at_once(vendor, refusal, words):
    pauses = Pauses()
    with Server([refusal]) as server, pytest.raises(RateLimited) as caught:
        ask(server, path="/x", vendor=vendor, options={"sleep": pauses, "now": lambda: NOW})
    assert words in caught.value.sentence
    assert (len(server.requests), pauses) == (1, [])


def test_waiting_for_a_vendor_does_not_use_up_the_deadline():
    def wait_really(_):
        time.sleep(0.3)

    with Server([answer(429, {}), answer(429, {}), GOOD]) as server:
        found, _ = ask(server, options={"deadline_seconds": 0.4, "sleep": wait_really})
    assert found.json()["results"]


def test_a_budget_never_lets_more_through_in_any_stretch(record_property):
    clock = [0.0]
    sent = []

    def sleep(seconds):
        assert seconds > 0
        clock[0] += seconds

    budget = RateBudget((4, 1.0), sleep, lambda: clock[0])
    for number in range(40):
        clock[0] += 0.01 * (number % 3)
        budget.wait()
        sent.append(clock[0])
    for start in sent:
        assert sum(start <= moment < start + 1.0 for moment in sent) <= 4
    record_property("figure", "40 calls, never more than the 4 that a second may have")


def test_searches_have_a_budget_of_their_own():
    pauses = Pauses()
    monotonic = iter(number / 1000 for number in range(10_000))

    class Enough(Exception):
        pass

    def sleep(seconds):
        pauses.append(seconds)
        if 0.9 < seconds <= 1.0:
            raise Enough

    with Server([answer(200, {"results": []})]) as server:
        transport = open_transport(server.url, sleep=sleep, monotonic=lambda: next(monotonic))
        for _ in range(4):
            transport.request("POST", f"{server.url}{LIST}/search", json={}, idempotent=True)
        with pytest.raises(Enough):
            transport.request("POST", f"{server.url}{LIST}/search", json={}, idempotent=True)
        for _ in range(5):
            transport.request("GET", f"{server.url}{LIST}")
        transport.close()
    assert len(server.requests) == 4 + 5


def test_several_threads_share_one_transport_and_its_counters():
    with Server([GOOD]) as server:
        transport = open_transport(server.url)
        threads = [
            threading.Thread(target=lambda: [transport.request("GET", f"{server.url}{LIST}") for _ in range(10)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
    assert transport.request_count == len(server.requests) == 40


def test_nobody_there_is_a_sentence():
    with Server([GOOD]) as server:
        url = server.url
    transport = open_transport(url)
    with pytest.raises(Unavailable) as caught:
        transport.request("GET", f"{url}{LIST}", headers=HEADERS)
    transport.close()
    assert "127.0.0.1" in caught.value.sentence


def transport_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("transport-")}


def test_a_closed_transport_leaves_no_thread():
    before, of_others = threading.active_count(), transport_threads()
    with Server([GOOD]) as server:
        ask(server)
        assert transport_threads() <= of_others
    assert threading.active_count() <= before + 2
