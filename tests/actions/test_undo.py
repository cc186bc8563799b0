"""Taking back: a new plan that restores every field that nobody touched since, and reports the others."""

import pytest
from write_back import all_recipes, change, community_change, engagement_changes, statuses

from pipelines.actions.plan import save_plan
from pipelines.actions.rendering import plan_lines
from pipelines.errors import ConfigurationError


def applied(write_back, rows):
    path = write_back.saved(rows)
    assert write_back.apply(path).exit_code == 0
    return path.stem


def held(plan):
    return {item.change.change_id.rsplit(":", 1)[-1]: item.why for item in plan.held_back}


def test_an_undo_of_a_run_restores_every_field_and_reports_what_was_created(write_back, vendors):
    plan_id = applied(write_back, all_recipes())
    plan = write_back.undo(plan_id)
    assert {item.field: (item.before, item.after) for item in plan.changes if item.record_id == "50"} == {
        "community_id": ("birch", "TBD")
    }
    assert len(plan.changes) == 3
    assert "handoff deletes nothing; archive it by hand (https://airtable.com/" in held(plan)["create-engagement-2"]
    assert "archive it by hand (https://github.com/" in held(plan)["open-issue-3"]
    assert f"Takes back what {plan_id} wrote." in plan_lines(plan)
    result = write_back.apply(save_plan(plan, write_back.home))
    assert set(statuses(result).values()) == {"applied"}
    assert vendors.communities["50"]["community_id"] == "TBD"
    assert not vendors.deals["1"]["engagement_url"]
    assert not vendors.deals["2"]["engagement_url"]


def test_what_somebody_touched_since_is_reported_with_who_and_when_and_left_alone(write_back, vendors):
    plan_id = applied(write_back, [community_change(), change("c")])
    vendors.communities["50"]["community_id"] = "willow"
    vendors.history["50", "community_id"] = {
        "value": "willow",
        "timestamp": "2026-11-17T09:12:00Z",
        "sourceType": "CRM_UI",
        "updatedByUserId": 77,
    }
    plan = write_back.undo(plan_id)
    assert [item.record_id for item in plan.changes] == ["1"]
    why = held(plan)["fill-community-50"]
    assert "now holds 'willow' (set by Ana Lopez on 2026-11-17 09:12 UTC) where handoff wrote 'birch'" in why


def test_what_somebody_touches_between_the_undo_and_its_apply_is_a_conflict(write_back, vendors):
    plan_id = applied(write_back, [community_change()])
    path = save_plan(write_back.undo(plan_id), write_back.home)
    vendors.communities["50"]["community_id"] = "willow"
    assert statuses(write_back.apply(path)) == {f"undo:{plan_id}:fill-community-50": "conflict"}
    assert vendors.communities["50"]["community_id"] == "willow"


def test_one_change_can_be_taken_back_alone(write_back, vendors):
    applied(write_back, [community_change(), change("c")])
    plan = write_back.undo("c")
    assert [item.record_id for item in plan.changes] == ["1"]
    assert [item.record_id for item in write_back.undo("latest").changes] == ["1", "50"]


def test_an_undo_done_twice_changes_nothing_the_second_time(write_back, vendors):
    plan_id = applied(write_back, [community_change()])
    write_back.apply(save_plan(write_back.undo(plan_id), write_back.home))
    count = len(vendors.writes)
    again = write_back.undo(plan_id)
    assert again.is_empty
    assert again.equal_already == 1
    assert len(vendors.writes) == count


def test_an_undo_can_be_taken_back(write_back, vendors):
    plan_id = applied(write_back, [community_change()])
    path = save_plan(write_back.undo(plan_id), write_back.home)
    write_back.apply(path)
    write_back.apply(save_plan(write_back.undo(path.stem), write_back.home))
    assert vendors.communities["50"]["community_id"] == "birch"


def test_what_was_so_already_is_not_taken_back(write_back, vendors):
    path = write_back.saved([community_change(), change("c")])
    vendors.communities["50"]["community_id"] = "birch"
    write_back.apply(path)
    assert [item.record_id for item in write_back.undo(path.stem).changes] == ["1"]


def test_a_field_of_airtable_that_was_empty_is_empty_again(write_back, vendors):
    row = change(
        "set-start", system="airtable", object="engagements", record_id="recOther", field="start_on", after="2026-12-01", needs=""
    )
    plan_id = applied(write_back, [row])
    assert vendors.engagements["recOther"]["fldEngStart000000"] == "2026-12-01"
    write_back.apply(save_plan(write_back.undo(plan_id), write_back.home))
    assert "fldEngStart000000" not in vendors.engagements["recOther"]


def test_an_undo_of_what_the_ledger_does_not_know_says_so(write_back):
    with pytest.raises(ConfigurationError, match="Nothing was written"):
        write_back.undo("latest")
    applied(write_back, engagement_changes())
    with pytest.raises(ConfigurationError, match="knows of nothing that 'plan-x' wrote"):
        write_back.undo("plan-x")


def test_planning_an_undo_writes_nothing(write_back, vendors):
    plan_id = applied(write_back, all_recipes())
    count = len(vendors.writes)
    write_back.undo(plan_id)
    assert len(vendors.writes) == count
