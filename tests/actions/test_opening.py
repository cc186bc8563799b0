"""The vendors opened for real: through the transport, over loopback, with the right token for the right thing."""

import pytest
from test_asana_recipes import making
from vendor_double import LOST_AFTER, Answer, Served
from write_back import Snapshot, all_recipes, change, community_change, default_rules, issue_change, statuses

from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.actions.opening import OpenTargets
from pipelines.actions.plan import make_plan, save_plan
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.settings import load_settings


@pytest.fixture
def served(vendors):
    with Served(vendors) as server:
        yield server


def plan_and_apply(home, served, changes, between=None, **settings):
    loaded = load_settings(handoff_home=home, _env_file=None, **settings)
    rules = default_rules()
    url = served.url
    plan = make_plan(Snapshot(changes), loaded, rules, now=clock.now(), sandbox_url=url)
    path = save_plan(plan, home)
    if between:
        between()
    slept = []
    with Ledger.open(home) as ledger:
        result = apply_plan(path, loaded, rules, ledger, now=clock.now(), operator="ana", sandbox_url=url, sleep=slept.append)
    return plan, result, slept


def test_every_recipe_goes_through_the_transport(home, served, vendors):
    plan, result, _ = plan_and_apply(home, served, all_recipes())
    assert set(statuses(result).values()) == {"applied"}
    assert plan.is_sandbox
    assert vendors.deals["2"]["engagement_url"].startswith("https://airtable.com/appHandoffDemo000/")


def test_an_answer_that_the_network_loses_is_settled_by_reading(home, served, vendors):
    def lose():
        vendors.faults = [LOST_AFTER] * 7

    _, result, _ = plan_and_apply(home, served, all_recipes(), lose)
    assert set(statuses(result).values()) == {"applied"}
    assert len(vendors.writes) == 7


def test_the_vendors_words_reach_the_person_without_advice_about_syncs(home, served, vendors):
    def refuse():
        vendors.faults = [lambda: Answer(400, {"status": "error", "message": "Property values were not valid: too long"})]

    _, result, _ = plan_and_apply(home, served, [community_change()], refuse)
    assert statuses(result) == {"fill-community-50": "failed"}
    assert "Property values were not valid: too long" in result.results[0].sentence

    def busy():
        vendors.faults = [lambda: Answer(503, {"message": "busy"})]

    _, result, _ = plan_and_apply(home, served, [community_change()], busy)
    assert "busy" in result.results[0].sentence
    assert "handoff sync" not in result.results[0].sentence


def test_a_missing_scope_names_the_write_token(home, served, vendors):
    def forbid():
        vendors.faults = [
            lambda: Answer(
                403,
                {
                    "status": "error",
                    "message": "no",
                    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.write"]}}],
                },
            )
        ]

    _, result, _ = plan_and_apply(home, served, [change("a"), change("b", record_id="2")], forbid)
    assert statuses(result) == {"a": "failed", "b": "skipped"}
    assert "HUBSPOT_WRITE_TOKEN" in result.results[0].sentence
    assert "crm.objects.deals.write" in result.results[0].sentence


def test_a_limit_is_waited_for_once_and_the_refused_write_is_not_resent(home, served, vendors):
    limit = {
        "status": "error",
        "message": "You have reached your ten_secondly_rolling limit.",
        "policyName": "TEN_SECONDLY_ROLLING",
    }

    def limited():
        vendors.faults = [lambda: Answer(429, limit)]

    _, result, slept = plan_and_apply(home, served, [change("a"), change("b", record_id="2")], limited)
    assert statuses(result) == {"a": "failed", "b": "applied"}
    assert 30.0 in slept
    assert len(vendors.writes) == 2


@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        ([change("a")], {"hubspot_access_token": "real-read"}, ("HUBSPOT_WRITE_TOKEN", "Service keys")),
        (
            [issue_change()],
            {"github_token": "real-read", "github_org": "demo-org"},
            ("GITHUB_WRITE_TOKEN", "Fine-grained tokens"),
        ),
        (
            all_recipes()[1:2],
            {"airtable_token": "real-read", "airtable_base_id": "appX"},
            ("AIRTABLE_WRITE_TOKEN", "airtable.com/create"),
        ),
        (
            [making()],
            {"asana_access_token": "real-read", "asana_workspace_id": "12"},
            ("ASANA_WRITE_TOKEN", "app.asana.com/0/my-apps"),
        ),
    ],
)
def test_without_a_write_token_the_apply_says_which_variable_and_where_to_get_it(home, served, changes, settings, words):
    sandboxed = load_settings(handoff_home=home, _env_file=None)
    rules = default_rules()
    path = save_plan(make_plan(Snapshot(changes), sandboxed, rules, now=clock.now(), sandbox_url=served.url), home)
    loaded = load_settings(handoff_home=home, _env_file=None, **settings)
    with Ledger.open(home) as ledger:
        result = apply_plan(path, loaded, rules, ledger, now=clock.now(), operator="ana", sandbox_url=served.url)
    assert result.exit_code == 1
    assert all(word in result.refused for word in words)
    assert "real-read" not in result.refused
    assert served.vendors.writes == []


def test_every_write_token_that_lacks_is_named_at_once(home, served):
    sandboxed = load_settings(handoff_home=home, _env_file=None)
    rules = default_rules()
    path = save_plan(make_plan(Snapshot(all_recipes()), sandboxed, rules, now=clock.now(), sandbox_url=served.url), home)
    tokens = {
        "hubspot_access_token": "r",
        "github_token": "r",
        "github_org": "demo-org",
        "airtable_token": "r",
        "airtable_base_id": "appX",
    }
    loaded = load_settings(handoff_home=home, _env_file=None, **tokens)
    with Ledger.open(home) as ledger:
        result = apply_plan(path, loaded, rules, ledger, now=clock.now(), operator="ana", sandbox_url=served.url)
    assert all(f"{vendor}_WRITE_TOKEN" in result.refused for vendor in ("HUBSPOT", "GITHUB", "AIRTABLE"))


@pytest.mark.parametrize("settings", [{}, {"hubspot_access_token": "sandbox-token"}])
def test_what_real_records_call_for_is_not_planned_into_the_sandbox_nor_the_other_way_round(home, served, settings):
    loaded = load_settings(handoff_home=home, _env_file=None, hubspot_base_url=f"{served.url}/hubspot", **settings)
    snapshot = Snapshot([change("a")], is_sandbox=bool(settings))
    with pytest.raises(ConfigurationError, match="Nothing was planned"):
        make_plan(snapshot, loaded, default_rules(), now=clock.now(), sandbox_url=served.url)


def test_a_plan_made_in_the_sandbox_is_refused_with_real_tokens(home, served, vendors):
    sandboxed = load_settings(handoff_home=home, _env_file=None)
    rules = default_rules()
    path = save_plan(make_plan(Snapshot([change("a")]), sandboxed, rules, now=clock.now(), sandbox_url=served.url), home)
    real = load_settings(
        handoff_home=home,
        _env_file=None,
        hubspot_access_token="sandbox-token",
        hubspot_write_token="sandbox-write-token",
        hubspot_base_url=f"{served.url}/hubspot",
    )
    with Ledger.open(home) as ledger:
        result = apply_plan(path, real, rules, ledger, now=clock.now(), operator="ana", sandbox_url=None)
    assert "made for HubSpot portal 4400001 (SANDBOX)" in result.refused
    assert vendors.writes == []


@pytest.mark.parametrize(
    ("system", "settings", "words"),
    [
        ("airtable", {"airtable_token": "t"}, "AIRTABLE_BASE_ID"),
        ("github", {"github_token": "t"}, "GITHUB_ORG"),
        ("trello", {}, "cannot write to 'trello'"),
    ],
)
def test_what_is_missing_to_open_a_vendor_is_one_sentence(home, system, settings, words):
    targets = OpenTargets(load_settings(handoff_home=home, _env_file=None, **settings), default_rules(), None, may_write=False)
    with pytest.raises(ConfigurationError, match=words):
        targets.target(system)


def test_what_is_opened_for_planning_cannot_write(home, served, vendors):
    loaded = load_settings(handoff_home=home, _env_file=None)
    targets = OpenTargets(loaded, default_rules(), served.url, may_write=False)
    target = targets.target("hubspot")
    from pipelines.actions.records import change_from_row

    item = change_from_row(change("a"))
    with pytest.raises(ConfigurationError, match="handoff apply"):
        target.send(target.next_write(item, target.read(item)))
    targets.close()
    assert vendors.writes == []
