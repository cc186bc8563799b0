"""Users of hubs by Prometheus as a source: which instant of a month counts, what stays, what is set aside, and that no person is kept."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
import reading
from conftest import PROJECT
from loop import findings, port_of, run
from reading import AS_OF, earlier_load, settings_of

from pipelines.dialects import PrometheusDialect
from pipelines.errors import ConfigurationError, GarbageAnswer, Refused, Unauthorized, Unavailable
from pipelines.redaction import redacted
from pipelines.rules import load_rules
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.sources.landing import Landing
from pipelines.sources.prometheus import open_prometheus, prometheus_rows
from pipelines.sources.prometheus_queries import queries_of

DEFAULT = PROJECT / "dbt/seeds/default"
GAUGE = 'jupyterhub_active_users{period="30d"}'
MONTHLY = f"max by (namespace) (last_over_time({GAUGE}[6h]))"

server, sandbox = reading.server, reading.sandbox


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    monkeypatch.setattr(PrometheusDialect, "rate", (1000, 1.0))


def real(sandbox, tmp_path, **given):
    return settings_of("PROMETHEUS_", sandbox, tmp_path, **given)


def query(promql=MONTHLY, *, key="monthly_users", label="namespace", kind="month"):
    return {"query_key": key, "promql": promql, "hub_label": label, "period_kind": kind, "reason": "", "source_url": ""}


def asking(*queries):
    return load_rules(DEFAULT).with_table("map_usage_queries", list(queries))


def landed(sandbox, tmp_path, rules=None, *, as_of=AS_OF, earlier=None, **given):
    client = open_prometheus(real(sandbox, tmp_path, **given), sandbox_url=None)
    client.transport._sleep = lambda seconds: sandbox.world.__dict__.setdefault("waited", []).append(seconds)
    landing = Landing("prometheus", tmp_path / f"landing-{datetime.now(UTC).timestamp()}", earlier=earlier)
    try:
        prometheus_rows(client, rules or load_rules(DEFAULT), as_of=as_of, landing=landing)
    finally:
        client.transport.close()
    return landing


def rows(landing):
    return [row for page in landing.pages("users") for row in page.to_pylist()]


def users(landing, hub):
    return {row["period_on"].isoformat(): row["user_count"] for row in rows(landing) if row["hub"] == hub}


def reasons(landing):
    return sorted(item["reason"] for item in landing.quarantine)


def collect(sandbox, hub, samples, **labels):
    """Let the server have samples of a hub: value by the instant (UTC) of its collection."""
    values = [[int(datetime.fromisoformat(f"{at}+00:00").timestamp()), value] for at, value in sorted(samples.items())]
    metric = {"__name__": "jupyterhub_active_users", "period": "30d", "namespace": hub} | labels
    sandbox.world.state.prometheus.series.append({"metric": metric, "values": values})


def only(sandbox, hub, samples, **labels):
    sandbox.world.state.prometheus.series.clear()
    collect(sandbox, hub, samples, **labels)


def test_the_users_of_a_month_are_those_at_its_end_and_the_month_that_goes_on_is_none(sandbox, tmp_path):
    landing = landed(sandbox, tmp_path)
    assert landing.quarantine == []
    assert users(landing, "fernhollow") == {"2026-07-01": 6, "2026-08-01": 38, "2026-09-01": 44, "2026-10-01": 52}
    assert {row["hub"] for row in rows(landing)} == {"fernhollow", "brackwater", "ironbark", "quarrelstone", "staging"}
    assert {row["period_kind"] for row in rows(landing)} == {"month"}
    assert min(row["period_on"] for row in rows(landing)) == date(2026, 2, 1), "what the server never had is no row"
    only(sandbox, "alpha", {"2026-10-02T00:00": "90", "2026-10-31T23:50": "41", "2026-11-01T00:10": "40"})
    assert users(landed(sandbox, tmp_path), "alpha") == {"2026-10-01": 41}, "the highest one may count September"


@pytest.mark.parametrize(
    ("as_of", "newest"), [("2026-11-01", "2026-10-01"), ("2026-10-31", "2026-09-01"), ("2026-11-30", "2026-10-01")]
)
def test_a_month_is_complete_on_the_first_day_after_it(sandbox, tmp_path, as_of, newest):
    assert max(users(landed(sandbox, tmp_path, as_of=date.fromisoformat(as_of)), "brackwater")) == newest


def test_by_the_clock_of_utc_a_month_that_is_over_elsewhere_goes_on(sandbox, tmp_path, monkeypatch):
    # in Auckland it is the first of November
    monkeypatch.setattr("pipelines.clock.now", lambda: datetime(2026, 10, 31, 20, tzinfo=UTC))
    assert max(users(landed(sandbox, tmp_path, as_of=date(2026, 11, 1)), "brackwater")) == "2026-09-01"


def test_days_are_read_by_a_query_of_their_own_to_the_day_before(sandbox, tmp_path):
    daily = 'max by (namespace) (last_over_time(jupyterhub_active_users{period="24h"}[6h]))'
    landing = landed(sandbox, tmp_path, asking(query(), query(daily, key="daily_users", kind="day")), prometheus_months=2)
    days = [row for row in rows(landing) if row["hub"] == "brackwater" and row["period_kind"] == "day"]
    assert [row["period_on"] for row in days] != []
    assert {row["period_on"] for row in days} == {date(2026, 9, 1) + timedelta(days=number) for number in range(76)}
    assert {row["period_on"] for row in rows(landing) if row["period_kind"] == "month"} == {date(2026, 9, 1), date(2026, 10, 1)}


def test_no_more_months_are_asked_for_than_the_setting_says_and_never_more_than_a_month_at_once(sandbox, tmp_path):
    landed(sandbox, tmp_path, prometheus_months=3)
    assert len(sandbox.world.requests) == 3
    assert {request["path"] for request in sandbox.world.requests} == {"/api/v1/query_range"}
    assert not any(request["is_write"] for request in sandbox.world.requests)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1", "3.5", "1e12"])
def test_a_value_that_is_no_number_of_people_is_set_aside_and_the_others_are_read(sandbox, tmp_path, value):
    collect(sandbox, "alpha", {"2026-09-30T23:40": "7", "2026-10-31T23:40": value})
    landing = landed(sandbox, tmp_path)
    assert users(landing, "alpha") == {"2026-09-01": 7}
    [item] = landing.quarantine
    assert item["record_ref"] == "monthly_users/alpha/2026-10-01"
    assert "is not a number of people" in item["reason"]
    assert users(landing, "brackwater")["2026-10-01"] == 131


def test_a_zero_is_a_number_and_a_gap_is_none(sandbox, tmp_path):
    only(sandbox, "alpha", {"2026-08-31T23:40": "0", "2026-10-31T23:40": "2"})
    assert users(landed(sandbox, tmp_path), "alpha") == {"2026-08-01": 0, "2026-10-01": 2}


def test_a_hub_that_restarts_at_the_end_of_the_month_is_read_once(sandbox, tmp_path):
    collect(sandbox, "alpha", {"2026-10-31T20:00": "39"}, pod="old")
    collect(sandbox, "alpha", {"2026-10-31T23:55": "41"}, pod="new")
    landing = landed(sandbox, tmp_path)
    assert users(landing, "alpha") == {"2026-10-01": 41}
    assert landing.quarantine == []


def test_series_that_say_different_things_of_one_hub_do_not_count_and_equal_ones_count_once(sandbox, tmp_path):
    collect(sandbox, "alpha", {"2026-09-30T23:57": "8", "2026-10-31T23:57": "39"}, pod="one")
    collect(sandbox, "alpha", {"2026-09-30T23:57": "8", "2026-10-31T23:57": "41"}, pod="two")
    landing = landed(sandbox, tmp_path, asking(query(GAUGE)))
    assert users(landing, "alpha") == {"2026-09-01": 8}
    [reason] = reasons(landing)
    assert "several series of namespace 'alpha' say 39 and 41; none counts" in reason
    assert "max by (namespace)" in reason


def test_of_two_queries_the_first_tells_a_hub_and_month(sandbox, tmp_path):
    other = 'sum by (cluster) (last_over_time(jupyterhub_active_users{period="30d",cluster!=""}[6h]))'
    collect(sandbox, "prod", {"2026-10-31T23:40": "9"}, cluster="Brackwater")
    collect(sandbox, "prod", {"2026-10-31T23:40": "5"}, cluster="cirrus")
    landing = landed(sandbox, tmp_path, asking(query(), query(other, key="by_cluster", label="cluster")), prometheus_months=1)
    assert users(landing, "brackwater") == {"2026-10-01": 131}
    assert users(landing, "cirrus") == {"2026-10-01": 5}
    assert not users(landing, "Brackwater")
    told = [item for item in landing.quarantine if item["record_ref"] == "by_cluster/Brackwater/2026-10-01"]
    assert "were told already (monthly_users/brackwater/2026-10-01)" in told[0]["reason"]


# People


def test_nothing_of_the_labels_is_kept_but_the_hub_and_no_address_is_a_hub(sandbox, tmp_path):
    people = {"username": "mira.oduya", "annotation_hub_jupyter_org_username": "mira", "email": "mira@example.org"}
    collect(sandbox, "alpha", {"2026-10-31T23:57": "4"}, **people)
    collect(sandbox, "mira@example.org", {"2026-10-31T23:57": "1"}, **people)
    collect(sandbox, "", {"2026-10-31T23:57": "NaN"}, **people)
    landing = landed(sandbox, tmp_path, asking(query(GAUGE)), prometheus_months=1)
    assert users(landing, "alpha") == {"2026-10-01": 4}
    assert "mira" not in json.dumps([rows(landing), landing.quarantine], default=str)
    [reason] = reasons(landing)
    assert reason.startswith("2 of its series have no namespace that names a hub")


@pytest.mark.parametrize("label", ["username", "email", "annotation_hub_jupyter_org_username", "pod_owner"])
def test_a_label_that_names_people_is_refused_before_anything_is_asked(sandbox, tmp_path, label):
    with pytest.raises(ConfigurationError, match=r"reads like one that names people.*such as namespace"):
        landed(sandbox, tmp_path, asking(query(label=label)))
    assert not sandbox.world.requests


# What stays


def loaded(landing, earlier, tmp_path):
    """Return the table as it is once ``landing`` is loaded over what ``earlier`` left: the rows that stay, and the new ones."""
    landing.make_room()
    staying = earlier.tuples("users", "hub", "period_on", "user_count") if earlier else []
    return sorted([*staying, *((row["hub"], row["period_on"], row["user_count"]) for row in rows(landing))])


@pytest.fixture
def earlier(sandbox, tmp_path):
    return earlier_load("prometheus", {"users": rows(landed(sandbox, tmp_path))}, tmp_path / "earlier.duckdb")


def test_read_twice_is_read_once(sandbox, tmp_path, earlier):
    before = sorted(earlier.tuples("users", "hub", "period_on", "user_count"))
    assert len(before) == 40
    assert loaded(landed(sandbox, tmp_path, earlier=earlier), earlier, tmp_path) == before


def test_months_that_the_server_no_longer_has_keep_what_was_read_and_a_corrected_one_replaces_it(sandbox, tmp_path, earlier):
    before = {(hub, on): count for hub, on, count in earlier.tuples("users", "hub", "period_on", "user_count")}
    sandbox.world.limits = {"prometheus.retention_days": 60}
    collect(sandbox, "ironbark", {"2026-10-31T23:58": "12"}, pod="later")
    landing = landed(sandbox, tmp_path, earlier=earlier)
    assert {row["period_on"] for row in rows(landing)} == {date(2026, 9, 1), date(2026, 10, 1)}
    after = {(hub, on): count for hub, on, count in loaded(landing, earlier, tmp_path)}
    assert after == before | {("ironbark", date(2026, 10, 1)): 12}


def test_a_value_that_went_bad_does_not_take_the_good_one_away(sandbox, tmp_path, earlier):
    series = sandbox.world.state.prometheus.series
    series[:] = [one for one in series if one["metric"]["namespace"] != "ironbark"]
    collect(sandbox, "ironbark", {"2026-10-31T23:58": "NaN"})
    landing = landed(sandbox, tmp_path, earlier=earlier)
    kept = {hub: count for hub, on, count in loaded(landing, earlier, tmp_path) if on == date(2026, 10, 1)}
    assert kept["ironbark"] == 3


def test_a_query_that_is_no_longer_in_the_table_does_not_count_any_more(sandbox, tmp_path, earlier):
    landing = landed(sandbox, tmp_path, asking(query(key="other")), earlier=earlier, prometheus_months=1)
    after = loaded(landing, earlier, tmp_path)
    assert {on for _, on, _ in after} == {date(2026, 10, 1)}
    assert len(after) == 5


def test_what_the_sandbox_invented_does_not_stay_once_a_server_is_read(sandbox, tmp_path):
    earlier = earlier_load("prometheus", sandbox.reader("prometheus").read(), tmp_path / "invented.duckdb")
    only(sandbox, "alpha", {"2026-10-31T23:40": "4"})
    landing = landed(sandbox, tmp_path, earlier=earlier)
    assert loaded(landing, earlier, tmp_path) == [("alpha", date(2026, 10, 1), 4)]


def test_no_sample_at_all_where_there_were_some_is_no_answer(sandbox, tmp_path, earlier):
    for one in sandbox.world.state.prometheus.series:
        one["metric"]["__name__"] = "renamed_active_users"
    with pytest.raises(GarbageAnswer) as caught:
        landed(sandbox, tmp_path, earlier=earlier)
    assert (
        "no sample any more for the query monthly_users, though users of 40 hubs and periods were read" in caught.value.sentence
    )
    landing = landed(sandbox, tmp_path)
    assert rows(landing) == []
    assert reasons(landing) == ["it found no sample at all: no hub has users by it. Try its promql at the server"]


def test_a_newest_month_that_nobody_collected_is_named(sandbox, tmp_path):
    only(sandbox, "alpha", {"2026-09-30T23:40": "4"})
    landing = landed(sandbox, tmp_path)
    assert users(landing, "alpha") == {"2026-09-01": 4}
    assert reasons(landing) == ["it found no sample in October 2026, the newest month: nobody knows its users"]


# What is no answer


def answered(**parts):
    return {"kind": "answer", "status": 200, "occurrence": "every", "body": {"status": "success"} | parts}


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1793491200, "1"]}]}},
        {"data": {"resultType": "scalar", "result": [1793491200, "1"]}},
        {"data": {"resultType": "matrix", "result": None}},
        {"data": {"resultType": "matrix", "result": {"metric": {}}}},
        {"data": {"resultType": "matrix", "result": ["alpha"]}},
        {"data": {"resultType": "matrix", "result": [{"metric": {"namespace": "a"}, "histograms": [[1793491200, {}]]}]}},
        {"data": {"resultType": "matrix", "result": [{"metric": {"namespace": "a"}, "values": [["soon", "1"]]}]}},
        {"data": {"resultType": "matrix", "result": [{"metric": {"namespace": "a"}, "values": [[1793491200]]}]}},
        {"data": {"resultType": "matrix", "result": [{"metric": {"namespace": 7}, "values": [[1793491200, "1"]]}]}},
        {"data": {"resultType": "matrix", "result": [{"metric": {"namespace": "a"}, "values": [[0, "1"]]}]}},
        {"data": {"resultType": "matrix", "result": [{"metric": {"namespace": "a"}, "values": [[1e300, "1"]]}]}},
        {"data": {}},
        {"data": None},
        {"data": []},
        {"status": "error", "errorType": "internal", "error": "No."},
        {"status": "partial", "data": {"resultType": "matrix", "result": []}},
        {"status": None, "data": {"resultType": "matrix", "result": []}},
    ],
)
def test_an_answer_that_is_no_matrix_is_never_taken_for_no_users(sandbox, body):
    reader = sandbox.reader("prometheus")
    found, error = reader.read_with(answered(**body))
    assert found is None
    assert isinstance(error, GarbageAnswer), repr(error)
    assert "Prometheus" in error.sentence
    assert "\n" not in error.sentence
    assert error.sentence.endswith(".")


@pytest.mark.parametrize(
    "said",
    [{"warnings": ['fetch series for {cluster="b"}: context deadline exceeded']}, {"isPartial": True}],
    ids=["warnings", "partial"],
)
def test_an_answer_in_part_fails_the_source_and_infos_do_not(sandbox, said):
    reader = sandbox.reader("prometheus")
    truth = reader.read()
    whole = {"resultType": "matrix", "result": []}
    found, error = reader.read_with(answered(data=whole, **said))
    assert found is None
    assert isinstance(error, Unavailable)
    assert "in part only" in error.sentence
    sandbox.world.state.prometheus.warnings = ["a store did not answer"]
    found, error = reader.read_with({"kind": "500", "occurrence": "first"})
    assert found is None
    assert "in part only (a store did not answer)" in error.sentence
    sandbox.world.state.prometheus.warnings = []
    found, error = reader.read_with(answered(data=whole, infos=["PromQL info: metric might not be a counter"]))
    assert (found, error) == ({"users": []}, None)
    assert reader.read() == truth


@pytest.mark.parametrize(
    ("status", "kind", "words", "error", "said"),
    [
        (
            400,
            "bad_data",
            'invalid parameter "query": 1:5: parse error: unexpected end of input',
            Refused,
            "bad_data: invalid parameter",
        ),
        (422, "execution", "found duplicate series for the match group", Refused, "execution: found duplicate series"),
        (503, "timeout", "query timed out in expression evaluation", Unavailable, "timeout: query timed out"),
    ],
)
def test_what_prometheus_says_of_a_query_is_repeated(sandbox, *, status, kind, words, error, said):
    body = {"status": "error", "errorType": kind, "error": words}
    found, raised = sandbox.reader("prometheus").read_with(
        {"kind": "answer", "status": status, "body": body, "occurrence": "every"}
    )
    assert found is None
    assert isinstance(raised, error), repr(raised)
    assert said in raised.sentence


def test_a_query_that_is_none_is_refused_with_its_place(sandbox, tmp_path):
    with pytest.raises(Refused, match=r"bad_data: invalid parameter \"query\": 1:\d+: parse error"):
        landed(sandbox, tmp_path, asking(query("max by (namespace (x)")))


# Whom it is asked for


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prometheus_url": None}, "PROMETHEUS_URL is not set"),
        ({"prometheus_url": "https://user:secret@prometheus.example.org"}, "holds a user or password"),
        ({"prometheus_username": "handoff"}, "PROMETHEUS_USERNAME is set and PROMETHEUS_PASSWORD is not"),
        ({"prometheus_token": None, "prometheus_password": "x"}, "PROMETHEUS_PASSWORD is set and PROMETHEUS_USERNAME is not"),
        ({"prometheus_username": "handoff", "prometheus_password": "x"}, "both set"),
    ],
)
def test_a_setting_that_is_missing_or_too_much_is_named(sandbox, tmp_path, given, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_prometheus(real(sandbox, tmp_path, **given), sandbox_url=None)
    assert "secret" not in caught.value.sentence


def test_a_table_without_queries_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="has no row, so it is unknown what to ask Prometheus for"):
        queries_of(asking())


def test_a_user_and_password_a_server_that_asks_nobody_and_an_address_with_its_api_are_taken(sandbox, tmp_path):
    truth = rows(landed(sandbox, tmp_path, prometheus_months=1))
    basic = {"prometheus_token": None, "prometheus_username": "handoff", "prometheus_password": "sandbox-token"}
    assert rows(landed(sandbox, tmp_path, prometheus_months=1, **basic)) == truth
    assert redacted("Basic aGFuZG9mZjpzYW5kYm94LXRva2Vu") != "Basic aGFuZG9mZjpzYW5kYm94LXRva2Vu"
    with pytest.raises(Unauthorized):
        landed(sandbox, tmp_path, prometheus_token=None)
    sandbox.world.limits = {"prometheus.asks_for_a_token": 0}
    address = f"{sandbox.url}/prometheus/api/v1/"
    assert rows(landed(sandbox, tmp_path, prometheus_months=1, prometheus_token=None, prometheus_url=address)) == truth


def test_a_wrong_token_is_named_at_once_and_not_shown(sandbox, tmp_path):
    with pytest.raises(Unauthorized) as caught:
        landed(sandbox, tmp_path, prometheus_token="a-wrong-token")
    assert "PROMETHEUS_TOKEN" in caught.value.sentence
    assert "a-wrong-token" not in caught.value.sentence
    assert len(sandbox.world.requests) == 1, "nothing is asked again"


# From the server to the report


@pytest.mark.thorough
def test_a_sync_that_reads_prometheus_says_its_figures_and_files_count_for_the_rest(copy_of_demo, tmp_path):
    home = copy_of_demo
    profile = shutil.copytree(DEFAULT, tmp_path / "rules")
    with (profile / "rule_sources.csv").open("a") as sources:
        sources.write("prometheus,Prometheus,36,false,A daily sync may miss one run\n")
    usage, invoices = tmp_path / "usage.csv", tmp_path / "invoices.csv"
    usage.write_text("hub,month,users\nIronbark,2026-10,60\nironbark,2026-01,33\nlanternfish,2026-10,7\n", encoding="utf-8")
    # from the first invoice on it is known what was not billed
    invoices.write_text(
        "invoice,date,deal,component,from,to,amount,currency,paid\n"
        "INV-1,2026-01-01,1001,membership,2026-07-01,2027-06-30,1.00,USD,1.00\n",
        encoding="utf-8",
    )

    def done(*words, code=0, **environment):
        ended = run(home, *words, SANDBOX_PORT=port_of(sandbox), **environment)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    def hubs():
        return {row["hub"].lower(): row for row in json.loads(done("report", "usage-hubs", "--format", "json"))}

    def asked(sql):
        with duckdb.connect(str(home / "warehouse/CURRENT/wh.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def fees(deal_id, month):
        return asked(
            f"select user_count, fee_amount from intermediate.int_usage_fees where deal_id = '{deal_id}' and month_on = '{month}'"
        )

    fallen, unbilled = "DV04:engagement-recEngIronbark000", "UB01:deal-1008:usage:2026-09"
    with running(build_state()) as sandbox:
        done("import", "invoices", str(invoices))
        done("import", "usage", str(usage))
        assert fallen not in findings(home)
        assert fees("1008", "2026-10-01") == [(60, Decimal("350.00"))]

        done("sync", RULES_DIR=str(profile))
        told = hubs()
        assert set(told) == {"fernhollow", "brackwater", "ironbark", "quarrelstone", "staging", "lanternfish"}
        # nine of its months are Prometheus's; of the file counts the one that Prometheus has not
        assert (told["ironbark"]["row_count"], told["ironbark"]["highest_user_count"]) == (10, 33)
        assert told["ironbark"]["file_names"] == "Prometheus, usage.csv"
        assert (told["lanternfish"]["file_names"], told["lanternfish"]["highest_user_count"]) == ("usage.csv", 7)
        assert told["staging"]["engagement_id"] is None
        assert (told["brackwater"]["engagement_id"], told["brackwater"]["highest_user_count"]) == ("recEngBrackwater2", 131)
        assert findings(home)[fallen]["reason"].endswith("in the month up to 31 October 2026 it was used by 3 people.")
        assert findings(home)[fallen]["status"] == "open"
        [seen] = [part for part in json.loads(findings(home)[fallen]["evidence"]) if part["field"] == "users"]
        assert (seen["source"], seen["value"]) == ("prometheus", "3")
        assert fees("1008", "2026-10-01") == [(3, Decimal("30.00"))]
        assert "40.00 USD" in findings(home)[unbilled]["reason"], "four users in September, ten dollars each"

        # the server forgets, and goes away: what was read goes on to count
        sandbox.world.limits = {"prometheus.retention_days": 20}
        done("sync", "--source", "prometheus", RULES_DIR=str(profile))
        assert hubs() == told
        sandbox.world.vendors_up["prometheus"] = False
        assert "Prometheus" in done("sync", "--source", "prometheus", code=3, RULES_DIR=str(profile))
        assert hubs() == told
        assert asked("select gate from intermediate.int_source_gates where source = 'prometheus'") == [("stale",)]
        assert findings(home)[fallen]["status"] == "indeterminate", "a month that could not be read may say otherwise"
        assert findings(home)[unbilled]["status"] == "open", "that month is over"

        # where it is not read, files alone count
        done("sync")
        assert {hub: row["highest_user_count"] for hub, row in hubs().items()} == {"ironbark": 60, "lanternfish": 7}
        assert fees("1008", "2026-10-01") == [(60, Decimal("350.00"))]
