"""One task on each deal for its owner: made once, kept up to date, never repeated, and left alone once a person edited it."""

import json

import pytest
from vendor_double import BUSY, LOST_AFTER
from write_back import change, deal_url, statuses

LIST = "Ask the community once for all of it:<br>- Logo: nothing is filled in.<br>- Context &amp; goals: too short."


def task(body=LIST, owner="77", **columns):
    values = {"subject": "Ask for what the intake lacks", "body": body, "due_on": "2026-11-23", "owner_id": owner}
    return change(
        "task:deal-1",
        finding_id="missing_intake:deal-1:logo",
        recipe="write_hubspot_task",
        object="tasks",
        record_id=None,
        field=None,
        after=json.dumps(values),
        natural_key=deal_url(1),
        needs="hubspot",
        is_reversible=False,
        **columns,
    )


@pytest.fixture
def made(write_back, vendors):
    """Return the properties of the task that an apply has made."""
    assert statuses(write_back.apply(write_back.saved([task()]))) == {"task:deal-1": "applied"}
    [found] = vendors.tasks.values()
    return found["properties"]


def why(plan):
    [held] = plan.held_back
    return held.why


def test_a_task_is_made_on_the_deal_for_its_owner_with_the_list(vendors, made):
    assert made["hs_task_body"].startswith(LIST)
    assert made["hubspot_owner_id"] == "77"
    assert made["hs_timestamp"] == "2026-11-23T12:00:00Z"
    assert next(iter(vendors.tasks.values()))["deal_id"] == "1"


def test_a_second_plan_with_the_same_list_finds_nothing_to_do(write_back, vendors, made):
    made["hs_task_body"] = f"<div dir='auto'><p>{made['hs_task_body']}</p></div>"  # as HubSpot may dress it
    again = write_back.plan([task()])
    assert again.is_empty
    assert again.equal_already == 1
    made["hs_task_status"] = "COMPLETED"
    assert write_back.plan([task()]).is_empty


def test_another_list_updates_the_task_and_opens_it_again(write_back, vendors, made):
    made["hs_task_status"] = "COMPLETED"
    assert statuses(write_back.apply(write_back.saved([task(body="Ask:<br>- Website: nothing.")]))) == {"task:deal-1": "applied"}
    assert len(vendors.tasks) == 1
    assert made["hs_task_body"].startswith("Ask:<br>- Website: nothing.")
    assert made["hs_task_status"] == "NOT_STARTED"


def test_another_owner_of_the_deal_gets_the_task(write_back, vendors, made):
    write_back.apply(write_back.saved([task(owner="78")]))
    assert made["hubspot_owner_id"] == "78"
    assert len(vendors.tasks) == 1


def test_a_task_that_a_person_edited_is_left_alone(write_back, vendors, made):
    path = write_back.saved([task(body="Ask:<br>- Website: nothing.")])
    made["hs_task_body"] = made["hs_task_body"].replace("Logo", "Logo (asked on Monday)")
    result = write_back.apply(path)
    assert statuses(result) == {"task:deal-1": "conflict"}
    assert "somebody has edited the task (https://app-na2.hubspot.com/contacts/4400001/record/0-27/" in result.results[0].sentence
    assert "edited" in why(write_back.plan([task()]))


def test_two_such_tasks_are_an_obstacle_and_others_are_not(write_back, vendors, made):
    vendors.tasks["9001"] = {"deal_id": "1", "properties": {"hs_task_body": "Call them"}}
    assert write_back.plan([task()]).equal_already == 1
    vendors.tasks["9002"] = {"deal_id": "1", "properties": dict(made)}
    assert "2 tasks on this deal hold such a list" in why(write_back.plan([task()]))


@pytest.mark.parametrize(("fault", "status", "count"), [(LOST_AFTER, "applied", 1), (BUSY, "failed", 0)])
def test_a_lost_answer_is_settled_by_reading_and_never_makes_a_second_task(write_back, vendors, fault, status, count):
    path = write_back.saved([task()])
    vendors.faults = [fault]
    assert statuses(write_back.apply(path)) == {"task:deal-1": status}
    assert len(vendors.tasks) == count
    assert len(vendors.writes) == 1


@pytest.mark.parametrize(("name", "words"), [("owner_id", "has no owner_id"), ("due_on", "has no due_on")])
def test_a_task_without_owner_or_day_is_held_back(write_back, name, words):
    values = json.loads(task()["after"])
    del values[name]
    assert words in why(write_back.plan([task() | {"after": json.dumps(values)}]))


def test_an_undo_reports_the_task_and_deletes_nothing(write_back, vendors, made):
    assert "archive it by hand (https://app-na2.hubspot.com/contacts/4400001/record/0-27/" in why(write_back.undo("latest"))


def completion(vendors):
    [task_id] = vendors.tasks
    return change(
        f"complete:task-{task_id}",
        finding_id="missing_intake:deal-1:logo",
        recipe="complete_hubspot_task",
        object="tasks",
        record_id=task_id,
        field="status",
        before="NOT_STARTED",
        after="COMPLETED",
        policy="if_equal_before",
        needs="hubspot",
    )


def test_a_task_whose_list_is_done_is_completed_and_opened_again_by_undo(write_back, vendors, made):
    assert set(statuses(write_back.apply(write_back.saved([completion(vendors)]))).values()) == {"applied"}
    assert made["hs_task_status"] == "COMPLETED"
    assert write_back.plan([completion(vendors)]).equal_already == 1
    write_back.apply(write_back.saved([], plan=write_back.undo("latest")))
    assert made["hs_task_status"] == "NOT_STARTED"


def test_a_task_that_a_person_has_begun_or_deleted_meanwhile_is_left_to_them(write_back, vendors, made):
    path = write_back.saved([completion(vendors)])
    made["hs_task_status"] = "IN_PROGRESS"
    result = write_back.apply(path)
    assert set(statuses(result).values()) == {"conflict"}
    gone = completion(vendors) | {"record_id": "1"}
    assert "no longer has this task" in why(write_back.plan([gone]))
    assert "only completes and reopens tasks" in why(write_back.plan([completion(vendors) | {"after": "GONE"}]))
