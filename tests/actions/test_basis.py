"""What a change rests on is looked at when the plan is made and again before anything is written."""

from __future__ import annotations

import json

import pytest
from test_airtable_recipes import BASE, deliverable, project
from write_back import Snapshot, change, deal_url, engagement_changes, issue_change, statuses

SNAPSHOT = {"dealstage": "1004", "dealname": "Birch hub", "amount": "24000"}


@pytest.fixture
def deals(vendors):
    """Let HubSpot and the snapshot say the same of deal 2."""
    vendors.deals["2"] |= SNAPSHOT
    return {"2": dict(SNAPSHOT)}


def engagement():
    [creation, link] = engagement_changes("2")
    values = json.loads(creation["after"]) | {"engagement_name": "Birch hub", "contract_value": "24000"}
    return [creation | {"after": json.dumps(values)}, link]


def request():
    return issue_change("2") | {"finding_id": "HG02:deal-2"}


def why(plan):
    return [held.why for held in plan.held_back]


@pytest.mark.parametrize(
    "case",
    [
        (engagement, "dealstage", "1007", "it rests on the stage of deal 2, which was"),
        (engagement, "dealname", "Oak hub", "it rests on the name of deal 2, which was 'Birch hub'"),
        (engagement, "amount", "31000", "it rests on the amount of deal 2, which was '24000'"),
        (lambda: [request()], "dealstage", "1007", "it rests on the stage of deal 2"),
    ],
)
def test_a_deal_that_changed_leaves_what_is_made_from_it_unmade(write_back, vendors, deals, case):
    rows, field, value, words = case
    path = write_back.saved(Snapshot(rows(), deals=deals))
    vendors.deals["2"][field] = value
    writes = len(vendors.writes)
    result = write_back.apply(path)
    assert set(statuses(result).values()) <= {"conflict", "skipped"}
    assert len(vendors.writes) == writes
    assert words in result.results[0].sentence
    assert result.results[0].sentence.endswith("Sync, then plan again.")
    assert words in why(write_back.plan(Snapshot(rows(), deals=deals)))[0]


def test_a_deal_that_is_archived_or_merged_leaves_what_is_made_from_it_unmade(write_back, vendors, deals):
    path = write_back.saved(Snapshot([request()], deals=deals))
    vendors.deals["2"]["archived"] = True
    [result] = write_back.apply(path).results
    assert "it rests on something that is not there any more: this record is archived (deals 2)" in result.sentence
    assert vendors.writes == []


def test_what_a_change_does_not_repeat_may_change(write_back, vendors, deals):
    path = write_back.saved(Snapshot([request()], deals=deals))
    vendors.deals["2"]["amount"] = "31000"
    assert set(statuses(write_back.apply(path)).values()) == {"applied"}


def test_filling_in_a_field_rests_on_no_stage(write_back, vendors, deals):
    path = write_back.saved(Snapshot([change("c", finding_id="HG09:deal-2", record_id="2")], deals=deals))
    vendors.deals["2"]["dealstage"] = "1007"
    assert set(statuses(write_back.apply(path)).values()) == {"applied"}


def test_no_link_is_written_to_an_engagement_that_was_deleted(write_back, vendors):
    path = write_back.saved([change("c")])
    del vendors.engagements["recOld"]
    [result] = write_back.apply(path).results
    assert (result.status.value, "is not there any more" in result.sentence) == ("conflict", True)
    assert vendors.deals["1"]["engagement_url"] is None


def test_no_deliverable_is_made_of_a_line_item_that_was_deleted(write_back, vendors):
    vendors.projects["recTheirs00000001"] = {"fldPrjDealUrl0000": deal_url(2)}
    path = write_back.saved([deliverable(f"{BASE}/tblProjects000000/recTheirs00000001", None)])
    vendors.deleted_line_items.add("61")
    [result] = write_back.apply(path).results
    assert (result.status.value, vendors.deliverables) == ("conflict", {})


def test_a_rehearsal_says_so_too(write_back, vendors, deals):
    from write_back import DoubleTargets

    from pipelines import clock
    from pipelines.actions.rehearsal import rehearse_plan
    from pipelines.ledger import Ledger

    path = write_back.saved(Snapshot([request()], deals=deals))
    vendors.deals["2"]["dealstage"] = "1007"
    with Ledger.open(write_back.home) as ledger:
        targets = DoubleTargets(vendors, write_back.rules, may_write=False)
        found = rehearse_plan(
            path, write_back.settings, write_back.rules, ledger, now=clock.now(), operator="ana", targets=targets
        )
    assert [row.status.value for row in found.results] == ["conflict"]


def test_a_project_below_an_engagement_that_was_deleted_is_not_made(write_back, vendors):
    vendors.engagements["recEngagement0001"] = {"fldEngDealUrl0000": deal_url(2)}
    path = write_back.saved([project()])
    del vendors.engagements["recEngagement0001"]
    [result] = write_back.apply(path).results
    assert (result.status.value, vendors.projects) == ("conflict", {})
