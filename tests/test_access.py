"""What ``handoff doctor`` asks the vendors: everything that is wrong is named at once, and nothing is written."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from conftest import PROJECT
from loop import control
from misbehaving import Server, answer

from pipelines import clock
from pipelines.access import probe
from pipelines.errors import ConfigurationError, GarbageAnswer, Unauthorized, Unavailable
from pipelines.rules import load_rules
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import SANDBOX_WRITE_TOKEN, VENDORS, load_settings

DEFAULT = PROJECT / "dbt/seeds/default"
TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"


@pytest.fixture(scope="module")
def sandbox():
    with running(build_state()) as served:
        yield served


@pytest.fixture
def served(sandbox):
    control(sandbox, "reset", {})
    # the story's hubs are counted up to its own day, and doctor asks for the month that is over by the clock
    collected(sandbox, "fernhollow", 7)
    return sandbox


def collected(sandbox, hub, count, **labels):
    """Let Prometheus have a number of users at the end of the newest month that is over."""
    month_end = clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    metric = {"__name__": "jupyterhub_active_users", "period": "30d", "namespace": hub} | labels
    sandbox.world.state.prometheus.series.append({"metric": metric, "values": [[month_end.timestamp() - 600, str(count)]]})


@pytest.fixture
def impatient(monkeypatch):
    """Between its tries the transport waits for hundredths of a second instead of seconds."""
    monkeypatch.setattr("pipelines.transport._BACK_OFF_SECONDS", 0.01)


def settings_of(sandbox, home, **changed):
    given = {name.lower(): value for name, value in sandbox.settings_env.items()}
    return load_settings(handoff_home=home, _env_file=None, **(given | changed))


@pytest.fixture
def rules():
    return load_rules(DEFAULT)


def with_cell(tmp_path, table, key, column, value):
    """Return the shipped rules with one cell changed, in the row whose first columns are ``key``."""
    profile = shutil.copytree(DEFAULT, tmp_path / "profile", dirs_exist_ok=True)
    path = profile / f"{table}.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    [row] = [row for row in rows if tuple(row.values())[: len(key)] == key]
    row[column] = value
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        writer.writeheader()
        writer.writerows(rows)
    return load_rules(profile)


@pytest.mark.parametrize(
    ("vendor", "words"),
    [
        ("hubspot", ["portal 4400001", "6 of 6 objects", "whether it may also write cannot be asked"]),
        ("airtable", ["base appHandoffDemo000", "3 mapped tables", "cannot write, because its owner may not edit the base"]),
        ("github", ["2 of 2 projects of demo-org", "whether it may also write cannot be asked"]),
        (
            "aws",
            [
                "user/handoff-sandbox",
                "budgets of 1 of 1",
                "Cost Explorer was not asked",
                "$0.01",
                "what else they may do is not known",
            ],
        ),
    ],
)
def test_good_access_is_one_sentence_that_says_what_was_not_asked(served, home, rules, vendor, words):
    access = probe(vendor, settings_of(served, home), rules)
    assert access.to_do == []
    for word in words:
        assert word in access.fine, (word, access.fine)
    assert access.fine.endswith(".")
    assert "\n" not in access.fine


def test_nothing_is_written_no_write_token_is_used_and_nothing_is_spent(served, home, rules):
    settings = settings_of(served, home, hubspot_write_token=SANDBOX_WRITE_TOKEN, airtable_write_token=SANDBOX_WRITE_TOKEN)
    before = dataclasses.asdict(served.world.state)
    for vendor in VENDORS:
        probe(vendor, settings, rules)
    requests = control_requests(served)
    assert {request["vendor"] for request in requests} == set(VENDORS)
    # the key of a service account is exchanged before there is a token; Intacct's tokens, of which none can write, are others each time
    tokens = {request["token"] for request in requests if request["path"] != "/token" and request["vendor"] != "intacct"}
    assert tokens == {"read"}
    # the sandbox takes every POST that it does not know for a write
    assert {request["path"] for request in requests if request["is_write"] and request["vendor"] != "aws"} == {TOKEN_INFO}
    assert {request.get("operation") for request in requests if request["vendor"] == "aws"} == {
        None,  # STS names its operation in the body
        "DescribeOrganization",
        "ListAccounts",
        "DescribeBudgets",
    }
    assert dataclasses.asdict(served.world.state) == before
    assert not home.exists(), "looking at access leaves nothing behind, not even the key that hashes addresses"


def control_requests(sandbox):
    with urllib.request.urlopen(f"{sandbox.url}/_control/requests", timeout=10) as reply:
        return json.load(reply)["requests"]


@pytest.mark.parametrize(
    ("vendor", "setting", "variable"),
    [
        ("hubspot", "hubspot_access_token", "HUBSPOT_ACCESS_TOKEN"),
        ("airtable", "airtable_token", "AIRTABLE_TOKEN"),
        ("github", "github_token", "GITHUB_TOKEN"),
        ("aws", "aws_access_key_id", "AWS_ACCESS_KEY_ID"),
        ("prometheus", "prometheus_token", "PROMETHEUS_TOKEN"),
    ],
)
def test_a_wrong_token_is_named_after_one_question(served, home, rules, record_property, *, vendor, setting, variable):
    settings = settings_of(served, home, **{setting: "wrong"})
    began = time.monotonic()
    with pytest.raises(Unauthorized) as caught:
        probe(vendor, settings, rules)
    took = time.monotonic() - began
    assert took < 5
    assert variable in caught.value.sentence
    record_property("most", ("a wrong token is named after", round(took, 1), "s"))
    assert len(control_requests(served)) == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_does_not_answer_is_said_so(served, home, rules, impatient, vendor):
    control(served, f"vendors/{vendor}", {"up": False})
    with pytest.raises(Unavailable, match="could not be reached"):
        probe(vendor, settings_of(served, home), rules)


def refuse(served, vendor, path, **fault):
    control(served, "faults", {"kind": "403", "vendor": vendor, "path": path, "occurrence": "every"} | fault)


def test_every_missing_scope_of_hubspot_is_named_once_and_the_rest_is_read(served, home, rules, record_property):
    for word in ("orders", "line_items"):
        scopes = {"message": "no", "errors": [{"context": {"requiredGranularScopes": [f"crm.objects.{word}.read"]}}]}
        refuse(served, "hubspot", f"/(properties|objects)/2026-09/{word}", kind="answer", status=403, body=scopes)
    access = probe("hubspot", settings_of(served, home), rules)
    assert "4 of 6 objects" in access.fine
    assert len(access.to_do) == 2
    for sentence, word in zip(access.to_do, ("orders", "line_items"), strict=True):
        assert f"missing scopes: crm.objects.{word}.read" in sentence
        assert "Add the scope to the service key" in sentence
    record_property("counted", "missing permissions named with where to get them")


def test_a_key_of_hubspot_without_any_scope_is_one_thing_to_do(served, home, rules):
    refuse(served, "hubspot", "")
    access = probe("hubspot", settings_of(served, home), rules)
    assert access.fine == ""
    assert len(access.to_do) == 1


@pytest.mark.parametrize(
    ("vendor", "path", "words"),
    [
        ("airtable", "/v0/appHandoffDemo000/tblProjects000000", ["AIRTABLE_TOKEN", "data.records:read"]),
        ("github", "/projectsV2/57/items", ["GITHUB_TOKEN", "Projects: read"]),
        ("github", "/repos/demo-org/bd-requests/issues", ["GITHUB_TOKEN", "Issues: read"]),
        ("aws", "DescribeBudgets", ["DescribeBudgets", "budgets:ViewBudget"]),
    ],
)
def test_a_missing_permission_is_named_with_where_to_get_it(served, home, rules, record_property, *, vendor, path, words):
    refuse(served, vendor, path)
    access = probe(vendor, settings_of(served, home), rules)
    [sentence] = access.to_do
    for word in words:
        assert word in sentence, (word, sentence)
    assert access.fine, "what can be read is still said"
    record_property("counted", "missing permissions named with where to get them")


def test_an_identity_that_may_not_see_the_organization_can_still_be_used(served, home, rules):
    refuse(served, "aws", "DescribeOrganization|ListAccounts")
    access = probe("aws", settings_of(served, home), rules)
    assert access.to_do == []
    assert "names come from Cost Explorer" in access.fine


@pytest.mark.parametrize(
    ("vendor", "changed", "words"),
    [
        ("airtable", {"airtable_base_id": "appDoesNotExist0"}, "AIRTABLE_BASE_ID"),
        ("airtable", {"airtable_base_id": None}, "AIRTABLE_BASE_ID is not"),
        ("github", {"github_org": None}, "GITHUB_ORG is not"),
        ("github", {"github_project_numbers": "sixty"}, "GITHUB_PROJECT_NUMBERS"),
    ],
)
def test_a_wrong_id_without_which_nothing_can_be_asked(served, home, rules, *, vendor, changed, words):
    with pytest.raises(ConfigurationError, match=words):
        probe(vendor, settings_of(served, home, **changed), rules)


def test_projects_that_are_not_there_or_not_the_requests_are_named(served, home, rules):
    access = probe("github", settings_of(served, home, github_project_numbers="57,999"), rules)
    assert "1 of 2 projects" in access.fine
    assert any("no project 999" in sentence for sentence in access.to_do)
    assert any("project 60 (delivery_request_project)" in sentence and "57,999" in sentence for sentence in access.to_do)


def test_another_portal_than_the_organisations_is_named(served, home, tmp_path):
    rules = with_cell(tmp_path, "rule_organisation", ("hubspot_portal_id",), "value", "99")
    [sentence] = probe("hubspot", settings_of(served, home), rules).to_do
    assert "opens portal 4400001" in sentence
    assert "says that 99 is ours" in sentence


def test_an_object_type_that_the_portal_does_not_have_is_named(served, home, tmp_path):
    rules = with_cell(tmp_path, "rule_organisation", ("community_object_type",), "value", "2-999")
    access = probe("hubspot", settings_of(served, home), rules)
    assert "5 of 6 objects" in access.fine
    [sentence] = access.to_do
    assert "2-999" in sentence
    assert "community_object_type" in sentence


@pytest.mark.parametrize(
    ("vendor", "key", "wrong"),
    [
        ("hubspot", ("hubspot", "deals", "start_on"), "contract_start"),
        ("hubspot", ("hubspot", "communities", "website"), "web_site"),
        ("airtable", ("airtable", "engagements", "deal_url"), "fldGone"),
        ("airtable", ("airtable", "projects", "table_id"), "tblGone"),
        ("github", ("github", "project_items", "deal_url"), "Deal"),
    ],
)
def test_a_field_of_map_fields_that_the_vendor_does_not_have_is_named(served, home, tmp_path, *, vendor, key, wrong):
    rules = with_cell(tmp_path, "map_fields", key, "vendor_field", wrong)
    [sentence] = probe(vendor, settings_of(served, home), rules).to_do
    assert "map_fields.csv names" in sentence
    assert f"{key[1]}.{key[2]} ({wrong})" in sentence


@pytest.mark.parametrize(
    ("table", "key", "column", "wrong"),
    [
        ("rule_stages", ("default", "1004"), "stage_id", "9004"),
        ("rule_contact_roles", ("buyer",), "label", "Purchaser"),
        ("rule_organisation", ("renewal_of_label",), "value", "Follows"),
    ],
)
def test_ids_and_labels_of_the_rule_tables_that_the_portal_does_not_have_are_named(
    served, home, tmp_path, *, table, key, column, wrong
):
    [sentence] = probe("hubspot", settings_of(served, home), with_cell(tmp_path, table, key, column, wrong)).to_do
    assert f"{table}.csv names" in sentence
    assert wrong in sentence


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_clock_that_is_more_than_five_minutes_off_is_named(served, home, rules, monkeypatch, vendor):
    true_now = clock.now
    monkeypatch.setattr(clock, "now", lambda: true_now() - timedelta(minutes=4))
    assert probe(vendor, settings_of(served, home), rules).to_do == []
    monkeypatch.setattr(clock, "now", lambda: true_now() - timedelta(minutes=6))
    [sentence] = probe(vendor, settings_of(served, home), rules).to_do
    assert "Set this machine's clock" in sentence


@pytest.mark.parametrize(
    ("scopes", "words", "to_do"),
    [
        (["crm.objects.deals.read", "crm.objects.deals.write"], "it may also write", ["crm.objects.deals.write"]),
        (["oauth", "crm.objects.deals.read"], "none of its scopes allows writing", []),
    ],
)
def test_a_key_of_hubspot_that_may_write_is_named_where_hubspot_tells_its_scopes(served, home, rules, *, scopes, words, to_do):
    refuse(served, "hubspot", TOKEN_INFO, kind="answer", status=200, body={"hubId": 4400001, "scopes": scopes})
    access = probe("hubspot", settings_of(served, home), rules)
    assert words in access.fine
    assert len(access.to_do) == len(to_do)
    for word, sentence in zip(to_do, access.to_do, strict=True):
        assert f"may also write ({word})" in sentence


def test_a_token_of_airtable_whose_owner_may_edit_cannot_be_judged(served, home, rules):
    access = probe("airtable", settings_of(served, home, airtable_token=SANDBOX_WRITE_TOKEN), rules)
    assert "whether it may also write cannot be asked (https://airtable.com/create/tokens" in access.fine
    assert access.to_do == []


def github_script(**headers):
    names = ["Status", "HubSpot deal", "Start date"]
    return [
        answer(200, {"resources": {}}, **headers),
        answer(200, {"node_id": "PVT_1", "title": "Requests"}),
        answer(200, []),
        answer(200, [{"id": number, "name": name} for number, name in enumerate(names)]),
        answer(200, []),
    ]


def github_settings(home, server):
    return load_settings(
        handoff_home=home,
        _env_file=None,
        github_token="t",
        github_org="o",
        github_project_numbers="60",
        github_base_url=server.url,
    )


@pytest.mark.parametrize(
    ("scopes", "words", "may_write"),
    [
        ("read:project, repo", "it may also write", "repo"),
        ("read:project, read:org", "none of its scopes allows writing", None),
        ("", "whether it may also write cannot be asked", None),
    ],
)
def test_a_classic_token_of_github_that_may_write_is_named(home, rules, scopes, words, may_write):
    with Server(github_script(X_OAuth_Scopes=scopes)) as server:
        access = probe("github", github_settings(home, server), rules)
    assert words in access.fine
    if may_write is None:
        assert access.to_do == []
    else:
        [sentence] = access.to_do
        assert f"may also write ({may_write})" in sentence
        assert "fine-grained" in sentence


@pytest.mark.parametrize(("days", "to_do"), [(6, 1), (8, 0)])
def test_a_token_of_github_that_ends_soon_is_named(home, rules, days, to_do):
    ends_at = clock.now() + timedelta(days=days)
    with Server(github_script(GitHub_Authentication_Token_Expiration=f"{ends_at:%Y-%m-%d %H:%M:%S} UTC")) as server:
        access = probe("github", github_settings(home, server), rules)
    assert f"good until {ends_at:%Y-%m-%d}" in access.fine
    assert len(access.to_do) == to_do
    assert all(f"ends on {ends_at:%Y-%m-%d}" in sentence for sentence in access.to_do)


def identity(arn):
    return answer(
        200,
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{arn}</Arn><UserId>u</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        kind="text/xml",
        Date=format_datetime(datetime.now(tz=UTC), usegmt=True),
    )


def aws_settings(home, server):
    services = ("cost_explorer", "budgets", "organizations", "sts")
    return load_settings(
        handoff_home=home,
        _env_file=None,
        aws_access_key_id="AKIAINVENTED",
        aws_secret_access_key="s",
        **{f"aws_endpoint_url_{service}": server.url for service in services},
    )


def test_the_keys_of_a_root_user_are_named(home, rules):
    alone = answer(400, {"__type": "AWSOrganizationsNotInUseException"}, kind="application/x-amz-json-1.1")
    root = identity("arn:aws:iam::111122223333:root")
    script = [root, alone, root, alone, answer(200, {"Budgets": []}, kind="application/x-amz-json-1.1")]
    with Server(script) as server:
        access = probe("aws", aws_settings(home, server), rules)
    [sentence] = access.to_do
    assert "root user of account 111122223333" in sentence


def test_an_expired_token_of_aws_is_named(home, rules):
    words = "<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message>"
    refusal = answer(403, f"<ErrorResponse><Error><Type>Sender</Type>{words}</Error></ErrorResponse>", kind="text/xml")
    with Server([refusal]) as server, pytest.raises(Unauthorized) as caught:
        probe("aws", aws_settings(home, server), rules)
    assert "ExpiredToken" in caught.value.sentence
    assert "AWS_ACCESS_KEY_ID" in caught.value.sentence


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_page_of_somebody_elses_network_is_not_taken_for_the_vendor(served, home, rules, impatient, vendor):
    control(served, "faults", {"kind": "html_200", "vendor": vendor, "occurrence": "every"})
    with pytest.raises(GarbageAnswer):
        probe(vendor, settings_of(served, home), rules)


# Prometheus: whether a query leads to hubs that are known here


def alone(served, hub, **labels):
    served.world.state.prometheus.series.clear()
    collected(served, hub, 7, **labels)


def test_a_query_of_prometheus_says_how_many_hubs_it_names_and_what_it_does_not_find_is_named(served, home, rules):
    alone(served, "fernhollow")
    access = probe("prometheus", settings_of(served, home), rules)
    assert access.to_do == []
    assert "monthly_users names 1 hub;" in access.fine
    served.world.state.prometheus.series.clear()
    access = probe("prometheus", settings_of(served, home), rules)
    assert access.fine == ""
    [sentence] = access.to_do
    assert "The query monthly_users finds nothing at the end of" in sentence
    assert "map_usage_queries.csv" in sentence


def test_a_query_whose_series_lack_the_label_of_the_hub_is_named(served, home, tmp_path):
    rules = with_cell(tmp_path, "map_usage_queries", ("monthly_users",), "hub_label", "cluster")
    [sentence] = probe("prometheus", settings_of(served, home), rules).to_do
    assert "No series of the query monthly_users has the label 'cluster'" in sentence
    assert "correct hub_label in map_usage_queries.csv" in sentence


def test_a_query_that_names_no_hub_that_is_known_here_is_named_and_one_known_hub_is_enough(served, copy_of_demo, rules, tmp_path):
    settings = settings_of(served, copy_of_demo)
    alone(served, "prod-a")
    collected(served, "prod-b", 9)
    [sentence] = probe("prometheus", settings, rules).to_do
    assert "names hubs by the label 'namespace', and none of them is known here: prod-a, prod-b." in sentence
    assert "Name their deals in map_hubs_to_deals.csv" in sentence
    mapped = rules.with_table("map_hubs_to_deals", [{"hub": "Prod-A", "deal_id": "1001", "reason": ""}])
    assert probe("prometheus", settings, mapped).to_do == []
    collected(served, "Fernhollow", 7)  # a community's id
    assert probe("prometheus", settings, rules).to_do == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"status": "error", "errorType": "bad_data", "error": "1:5: parse error"}, "bad_data: 1:5: parse error"),
        (422, {"status": "error", "errorType": "execution", "error": "too many samples"}, "execution: too many samples"),
    ],
)
def test_a_query_that_prometheus_declines_is_one_thing_to_do(served, home, rules, *, status, body, words):
    control(served, "faults", {"kind": "answer", "vendor": "prometheus", "status": status, "body": body, "occurrence": "every"})
    access = probe("prometheus", settings_of(served, home), rules)
    assert access.fine == ""
    [sentence] = access.to_do
    assert words in sentence
