"""Sage Intacct of the sandbox answers as its documents say: tokens that end, queries with filters and pages, and its ways to say no."""

from __future__ import annotations

import pytest
import serving
from serving import READ_TOKEN, WRITE_TOKEN

from pipelines.sandbox.intacct import CLIENT_ID, CLIENT_SECRET, USERNAME

INVOICES = "accounts-receivable/invoice"
FORM = {
    "grant_type": "client_credentials",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "username": USERNAME,
}

server, sandbox = serving.server, serving.sandbox


@pytest.fixture
def reader(sandbox):
    with sandbox.reader("intacct") as client:
        yield client


def query(client, **parts):
    return client.post("/ia/api/v1/services/core/query", json={"object": INVOICES, "fields": ["key", "invoiceDate"]} | parts)


def error_of(answer):
    body = answer.json()
    return body.get("ia::error") or body["ia::result"]["ia::error"]


def test_a_secret_is_exchanged_for_a_token_that_ends(sandbox):
    with sandbox.client("intacct", None) as nobody:
        told = nobody.post("/ia/api/v1/oauth2/token", data=FORM | {"username": f"{USERNAME}|100"}).json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 43200)
    with sandbox.client("intacct", told["access_token"]) as somebody:
        assert query(somebody).status_code == 200
    sandbox.limit(intacct__token_seconds=0)
    with sandbox.client("intacct", None) as nobody:
        ended = nobody.post("/ia/api/v1/oauth2/token", data=FORM).json()["access_token"]
    with sandbox.client("intacct", ended) as somebody:
        answer = query(somebody)
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "GW-0031"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"grant_type": "password"}, 400, "GW-0032"),
        ({"client_id": ""}, 400, "GW-0037"),
        ({"username": ""}, 400, "GW-0036"),
        ({"username": "handoff"}, 400, "GW-0012"),
        ({"username": "handoff@elsewhere"}, 400, "GW-0011"),
        ({"client_id": "other"}, 400, "GW-0011"),
        ({"client_id": [CLIENT_ID, CLIENT_ID]}, 400, "GW-0038"),
        ({"username": [USERNAME, USERNAME]}, 400, "GW-0039"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
    ],
)
def test_a_form_that_is_wrong_is_refused_in_its_own_way(sandbox, changed, status, code):
    with sandbox.client("intacct", None) as nobody:
        answer = nobody.post("/ia/api/v1/oauth2/token", data=FORM | changed)
    assert answer.status_code == status
    body = answer.json()
    assert code == (body["error"] if "error" in body else body["ia::error"]["code"])


def test_a_query_answers_what_was_asked_in_pages_and_says_which(reader, sandbox):
    every = query(reader, size=4000, orderBy=[{"key": "asc"}]).json()
    keys = [row["key"] for row in every["ia::result"]]
    assert keys == sorted(keys, key=int)
    assert every["ia::meta"] == {"totalCount": len(keys), "start": 1, "pageSize": 4000, "next": None, "previous": None}
    second = query(reader, start=11, size=10, orderBy=[{"key": "asc"}]).json()
    assert [row["key"] for row in second["ia::result"]] == keys[10:20]
    assert second["ia::meta"] == {"totalCount": len(keys), "start": 11, "pageSize": 10, "next": 21, "previous": 1}
    assert set(second["ia::result"][0]) == {"key", "invoiceDate"}
    assert query(reader).json()["ia::meta"]["pageSize"] == 100
    sandbox.limit(intacct__page_size=3)
    assert len(query(reader, size=10).json()["ia::result"]) == 3


@pytest.mark.parametrize(
    ("filters", "joined", "fits"),
    [
        ([{"$eq": {"state": "paid"}}], None, lambda row: row["state"] == "paid"),
        (
            [{"$gte": {"invoiceDate": "2026-06-01"}}, {"$lt": {"invoiceDate": "2026-10-01"}}],
            "and",
            lambda row: "2026-06-01" <= row["invoiceDate"] < "2026-10-01",
        ),
        (
            [{"$in": {"state": ["draft", "reversed"]}}, {"$ne": {"currency.txnCurrency": "USD"}}],
            "or",
            lambda row: row["state"] in {"draft", "reversed"},
        ),
    ],
)
def test_filters_choose(reader, sandbox, filters, joined, fits):
    expected = {row["key"] for row in sandbox.state.intacct.objects[INVOICES] if fits(row)}
    told = query(reader, filters=filters, size=4000, **({"filterExpression": joined} if joined else {})).json()
    assert {row["key"] for row in told["ia::result"]} == expected
    assert 0 < len(expected) < len(sandbox.state.intacct.objects[INVOICES])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"fields": ["key", "nsp::X"]}, f"The nsp::X field in {INVOICES} object cannot be used in query"),
        ({"orderBy": [{"nsp::X": "asc"}]}, "nsp::X"),
        ({"filters": [{"$eq": {"nsp::X": 1}}]}, "nsp::X"),
        ({"fields": []}, "fields"),
        ({"caseSensitiveComparison": True}, "caseSensitiveComparison"),
        ({"filters": [{"$like": {"key": "1"}}]}, "$like"),
        ({"size": 4001}, "from 1 to 4000"),
        ({"start": 0}, "start must be 1 or more"),
    ],
)
def test_a_query_that_does_not_fit_is_refused_with_words(reader, parts, words):
    answer = query(reader, **parts)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "invalidRequest"
    assert words in error_of(answer)["message"]


def test_an_object_that_is_not_there_a_right_that_is_lacking_and_too_many_calls(reader, sandbox):
    unknown = query(reader, object="accounts-receivable/nothing")
    assert (unknown.status_code, error_of(unknown)["details"][0]["code"]) == (400, "REST-1033")
    sandbox.limit(intacct__may_view_invoices=0)
    forbidden = query(reader)
    assert (forbidden.status_code, error_of(forbidden)["details"][0]["code"]) == (403, "REST-3007")
    sandbox.limit(intacct__requests_per_minute=0)
    limited = query(reader)
    assert (limited.status_code, error_of(limited)["code"]) == (429, "GW-0010")
    assert "retry-after" not in limited.headers


@pytest.mark.parametrize(("token", "code"), [(None, "GW-0034"), ("wrong", "GW-0031"), (WRITE_TOKEN, "GW-0031")])
def test_no_token_and_a_wrong_one_are_refused(sandbox, token, code):
    with sandbox.client("intacct", token) as client:
        answer = query(client)
    assert (answer.status_code, error_of(answer)["code"]) == (401, code)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/ia/api/v1/objects/{INVOICES}", None),
        ("POST", f"/ia/api/v1/objects/{INVOICES}", {"customer": {"id": "C-1"}}),
        ("GET", "/ia/api/v1/services/core/model", None),
        ("POST", "/ia/api/v1/services/core/query", {"filterExpression": "1 and 2"}),
        ("POST", "/ia/api/v1/services/core/query", {"filters": [{"$contains": {"state": "a"}}]}),
        ("POST", "/ia/api/v1/services/core/query", {"filterParameters": {"includePrivate": True}}),
    ],
)
def test_what_is_not_built_says_so(sandbox, method, path, body):
    asked = {"object": INVOICES, "fields": ["key"]} | body if path.endswith("query") else body
    with sandbox.client("intacct", READ_TOKEN) as client:
        answer = client.request(method, path, json=asked)
    assert answer.status_code == 501
    assert "The sandbox has no" in answer.json()["ia::error"]["message"]
