"""Single fields at GitHub: a project item is linked, and a request that nobody needs is closed with a word about why."""

import pytest
from vendor_double import LOST_AFTER
from write_back import change, deal_url, statuses

MARKED = "<!-- handoff:close:request-for-deal-3:2 -->"


def link(**columns):
    row = change(
        "link:item-60-7001:deal_url",
        finding_id="HG03:deal-1",
        recipe="link_project_item",
        system="github",
        object="project_items",
        record_id="60/7001",
        field="deal_url",
        after=deal_url(1),
        needs="github",
    )
    return row | columns


def closing(**columns):
    row = change(
        "close:request-for-deal-3:2",
        finding_id="HG02:deal-3",
        recipe="close_github_request",
        system="github",
        object="issues",
        record_id="bd-requests/2",
        field="state",
        before="open",
        after="closed",
        policy="if_equal_before",
        reason="Deal 3 was lost, and the request that handoff opened for it is still open.",
        natural_key=deal_url(3),
        needs="github",
    )
    return row | columns


@pytest.fixture(autouse=True)
def _a_request_on_the_board(vendors):
    vendors.issues.append(
        {
            "id": 9002,
            "number": 2,
            "state": "open",
            "title": "Deliver",
            "body": "<!-- handoff:3 -->",
            "html_url": "https://github.com/x/2",
        }
    )
    vendors.items.append({"id": 7001, "content_type": "Issue", "content": vendors.issues[-1], "fields": []})


def why(plan):
    [held] = plan.held_back
    return held.why


def test_an_item_is_linked_with_its_deal_and_the_link_is_taken_back(write_back, vendors):
    assert statuses(write_back.apply(write_back.saved([link()]))) == {"link:item-60-7001:deal_url": "applied"}
    assert vendors.items[0]["fields"] == [{"id": 3, "value": deal_url(1)}]
    assert write_back.plan([link()]).equal_already == 1
    write_back.apply(write_back.saved([], plan=write_back.undo("latest")))
    assert vendors.items[0]["fields"] == [{"id": 3, "value": None}]


def test_an_item_that_a_person_filled_is_left_alone_with_what_github_tells_of_when(write_back, vendors):
    path = write_back.saved([link()])
    vendors.items[0] |= {"fields": [{"id": 3, "value": "theirs"}], "updated_at": "2026-11-16T09:30:00Z"}
    result = write_back.apply(path)
    assert statuses(result) == {"link:item-60-7001:deal_url": "conflict"}
    assert "set on 2026-11-16 09:30 UTC at the latest (GitHub keeps no history" in result.results[0].sentence


def test_what_a_project_would_refuse_is_shown_in_the_plan(write_back, vendors):
    assert "project 60 has no field 'Start date'" in why(write_back.plan([link(field="start_on", after="2026-12-01")]))
    assert "no longer has this record" in why(write_back.plan([link(record_id="60/1")]))
    vendors.items[0]["archived_at"] = "2026-11-01T00:00:00Z"
    assert "archived" in why(write_back.plan([link()]))


def test_a_request_that_nobody_needs_is_closed_with_a_word_about_why(write_back, vendors):
    result = write_back.apply(write_back.saved([closing()]))
    assert statuses(result) == {"close:request-for-deal-3:2": "applied"}
    issue = vendors.issues[-1]
    assert (issue["state"], issue["state_reason"]) == ("closed", "not_planned")
    [comment] = issue["said"]
    assert comment["body"].startswith("Deal 3 was lost")
    assert write_back.plan([closing()]).equal_already == 1


def test_a_lost_answer_to_the_comment_does_not_repeat_it(write_back, vendors):
    vendors.faults = [LOST_AFTER, LOST_AFTER]
    assert statuses(write_back.apply(write_back.saved([closing()]))) == {"close:request-for-deal-3:2": "applied"}
    assert len(vendors.issues[-1]["said"]) == 1
    assert MARKED in vendors.issues[-1]["said"][0]["body"]


def test_undo_opens_the_request_again_without_another_word(write_back, vendors):
    write_back.apply(write_back.saved([closing()]))
    write_back.apply(write_back.saved([], plan=write_back.undo("latest")))
    assert vendors.issues[-1]["state"] == "open"
    assert len(vendors.issues[-1]["said"]) == 1


def test_a_request_with_high_risk_waits_for_a_second_person(write_back, vendors):
    result = write_back.apply(write_back.saved([closing(risk="high")]))
    assert result.exit_code == 1
    assert "approve" in result.refused
    assert vendors.writes == []


def test_who_closed_a_request_and_when_is_told_from_its_events(write_back, vendors):
    vendors.issues[-1] |= {
        "state": "closed",
        "events": [
            {"event": "labeled", "actor": {"login": "bot"}, "created_at": "2026-11-16T12:00:00Z"},
            {"event": "closed", "actor": {"login": "mira"}, "created_at": "2026-11-16T11:00:00Z"},
            {"event": "reopened", "actor": {"login": "otto"}, "created_at": "2026-11-15T11:00:00Z"},
        ],
    }
    plan = write_back.plan([closing(before="open", after="open")])
    assert "now holds 'closed' (set by mira on 2026-11-16 11:00 UTC)" in why(plan)
