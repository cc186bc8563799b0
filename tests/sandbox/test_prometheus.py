"""Prometheus of the sandbox answers as its documents say: matrices, parts of PromQL, its limits, and its ways to say no."""

from __future__ import annotations

import pytest
import serving
from serving import READ_TOKEN, WRITE_TOKEN

from pipelines.sandbox.promql import NotBuilt, ParseError, parsed

PATH = "/api/v1/query_range"
END_OF_OCTOBER = 1793491200  # 2026-11-01T00:00:00Z
DAY = 86_400
GAUGE = 'jupyterhub_active_users{period="30d"}'

server, sandbox = serving.server, serving.sandbox


@pytest.fixture
def reader(sandbox):
    with sandbox.reader("prometheus") as client:
        yield client


def ask(client, query=f"max by (namespace) (last_over_time({GAUGE}[6h]))", **parts):
    params = {"query": query, "start": END_OF_OCTOBER, "end": END_OF_OCTOBER, "step": DAY} | parts
    return client.get(PATH, params={name: value for name, value in params.items() if value is not None})


def told(answer):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["data"]["resultType"]) == ("success", "matrix")
    return {series["metric"].get("namespace"): series["values"] for series in body["data"]["result"]}


def test_a_matrix_has_text_for_numbers_and_no_label_that_was_not_asked_for(reader):
    answer = ask(reader)
    assert told(answer)["brackwater"] == [[END_OF_OCTOBER, "131"]]
    assert [series["metric"] for series in answer.json()["data"]["result"]] == [
        {"namespace": name} for name in ("brackwater", "fernhollow", "ironbark", "quarrelstone", "staging")
    ]
    assert "warnings" not in answer.json()


def test_it_is_evaluated_at_every_step_and_a_step_without_a_sample_is_left_out(reader):
    values = told(ask(reader, start=END_OF_OCTOBER - 2 * DAY, end="2026-11-01T00:00:00Z", step="12h"))["fernhollow"]
    # half past eleven at night is what midnight sees, and not noon
    assert values == [[END_OF_OCTOBER - days * DAY, "52"] for days in (2, 1, 0)]


def test_a_form_asks_the_same(reader):
    form = {
        "query": f"max by (namespace) (last_over_time({GAUGE}[6h]))",
        "start": END_OF_OCTOBER,
        "end": END_OF_OCTOBER,
        "step": DAY,
    }
    assert reader.post(PATH, data=form).json() == ask(reader).json()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"last_over_time({GAUGE}[6h])", {"metric", "pod"}),
        (f"max_over_time({GAUGE}[6h])", {"pod"}),
        ('sum(last_over_time(jupyterhub_active_users{period!~"7d|24h",namespace=~"brack.*|iron.*"}[1d])) by (namespace,)', set()),
        ("min by () (last_over_time({__name__=~'jupyterhub_.+', period='30d'}[6h]))", set()),
    ],
)
def test_what_is_built_of_promql_keeps_the_labels_that_prometheus_keeps(reader, query, expected):
    [*series] = ask(reader, query).json()["data"]["result"]
    assert series
    assert ("metric" in expected) == ("__name__" in series[0]["metric"])
    assert ("pod" in expected) == ("pod" in series[0]["metric"])


def test_a_sample_counts_for_five_minutes_where_no_stretch_is_given(reader):
    assert told(ask(reader, GAUGE)) == {}
    collected = END_OF_OCTOBER - 20 * 60
    assert told(ask(reader, GAUGE, start=collected + 299, end=collected + 299))["brackwater"] == [[collected + 299, "131"]]
    assert told(ask(reader, GAUGE, start=collected + 301, end=collected + 301)) == {}


def test_values_that_are_no_numbers_are_words(reader, sandbox):
    series = sandbox.state.prometheus.series
    for value, word in (("nan", "NaN"), ("inf", "+Inf"), ("-inf", "-Inf"), ("2.5", "2.5"), ("3.0", "3")):
        series[:] = [{"metric": {"__name__": "x", "namespace": "a"}, "values": [[END_OF_OCTOBER, value]]}]
        assert told(ask(reader, "x")) == {"a": [[END_OF_OCTOBER, word]]}


def test_samples_that_are_too_old_are_gone_and_warnings_come_beside_the_data(reader, sandbox):
    sandbox.limit(prometheus__retention_days=10)
    assert told(ask(reader)) == {}
    sandbox.state.prometheus.warnings = ["a store did not answer"]
    assert ask(reader).json() == {
        "status": "success",
        "data": {"resultType": "matrix", "result": []},
        "warnings": ["a store did not answer"],
    }


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"start": None}, 'invalid parameter "start": cannot parse "" to a valid timestamp'),
        ({"end": "tomorrow"}, 'invalid parameter "end": cannot parse "tomorrow" to a valid timestamp'),
        ({"end": END_OF_OCTOBER - 1}, 'invalid parameter "end": end timestamp must not be before start time'),
        ({"step": None}, 'invalid parameter "step": cannot parse "" to a valid duration'),
        ({"step": 0}, 'invalid parameter "step": zero or negative query resolution step widths are not accepted'),
        ({"end": END_OF_OCTOBER + 11_001, "step": 1}, "exceeded maximum resolution of 11,000 points per timeseries"),
        ({"query": ""}, 'invalid parameter "query": 1:1: parse error: unexpected end of input'),
        ({"query": f"{GAUGE}[6h]"}, 'invalid parameter "query": invalid expression type "range vector" for range query'),
        ({"query": f"last_over_time({GAUGE})"}, "expected type range vector in call to function"),
        ({"query": "nonsense(x)"}, 'unknown function with name "nonsense"'),
        ({"query": "max by (namespace (x)"}, "parse error: unexpected"),
        ({"query": 'x{a=~"("}'}, "error parsing regexp"),
        ({"query": "{}"}, "vector selector must contain at least one non-empty matcher"),
        ({"query": "x y"}, "parse error: unexpected"),
        ({"query": "x{a}"}, "parse error: unexpected"),
    ],
)
def test_what_cannot_be_asked_is_bad_data_with_words(reader, parts, words):
    answer = ask(reader, **parts)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["status"], body["errorType"]) == ("error", "bad_data")
    assert words in body["error"]


def test_as_many_points_as_are_allowed_are_answered(reader):
    assert ask(reader, end=END_OF_OCTOBER + 11_000, step=1, query="x").status_code == 200


@pytest.mark.parametrize(("token", "status"), [(READ_TOKEN, 200), (None, 401), ("wrong", 401), (WRITE_TOKEN, 401)])
def test_only_the_reading_token_opens_it_unless_it_asks_nobody(sandbox, token, status):
    with sandbox.client("prometheus", token) as client:
        answer = ask(client)
        assert answer.status_code == status
        assert status == 200 or answer.json() == {"message": "Unauthorized"}
        sandbox.limit(prometheus__asks_for_a_token=0)
        assert ask(client).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "x + y",
        "2 * x",
        "rate(x[5m])",
        "sum without (pod) (x)",
        "x offset 1d",
        "topk(3, x)",
        "x and y",
        "-x",
        "last_over_time(x[1h:5m])",
    ],
)
def test_what_is_not_built_of_promql_says_so(reader, query):
    answer = ask(reader, query)
    assert answer.status_code == 501, answer.text
    assert "The sandbox's PromQL has no" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/v1/query", "/api/v1/labels", "/api/v1/status/buildinfo", "/"])
def test_what_is_not_built_of_the_api_says_so(reader, path):
    answer = reader.get(path)
    assert answer.status_code == 501
    assert "The sandbox has no GET" in answer.json()["error"]


@pytest.mark.parametrize(
    "text", ["max(", "max by", "x{", 'x{a="b', "x[", "max by (a", "(", ")", "]", "last_over_time(", "x{a=", "1h", "\0"]
)
def test_an_expression_that_ends_in_the_middle_is_a_parse_error(text):
    with pytest.raises((ParseError, NotBuilt)):
        parsed(text)
