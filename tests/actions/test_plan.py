"""Plans: what is proposed, against which live values, what is held back and why, and who may see the file."""

import json
import stat
from datetime import timedelta

import pytest
from write_back import Snapshot, all_recipes, change, community_change, deal_url, engagement_changes, issue_change

from pipelines import clock
from pipelines.actions import guards
from pipelines.actions.plan import PlanState, PlanUnusable, Scope, find_plan, list_plans, load_plan, save_plan
from pipelines.actions.records import GuardStatus, change_from_row, in_order
from pipelines.actions.rendering import plan_lines
from pipelines.errors import ConfigurationError


def held(plan):
    return {item.change.change_id: item.why for item in plan.held_back}


def ids(plan):
    return [item.change_id for item in plan.changes]


def test_every_recipe_is_proposed_in_an_order_that_can_be_carried_out(write_back):
    plan = write_back.plan(all_recipes())
    assert not plan.held_back
    assert not plan.stopping_guards
    assert plan.exit_code == 2
    assert ids(plan).index("create-engagement-2") < ids(plan).index("link-deal-2")
    assert {place.identity for place in plan.places} == {"4400001", "appHandoffDemo000", "demo-org/bd-requests, project 60"}


def test_planning_writes_nothing(write_back, vendors):
    write_back.saved(all_recipes())
    assert vendors.writes == []


def test_before_is_the_live_value_and_not_the_snapshots(write_back):
    plan = write_back.plan([community_change(before="something old")])
    assert plan.changes[0].before == "TBD"


def test_what_the_vendor_holds_already_is_dropped(write_back, vendors):
    vendors.deals["1"]["engagement_url"] = change("x")["after"]
    plan = write_back.plan([change("fill-engagement-url-1")])
    assert plan.is_empty
    assert plan.equal_already == 1
    assert plan.exit_code == 0


def test_a_field_that_was_filled_since_the_snapshot_is_held_back_saying_by_whom(write_back, vendors):
    vendors.deals["1"]["engagement_url"] = "https://example.org/elsewhere"
    vendors.history["1", "engagement_url"] = {
        "value": "x",
        "timestamp": "2026-11-16T09:12:00Z",
        "sourceType": "CRM_UI",
        "updatedByUserId": 77,
    }
    plan = write_back.plan([change("fill-engagement-url-1")])
    assert plan.is_empty
    why = held(plan)["fill-engagement-url-1"]
    assert "https://example.org/elsewhere" in why
    assert "by Ana Lopez on 2026-11-16 09:12 UTC" in why


def test_if_equal_before_is_proposed_only_while_the_value_is_the_one_the_snapshot_saw(write_back, vendors):
    row = community_change(policy="if_equal_before", before="Birch")
    vendors.communities["50"]["community_id"] = "Birch"
    assert ids(write_back.plan([row])) == ["fill-community-50"]
    vendors.communities["50"]["community_id"] = "Other"
    assert "where the snapshot saw 'Birch'" in held(write_back.plan([row]))["fill-community-50"]


def test_a_link_to_an_engagement_that_exists_already_carries_its_address(write_back, vendors):
    vendors.engagements["recThere"] = {"fldEngDealUrl0000": f"{deal_url(2)}/?from=mail"}
    plan = write_back.plan(engagement_changes())
    assert ids(plan) == ["link-deal-2"]
    assert plan.changes[0].after == "https://airtable.com/appHandoffDemo000/tblEngagements000/recThere"


def test_an_engagement_that_names_the_deal_of_another_portal_is_to_be_corrected_not_doubled(write_back, vendors):
    vendors.engagements["recWrong"] = {"fldEngDealUrl0000": "https://app.hubspot.com/contacts/999/record/0-3/2"}
    plan = write_back.plan(engagement_changes())
    assert plan.is_empty
    assert "another portal" in held(plan)["create-engagement-2"]
    assert "needs create-engagement-2" in held(plan)["link-deal-2"]


def test_two_engagements_for_one_deal_are_an_obstacle(write_back, vendors):
    for record_id in ("recA", "recB"):
        vendors.engagements[record_id] = {"fldEngDealUrl0000": deal_url(2)}
    assert "recA, recB" in held(write_back.plan(engagement_changes()))["create-engagement-2"]


def test_the_search_for_an_existing_record_reads_every_page(write_back, vendors):
    vendors.page = 2
    for number in range(7):
        vendors.engagements[f"rec{number}"] = {"fldEngDealUrl0000": deal_url(100 + number)}
        vendors.issues.append({"id": number, "number": 100 + number, "body": "", "title": "t", "html_url": f"u{number}"})
    vendors.engagements["recLast"] = {"fldEngDealUrl0000": deal_url(2)}
    vendors.issues.append({"id": 99, "number": 99, "body": f"<!-- handoff:3 -->{deal_url(3)}", "title": "t", "html_url": "u99"})
    vendors.items.append(
        {
            "id": 7000,
            "content": vendors.issues[-1],
            "fields": [{"id": 2, "value": {"name": "New"}}, {"id": 3, "value": deal_url(3)}],
        }
    )
    plan = write_back.plan([*engagement_changes(), issue_change()])
    assert ids(plan) == ["link-deal-2"]
    assert plan.equal_already == 2


@pytest.mark.parametrize("archived_at", [None, "2026-10-01T00:00:00Z"])
def test_a_request_that_only_a_project_field_names_counts_as_there(write_back, vendors, archived_at):
    vendors.items.append(
        {
            "id": 7000,
            "archived_at": archived_at,
            "content": {"number": 5, "id": 5, "html_url": "https://github.com/demo-org/delivery/issues/5"},
            "fields": [{"id": 3, "value": {"raw": deal_url(3)}}],
        }
    )
    plan = write_back.plan([issue_change()])
    assert plan.is_empty
    assert plan.equal_already == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (change("c", field="cloud_provider", after="Azure"), "has no choice 'Azure'"),
        (change("c", field="cloud_region", after="us-west-2"), "cannot be written"),
        (change("c", field="deal_name", after="x"), "hubspot.deals.deal_name may not be written"),
        (change("c", record_id="404"), "no longer has this record"),
        (change("c", after=""), "does not empty fields"),
        (change("c", is_blocked=True, blocked_reason="Airtable has never loaded completely"), "never loaded"),
        (change("c", needs="hubspot;aws"), "nothing is known about the source aws"),
        (engagement_changes()[0] | {"after": '{"status": "Started", "deal_url": "u"}'}, "has no choice 'Started'"),
        (engagement_changes()[0] | {"after": "not json"}, "cannot be read"),
        (engagement_changes()[0] | {"natural_key": "https://example.org"}, "names no deal"),
        (engagement_changes()[1], "is not in this plan"),
        (issue_change() | {"after": json.dumps({"title": "t", "status": "Later"})}, "has no choice 'Later'"),
        (change("c", system="airtable", object="engagements", field="monthly", record_id="recOther"), "may not be written"),
    ],
)
def test_what_a_vendor_or_a_guard_would_refuse_is_held_back_in_the_plan(write_back, row, why):
    plan = write_back.plan([row])
    assert plan.is_empty
    [sentence] = held(plan).values()
    assert why in sentence


def test_a_merged_or_archived_record_is_held_back(write_back, vendors):
    vendors.deals["1"]["id"] = "99"
    assert "merged into deals 99" in held(write_back.plan([change("c")]))["c"]
    vendors.deals["1"] = {"archived": True}
    assert "archived" in held(write_back.plan([change("c")]))["c"]


def test_changes_that_rest_on_a_stale_source_are_held_back(write_back):
    plan = write_back.plan(Snapshot(all_recipes(), stale=("airtable",)))
    assert ids(plan) == ["fill-community-50", "open-issue-3"]
    assert "Airtable has not loaded completely since" in held(plan)["create-engagement-2"]


def test_a_snapshot_older_than_its_sources_may_be_holds_everything_back(write_back):
    plan = write_back.plan(Snapshot(all_recipes(), completed_at=clock.now() - timedelta(hours=37)))
    assert plan.is_empty
    assert len(plan.held_back) == 5


def test_a_vendor_that_does_not_answer_holds_back_its_changes_and_not_the_others(write_back, vendors):
    def broken(*_):
        raise AssertionError

    vendors._github = lambda *_: __import__("vendor_double").Answer(503, {})
    plan = write_back.plan(all_recipes())
    assert "open-issue-3" in held(plan)
    assert len(plan.changes) == 4


def test_the_token_of_another_portal_is_a_configuration_error(write_back, vendors):
    vendors.portal = 999
    with pytest.raises(ConfigurationError, match="belongs to portal 999"):
        write_back.plan([change("c")])


def test_only_the_wanted_rules_and_at_most_so_many(write_back):
    assert ids(write_back.plan(all_recipes(), scope=Scope(rule_ids=["hg02"]))) == ["open-issue-3"]
    limited = write_back.plan(all_recipes(), limit=2)
    assert len(limited.changes) == 2
    assert limited.left_for_later == 3


def test_too_many_changes_trip_the_guard(write_back, vendors):
    rows = []
    for number in range(1000, 1051):
        vendors.deals[str(number)] = {}
        rows.append(change(f"c{number}", record_id=str(number)))
    plan = write_back.plan(rows)
    assert [guard.guard for guard in plan.stopping_guards] == ["number of changes"]


def test_a_change_to_a_large_share_of_records_trips_the_guard(write_back, vendors):
    snapshot = Snapshot([change(f"c{n}", record_id=str(n)) for n in range(100, 112)])
    vendors.deals.update({str(n): {} for n in range(100, 112)})
    original = snapshot.__call__

    class Small(Snapshot):
        def __call__(self, sql):
            rows = original(sql)
            return [row | {"row_count": 40} for row in rows] if "source_tables" in sql else rows

    plan = write_back.plan(Small(snapshot.changes))
    assert [guard.guard for guard in plan.stopping_guards] == ["share of records"]


def test_without_its_table_every_guard_that_needs_a_limit_is_unevaluable(write_back, home):
    del write_back.rules._tables["rule_guards"]
    plan = write_back.plan(all_recipes())
    unevaluable = {guard.guard for guard in plan.guards if guard.status is GuardStatus.unevaluable}
    assert unevaluable == {"number of changes", "fields", "money", "share of records", "expiry"}


def test_a_saved_plan_is_private_and_comes_back_as_it_was(write_back, home):
    plan = write_back.plan(all_recipes())
    path = save_plan(plan, home)
    assert path == home / "plans" / f"{plan.plan_id}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_plan(path) == plan
    assert find_plan("latest", home) == find_plan(plan.plan_id, home) == path


def test_an_edited_plan_is_not_a_plan(write_back, home):
    path = write_back.saved(all_recipes())
    path.write_text(path.read_text().replace('"birch"', '"beech"'))
    with pytest.raises(PlanUnusable, match="edited"):
        load_plan(path)
    [stored] = list_plans(home)
    assert stored.state is PlanState.unusable


def test_a_plan_of_another_home_is_not_a_plan_here(write_back, home, tmp_path):
    path = write_back.saved(all_recipes())
    other = tmp_path / "other"
    from pipelines.actions.seal import home_key

    home_key(other)
    with pytest.raises(PlanUnusable, match="seal does not fit"):
        load_plan(path, other)


def test_plans_are_listed_newest_first_with_their_state(write_back, home):
    now = clock.now()
    write_back.saved(all_recipes(), now=now - timedelta(hours=30))
    newer = write_back.saved(all_recipes(), now=now - timedelta(hours=1))
    assert [stored.state for stored in list_plans(home)] == [PlanState.open, PlanState.expired]
    assert list_plans(home)[0].path == newer


def test_the_plan_is_shown_as_before_and_after_with_finding_reason_and_link(write_back):
    text = "\n".join(
        plan_lines(write_back.plan([*all_recipes(), change("evil", record_id="2", reason="\x1b[2Jgone", after="x\x1b]8;;y")]))
    )
    assert "TBD -> birch" in text
    assert "[missing_intake:deal-1:community_id]" in text
    assert "(does not exist) -> engagement_name: Deal 2" in text
    assert deal_url(1) in text
    assert "SANDBOX" in text
    assert "\x1b" not in text


def test_changes_that_wait_for_each_other_are_still_listed_once():
    rows = [change_from_row(change("a", depends_on="b")), change_from_row(change("b", depends_on="a"))]
    assert [item.change_id for item in in_order(rows)] == ["a", "b"]


def test_an_engagement_that_was_called_off_does_not_stand_in_the_way_of_a_new_one(write_back, vendors):
    vendors.engagements["recOff"] = {"fldEngDealUrl0000": deal_url(2), "fldEngStatus00000": "Cancelled"}
    assert ids(write_back.plan(engagement_changes())) == ["create-engagement-2", "link-deal-2"]
    vendors.engagements["recOff"]["fldEngStatus00000"] = "Complete"
    assert ids(write_back.plan(engagement_changes())) == ["link-deal-2"]


def test_a_draft_on_the_board_is_no_request(write_back, vendors):
    vendors.items.append(
        {"id": 7000, "content_type": "DraftIssue", "content": {"title": "?"}, "fields": [{"id": 3, "value": deal_url(3)}]}
    )
    assert ids(write_back.plan([issue_change()])) == ["open-issue-3"]


def test_a_record_that_names_a_deal_merged_into_this_one_counts(write_back, vendors):
    write_back.rules._tables["map_id_aliases"].append(
        {"source": "hubspot", "object": "deals", "old_id": "1902", "canonical_id": "2"}
    )
    vendors.engagements["recOld"] = {"fldEngDealUrl0000": deal_url(1902)}
    assert ids(write_back.plan(engagement_changes())) == ["link-deal-2"]


def test_a_plan_can_be_narrowed_to_a_deal_an_owner_and_a_vendor(write_back):
    rows = all_recipes()
    owners = {"HG01:deal-2": "Rosa Lindqvist", "HG02:deal-3": "Omar Haddad"}
    for row in rows:
        row |= {"deal_id": row["finding_id"].rsplit("-", 1)[-1], "owner": owners.get(row["finding_id"])}
    assert ids(write_back.plan(rows, scope=Scope(deal_id="3"))) == ["open-issue-3"]
    assert ids(write_back.plan(rows, scope=Scope(deal_id="1"))) == ["fill-engagement-url-1"]
    assert ids(write_back.plan(rows, scope=Scope(owner="lindqvist"))) == ["create-engagement-2", "link-deal-2"]
    assert ids(write_back.plan(rows, scope=Scope(systems=["Airtable"]))) == ["create-engagement-2"]
    alone = write_back.plan(rows, scope=Scope(systems=["hubspot"], rule_ids=["HG01"]))
    assert alone.is_empty
    assert "is not in this plan" in held(alone)["link-deal-2"]


def judged_money(write_back, *rows):
    results = guards.evaluate(
        [change_from_row(row) for row in rows], limits=guards.Limits.of(write_back.rules), sources={}, record_counts={}
    )
    return next(result for result in results if result.guard == "money")


def test_amounts_that_change_by_too_much_altogether_trip_the_guard(write_back):
    up = change("up", field="amount", before="100000", after="130000")
    down = change("down", field="prepaid_cloud", before="20000.50", after="")
    assert judged_money(write_back, up, change("c")).sentence == "Amounts change by 30,000 altogether, at most 50,000."
    tripped = judged_money(write_back, up, down)
    assert tripped.status is GuardStatus.tripped
    assert "50,000.50 altogether, more than 50,000 (max_money_change" in tripped.sentence


@pytest.mark.parametrize("value", ["plenty", "NaN", "Infinity"])
def test_an_amount_that_is_no_number_cannot_be_judged(write_back, value):
    assert judged_money(write_back, change("c", field="amount", after=value)).status is GuardStatus.unevaluable
