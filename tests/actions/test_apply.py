"""Applying a plan: written once, read back, recorded first; and everything that must be left alone."""

import json
from datetime import timedelta

import pytest
from vendor_double import BUSY, LOST_AFTER, LOST_BEFORE, Answer
from write_back import Snapshot, all_recipes, change, community_change, deal_url, engagement_changes, issue_change, statuses

from pipelines import clock, warehouse
from pipelines.actions.plan import PlanState, list_plans
from pipelines.actions.rendering import result_lines
from pipelines.ledger import Ledger


def test_every_recipe_is_written_read_back_and_recorded(write_back, vendors):
    path = write_back.saved(all_recipes())
    result = write_back.apply(path)
    assert set(statuses(result).values()) == {"applied"}
    assert result.exit_code == 0
    assert vendors.communities["50"]["community_id"] == "birch"
    [made] = [key for key in vendors.engagements if key.startswith("recNew")]
    assert vendors.engagements[made] == {
        "fldEngName0000000": "Deal 2",
        "fldEngDealUrl0000": deal_url(2),
        "fldEngStatus00000": "Requested",
        "fldEngStart000000": "2026-12-01",
        "fldEngEnd00000000": "2027-11-30",
        "fldEngCommunity00": "Birch",
    }
    assert vendors.deals["2"]["engagement_url"] == f"https://airtable.com/appHandoffDemo000/tblEngagements000/{made}"
    issue = vendors.issues[-1]
    assert issue["title"] == "Deliver deal 3"
    assert "<!-- handoff:3 -->" in issue["body"]
    [item] = vendors.items
    assert {f["id"]: f["value"] for f in item["fields"]} == {2: {"id": "opt1", "name": {"raw": "New"}}, 3: deal_url(3)}
    phases = [row["phase"] for row in reversed(write_back.ledger_rows())]
    assert phases.count("intent") == phases.count("outcome") == len(vendors.writes) == 7
    assert phases.count("result") == 5


def test_every_write_has_its_intent_on_the_disk_before_it_is_sent(write_back, vendors, home):
    seen = []

    def look(method, path, body):
        with Ledger.open(home) as other:
            seen.append(len(other.unsettled_intents()))

    vendors.before_write = look
    write_back.apply(write_back.saved(all_recipes()))
    assert seen == [1] * 7


def test_a_second_plan_finds_nothing_to_do(write_back, vendors):
    write_back.apply(write_back.saved(all_recipes()))
    again = write_back.plan(all_recipes())
    assert again.is_empty
    assert again.equal_already == 5


def test_a_plan_is_used_once(write_back, vendors, home):
    path = write_back.saved(all_recipes())
    write_back.apply(path)
    count = len(vendors.writes)
    again = write_back.apply(path)
    assert again.exit_code == 1
    assert "was applied before, by ana" in again.refused
    assert len(vendors.writes) == count
    assert list_plans(home)[0].state is PlanState.applied
    with Ledger.open(home) as ledger:
        assert ledger.event_rows()[0]["kind"] == "apply_refused"


def refused(write_back, vendors, path, **options):
    result = write_back.apply(path, **options)
    assert result.exit_code == 1
    assert vendors.writes == []
    assert not result.results
    return result.refused


def test_an_expired_plan_is_refused(write_back, vendors):
    path = write_back.saved(all_recipes())
    assert "expired" in refused(write_back, vendors, path, now=clock.now() + timedelta(hours=24, minutes=1))


def test_an_edited_plan_is_refused(write_back, vendors):
    path = write_back.saved(all_recipes())
    content = json.loads(path.read_text())
    content["changes"][0]["after"] = "evil"
    path.write_text(json.dumps(content))
    assert "edited" in refused(write_back, vendors, path)


@pytest.mark.parametrize("name", ["plan_id", "expires_at", "guards", "places", "changes", "format", "run_id"])
def test_no_part_of_a_plan_can_be_edited(write_back, vendors, name):
    path = write_back.saved(all_recipes())
    content = json.loads(path.read_text())
    content[name] = "2999-01-01T00:00:00+00:00" if name == "expires_at" else []
    path.write_text(json.dumps(content))
    assert "seal does not fit" in refused(write_back, vendors, path)


def test_a_plan_that_does_not_exist_or_is_no_plan_is_refused(write_back, vendors, home, tmp_path):
    assert "There is no plan" in refused(write_back, vendors, home / "plans" / "plan-x.json")
    other = tmp_path / "x.json"
    other.write_text("[]")
    assert "not a sealed plan" in refused(write_back, vendors, other)


def test_a_plan_for_another_portal_base_or_organisation_is_refused(write_back, vendors, home):
    path = write_back.saved(all_recipes())
    vendors.portal = 999
    assert "portal 999" in refused(write_back, vendors, path)
    vendors.portal = 4400001
    vendors.write_portal = 555
    assert "HUBSPOT_WRITE_TOKEN belongs to portal 555" in refused(write_back, vendors, path)
    vendors.write_portal = None
    import write_back as shared

    class OtherBase(shared.DoubleTargets):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self._targets["airtable"]._base_id = "appOther"

    original, shared.DoubleTargets = shared.DoubleTargets, OtherBase
    vendors.base = "appOther"
    try:
        sentence = refused(write_back, vendors, path)
    finally:
        shared.DoubleTargets = original
    assert "made for Airtable base appHandoffDemo000" in sentence
    assert "appOther" in sentence


def test_a_guard_that_tripped_or_cannot_be_evaluated_stops_the_apply(write_back, vendors):
    path = write_back.saved(all_recipes())
    rules = write_back.rules
    rows = rules._tables["rule_guards"]
    rules._tables["rule_guards"] = [row | {"value": "2"} if row["key"] == "max_changes" else row for row in rows]
    assert "guard on number of changes" in refused(write_back, vendors, path)
    rules._tables["rule_guards"] = [row for row in rows if row["value"] != "hubspot.communities.community_id"]
    assert "may not be written" in refused(write_back, vendors, path)
    del rules._tables["rule_guards"]
    assert "cannot be evaluated" in refused(write_back, vendors, path)


def test_a_plan_whose_guards_tripped_when_it_was_made_stays_stopped(write_back, vendors):
    rows = write_back.rules._tables["rule_guards"]
    write_back.rules._tables["rule_guards"] = [row | {"value": "2"} if row["key"] == "max_changes" else row for row in rows]
    path = write_back.saved(all_recipes())
    write_back.rules._tables["rule_guards"] = rows
    assert "guard on number of changes" in refused(write_back, vendors, path)


def test_an_altered_ledger_stops_the_apply(write_back, vendors, home):
    import sqlite3

    path = write_back.saved(all_recipes())
    connection = sqlite3.connect(home / "ledger.sqlite")
    connection.execute("delete from plans")
    connection.commit()
    connection.close()
    result = write_back.apply(path)
    assert result.exit_code == 1
    assert "The ledger was altered" in result.refused
    assert vendors.writes == []


def test_while_a_sync_runs_nothing_is_applied(write_back, vendors, home):
    path = write_back.saved(all_recipes())
    with (
        warehouse.run_lock(home, what="handoff sync", started_at=clock.now()),
        pytest.raises(warehouse.Locked, match="handoff sync"),
    ):
        write_back.apply(path)
    assert vendors.writes == []


def test_nothing_is_written_with_the_read_token(write_back, vendors):
    path = write_back.saved(all_recipes())
    result = write_back.apply(path, may_write=False)
    assert vendors.writes == []
    assert result.exit_code == 3


def test_a_vendor_that_forbids_writing_is_asked_once(write_back, vendors):
    vendors.deals.update({str(n): {} for n in range(10, 14)})
    path = write_back.saved([change(f"c{n}", record_id=str(n)) for n in range(10, 14)] + [issue_change()])
    vendors.faults = [lambda: Answer(403, {"message": "This app hasn't been granted all required scopes"})]
    result = write_back.apply(path)
    assert statuses(result) == {"c10": "failed", "c11": "skipped", "c12": "skipped", "c13": "skipped", "open-issue-3": "applied"}
    assert "required scopes" in result.results[1].sentence


# Conflicts -----------------------------------------------------------------------------------------------------------------


def test_a_property_that_somebody_changed_since_is_left_alone_saying_who_and_when(write_back, vendors):
    path = write_back.saved([community_change(), change("c")])
    vendors.communities["50"]["community_id"] = "willow"
    vendors.history["50", "community_id"] = {
        "value": "willow",
        "timestamp": "2026-11-16T09:12:00Z",
        "sourceType": "CRM_UI",
        "updatedByUserId": 77,
    }
    result = write_back.apply(path)
    assert statuses(result) == {"c": "applied", "fill-community-50": "conflict"}
    assert result.exit_code == 3
    conflict = next(row for row in result.results if row.status == "conflict")
    assert "held 'TBD' when planned and holds 'willow' now, set by Ana Lopez on 2026-11-16 09:12 UTC" in conflict.sentence
    assert vendors.communities["50"]["community_id"] == "willow"
    assert len(vendors.writes) == 1


def test_a_value_that_somebody_already_set_as_planned_is_not_written(write_back, vendors):
    path = write_back.saved([community_change()])
    vendors.communities["50"]["community_id"] = "birch"
    result = write_back.apply(path)
    assert statuses(result) == {"fill-community-50": "already"}
    assert result.exit_code == 0
    assert vendors.writes == []


def test_an_engagement_that_somebody_made_since_is_linked_and_not_doubled(write_back, vendors):
    path = write_back.saved(engagement_changes())
    vendors.engagements["recByHand"] = {
        "fldEngDealUrl0000": "https://app-na2.hubspot.com/contacts/4400001/deal/2/",
        "fldEngName0000000": "By hand",
    }
    result = write_back.apply(path)
    assert statuses(result) == {"create-engagement-2": "already", "link-deal-2": "applied"}
    assert vendors.deals["2"]["engagement_url"].endswith("/recByHand")
    assert vendors.engagements["recByHand"]["fldEngName0000000"] == "By hand"


def test_two_engagements_made_since_are_a_conflict_and_the_link_is_skipped(write_back, vendors):
    path = write_back.saved(engagement_changes())
    for record_id in ("recA", "recB"):
        vendors.engagements[record_id] = {"fldEngDealUrl0000": deal_url(2)}
    result = write_back.apply(path)
    assert statuses(result) == {"create-engagement-2": "conflict", "link-deal-2": "skipped"}
    assert vendors.writes == []


def test_an_issue_that_somebody_opened_since_is_not_doubled_nor_moved(write_back, vendors):
    path = write_back.saved([issue_change()])
    vendors.issues.append(
        {"id": 9002, "number": 2, "title": "mine", "body": f"For {deal_url(3)}", "html_url": "https://github.com/x/2"}
    )
    result = write_back.apply(path)
    assert statuses(result) == {"open-issue-3": "already"}
    assert vendors.writes == []


def test_a_record_deleted_or_merged_since_is_a_conflict(write_back, vendors):
    path = write_back.saved([change("a"), change("b", record_id="2")])
    del vendors.deals["1"]
    vendors.deals["2"]["id"] = "88"
    result = write_back.apply(path)
    assert statuses(result) == {"a": "conflict", "b": "conflict"}
    assert vendors.writes == []


@pytest.mark.parametrize(
    ("watched", "words"),
    [
        (["fldEngStart000000"], ", set by Ana Lopez on 2026-11-17 09:12 UTC."),
        ([], ", set by Ana Lopez on 2026-11-17 09:12 UTC (the last change of that record)."),
        (["fldEngEnd00000000"], "; the vendor does not say by whom."),
    ],
)
def test_a_conflict_in_airtable_names_who_and_when_where_the_base_has_fields_for_it(write_back, vendors, watched, words):
    options = {"isValid": True, "referencedFieldIds": watched}
    vendors.further_fields = [
        {"id": "fldBy", "name": "Changed by", "type": "lastModifiedBy", "options": options},
        {"id": "fldAt", "name": "Changed at", "type": "lastModifiedTime", "options": options},
    ]
    row = change(
        "c", system="airtable", object="engagements", record_id="recOther", field="start_on", after="2026-12-01", needs=""
    )
    path = write_back.saved([row])
    vendors.engagements["recOther"] |= {
        "fldEngStart000000": "2027-01-01",
        "fldBy": {"id": "usr1", "email": "ana@example.org", "name": "Ana Lopez"},
        "fldAt": "2026-11-17T09:12:00.000Z",
    }
    result = write_back.apply(path)
    assert statuses(result) == {"c": "conflict"}
    assert f"holds '2027-01-01' now{words}" in result.results[0].sentence
    assert vendors.writes == []


def test_a_request_that_somebody_opened_says_who_and_when(write_back, vendors):
    path = write_back.saved([issue_change()])
    vendors.issues.append(
        {
            "id": 9002,
            "number": 2,
            "title": "mine",
            "body": f"For {deal_url(3)}",
            "html_url": "https://github.com/x/2",
            "user": {"login": "rosa"},
            "created_at": "2026-11-17T08:00:00Z",
        }
    )
    assert "already, set by rosa on 2026-11-17 08:00 UTC" in write_back.apply(path).results[0].sentence


# Answers that are lost ---------------------------------------------------------------------------------------------------------


def test_a_write_whose_answer_was_lost_is_settled_by_reading_and_never_resent(write_back, vendors):
    path = write_back.saved(all_recipes())
    vendors.faults = [LOST_AFTER] * 7
    result = write_back.apply(path)
    assert set(statuses(result).values()) == {"applied"}
    assert len(vendors.writes) == 7
    assert len([key for key in vendors.engagements if key.startswith("recNew")]) == 1
    assert len([issue for issue in vendors.issues if "handoff:3" in issue["body"]]) == 1
    assert not write_back.unsettled()
    assert {row["status"] for row in write_back.ledger_rows(phase="outcome")} == {"settled_written"}


@pytest.mark.parametrize("fault", [LOST_BEFORE, BUSY])
def test_a_write_that_never_arrived_fails_and_is_not_resent(write_back, vendors, fault):
    path = write_back.saved(all_recipes())
    vendors.faults = [fault] * 7
    result = write_back.apply(path)
    assert statuses(result) == {
        "create-engagement-2": "failed",
        "link-deal-2": "skipped",
        "fill-community-50": "failed",
        "fill-engagement-url-1": "failed",
        "open-issue-3": "failed",
    }
    assert len(vendors.writes) == 4
    assert "Reading shows that nothing was written" in result.results[0].sentence
    vendors.faults.clear()
    repeated = write_back.apply(write_back.saved(all_recipes()))
    assert repeated.exit_code == 0


def test_an_issue_whose_second_step_was_lost_is_finished_by_the_next_plan(write_back, vendors):
    path = write_back.saved([issue_change()])
    vendors.faults = [None, BUSY]
    assert statuses(write_back.apply(path)) == {"open-issue-3": "failed"}
    assert statuses(write_back.apply(write_back.saved([issue_change()]))) == {"open-issue-3": "applied"}
    assert len([issue for issue in vendors.issues if "handoff:3" in issue["body"]]) == 1
    assert len(vendors.items) == 1


def test_a_vendor_that_cannot_be_read_after_a_lost_answer_leaves_the_outcome_open_for_the_next_apply(write_back, vendors):
    path = write_back.saved([community_change()])
    original = vendors._hubspot

    def silent(*args):
        return Answer(503, {})

    def down(*_):
        vendors._hubspot = silent

    vendors.after_write = down
    vendors.faults = [LOST_AFTER]
    result = write_back.apply(path)
    assert statuses(result) == {"fill-community-50": "unknown"}
    assert result.exit_code == 3
    assert len(write_back.unsettled()) == 1
    vendors._hubspot, vendors.after_write = original, None
    following = write_back.apply(write_back.saved([change("c")]))
    assert statuses(following) == {"c": "applied"}
    assert "it was written" in following.settled[0]
    assert not write_back.unsettled()


def test_a_value_that_an_automation_overwrites_did_not_stick(write_back, vendors):
    path = write_back.saved([community_change(), *engagement_changes()])

    def automation(method, path, body):
        if "/2-4100/" in path:
            vendors.communities["50"]["community_id"] = "overwritten"
        for key in vendors.engagements:
            if key.startswith("recNew"):
                vendors.engagements[key]["fldEngStatus00000"] = "In progress"

    vendors.after_write = automation
    result = write_back.apply(path)
    assert statuses(result)["fill-community-50"] == "did_not_stick"
    assert statuses(result)["create-engagement-2"] == "did_not_stick"
    assert "status holds 'In progress'" in result.results[0].sentence
    assert result.exit_code == 3


def test_a_refusal_in_the_body_of_a_200_is_a_refusal_with_the_vendors_words(write_back, vendors):
    path = write_back.saved([community_change()])
    vendors.faults = [
        lambda: Answer(200, {"status": "error", "message": "Property values were not valid", "errors": [{"message": "bad id"}]})
    ]
    result = write_back.apply(path)
    assert statuses(result) == {"fill-community-50": "failed"}
    assert "Property values were not valid; bad id" in result.results[0].sentence


def test_garbage_after_a_write_is_settled_by_reading(write_back, vendors):
    path = write_back.saved(engagement_changes())
    vendors.faults = [lambda: Answer(200, ["no record"])]
    assert statuses(write_back.apply(path)) == {"create-engagement-2": "failed", "link-deal-2": "skipped"}


def test_the_result_in_words_ends_with_the_counts(write_back, vendors):
    path = write_back.saved(all_recipes())
    vendors.communities["50"]["community_id"] = "willow"
    lines = result_lines(write_back.apply(path))
    assert lines[-1].endswith("4 applied and read back, 1 left alone because somebody changed the target.")
    assert lines[-2].startswith("conflict: HubSpot community 50, community_id: Left alone")


def test_recipes_run_twice_change_nothing_the_second_time(write_back, vendors):
    write_back.apply(write_back.saved(Snapshot(all_recipes())))
    count = len(vendors.writes)
    path = write_back.saved(Snapshot(all_recipes()))
    assert "holds no changes" in write_back.apply(path).refused
    assert len(vendors.writes) == count


def test_what_cannot_be_settled_yet_does_not_stop_what_can_be_done(write_back, vendors):
    path = write_back.saved([issue_change()])
    vendors.after_write = lambda *_: setattr(vendors, "_github", lambda *_: Answer(503, {}))
    vendors.faults = [LOST_AFTER]
    assert statuses(write_back.apply(path)) == {"open-issue-3": "unknown"}
    vendors.after_write = None
    result = write_back.apply(write_back.saved([change("c")]))
    assert statuses(result) == {"c": "applied"}
    assert "still open" in result.settled[0]
    assert len(write_back.unsettled()) == 1
    del vendors._github
    assert "it was written" in write_back.apply(write_back.saved([community_change()])).settled[0]
    assert statuses(write_back.apply(write_back.saved([issue_change()]))) == {"open-issue-3": "applied"}
    assert len([issue for issue in vendors.issues if "handoff:3" in issue["body"]]) == 1
