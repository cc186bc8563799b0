"""A change between two pages of a running list is in this run or in the next, and takes no other record with it."""

from __future__ import annotations

import copy

import pytest
import reading
from loading import SourceWarehouse, interrupted
from reading import earlier_load

BEFORE, MOMENT = "2026-11-19T09:00:00Z", "2026-11-20T09:00:00Z"  # after everything in the story
ENGAGEMENTS, PROJECTS = "tblEngagements000", "tblProjects000000"
PAGES = {"hubspot__page_size": 20, "airtable__page_size": 20, "github__page_size": 7}

server = reading.server


@pytest.fixture
def sandbox(server):
    return server.fresh(**PAGES)


def assert_nothing_is_lost(sandbox, vendor, ending, change, tmp_path, *, touched, number=1):
    """Read with the change in the middle, and once more: what was not touched is in both, and the second is the truth."""
    reader = sandbox.reader(vendor)
    before = earlier_load(vendor, reader.read(), tmp_path / "before.duckdb")
    with reader.changed_after(number, ending, change):
        during = reader.read(before)
    after = reader.read(earlier_load(vendor, during, tmp_path / "during.duckdb"))
    truth = reader.read()
    assert after == truth
    for table, rows in truth.items():
        missing = [row for row in rows if row not in during[table] and not touched(table, row)]
        assert not missing, f"{table}: neither touched nor there, {len(missing)} rows such as {missing[0]}"
    assert reader.quarantine == []


# Airtable


def rename_engagement(state, place):
    record = state.records[ENGAGEMENTS][place]
    return record["id"], lambda: record["fields"].update(fldEngName0000000="Changed meanwhile")


def delete_engagement(state, place):
    record = state.records[ENGAGEMENTS][place]

    def delete():
        state.records[ENGAGEMENTS].remove(record)
        for project in state.records[PROJECTS]:
            links = project["fields"].get("fldPrjEngagement0", [])
            if record["id"] in links:
                links.remove(record["id"])

    return record["id"], delete


def add_engagement(state, place):
    record = copy.deepcopy(state.records[ENGAGEMENTS][1]) | {"id": "recAddedMeanwhile"}
    record["fields"].pop("fldEngProjects000", None)
    return record["id"], lambda: state.records[ENGAGEMENTS].insert(place, record)


@pytest.mark.parametrize("moving", [0, 1], ids=["pages stand", "pages move"])
@pytest.mark.parametrize("place", [2, -2], ids=["on a page that was read", "on a page to come"])
@pytest.mark.parametrize("make", [rename_engagement, delete_engagement, add_engagement])
def test_a_change_in_the_middle_of_an_airtable_table_is_never_lost(server, tmp_path, make, place, moving, *, record_property):
    sandbox = server.fresh(**PAGES, airtable__moving_pages=moving)
    state = sandbox.world.state.airtable
    record_id, change = make(state, place)
    linked = {project["id"] for project in state.records[PROJECTS] if record_id in str(project["fields"])}

    def touched(table, row):
        return table == "records" and row["id"] in {record_id, *linked}

    assert_nothing_is_lost(sandbox, "airtable", f"/{ENGAGEMENTS}", change, tmp_path, touched=touched)
    record_property("counted", "changes in the middle of a list, none lost")


# Issues of GitHub


def by_time_of_change(issues):
    return sorted(issues, key=lambda issue: (issue["updated_at"], issue["number"]))


def edit_issue(issues, place):
    issue = by_time_of_change(issues)[place]
    return issue["number"], lambda: issue.update(title="Changed meanwhile", updated_at=MOMENT)


def delete_issue(issues, place):
    issue = by_time_of_change(issues)[place]
    return issue["number"], lambda: issues.remove(issue)


def open_issue(issues, place):
    issue = copy.deepcopy(issues[place]) | {"number": 9001, "id": 999_001, "node_id": "I_opened", "updated_at": MOMENT}
    return 9001, lambda: issues.append(issue)


@pytest.mark.parametrize("is_one_moment", [False, True], ids=["changed at any time", "all changed in one second"])
@pytest.mark.parametrize("place", [2, -2], ids=["on a page that was read", "on a page to come"])
@pytest.mark.parametrize("make", [edit_issue, delete_issue, open_issue])
def test_a_change_in_the_middle_of_a_list_of_issues_is_never_lost(
    sandbox, tmp_path, make, place, is_one_moment, *, record_property
):
    github = sandbox.world.state.github
    issues = github.issues["bd-requests"] = github.issues["delivery"]
    github.issues = {"bd-requests": issues}
    for project in github.projects:  # an item goes with its issue, which is another story
        project["items"] = []
    if is_one_moment:
        for issue in issues:
            issue["updated_at"] = "2026-11-10T09:00:00Z"
    changed, change = make(issues, place)

    def touched(table, row):
        return table == "issues" and row["number"] == changed

    number = 3 if is_one_moment else 1  # the first page of a second comes twice anyway
    assert_nothing_is_lost(sandbox, "github", "/bd-requests/issues", change, tmp_path, touched=touched, number=number)
    record_property("counted", "changes in the middle of a list, none lost")


# Items of a project of GitHub


def edit_item(items, place):
    item = items[place]
    return item["id"], lambda: item["fields"].append(
        {"id": 57004, "name": "HubSpot deal", "data_type": "text", "value": "meanwhile"}
    )


def remove_item(items, place):
    item = items[place]
    return item["id"], lambda: items.remove(item)


def archive_item(items, place):
    item = items[place]
    return item["id"], lambda: item.update(archived_at=MOMENT)


def restore_item(items, place):
    item = items[place]
    item["archived_at"] = MOMENT
    return item["id"], lambda: item.update(archived_at=None)


def add_item(items, place):
    item = copy.deepcopy(items[place]) | {"id": max(item["id"] for item in items) + 1}
    return item["id"], lambda: items.append(item)


@pytest.mark.parametrize("place", [2, -2], ids=["on a page that was read", "on a page to come"])
@pytest.mark.parametrize("make", [edit_item, remove_item, archive_item, restore_item, add_item])
def test_a_change_in_the_middle_of_a_projects_items_is_never_lost(sandbox, tmp_path, make, place, record_property):
    board = next(project for project in sandbox.world.state.github.projects if project["number"] == 57)
    item_id, change = make(board["items"], place)

    def touched(table, row):
        return str(item_id) in {row.get("id"), row.get("item_id")}

    assert_nothing_is_lost(sandbox, "github", "/57/items", change, tmp_path, touched=touched)
    record_property("counted", "changes in the middle of a list, none lost")


# HubSpot: in full, and what changed alone


def change_deal(deals, place):
    deal = deals[sorted(deals, key=int)[place]]

    def change():
        deal.properties.update(dealname="Changed meanwhile", hs_lastmodifieddate=MOMENT)
        deal.updated_at = MOMENT

    return deal.id, change


def archive_deal(deals, place):
    deal = deals[sorted(deals, key=int)[place]]

    def archive():
        deal.archived, deal.archived_at = True, MOMENT

    return deal.id, archive


def add_deal(deals, place):
    ids = sorted(deals, key=int)
    deal = copy.deepcopy(deals[ids[2]])
    deal.id = "1" if place > 0 else "990000001"
    deal.updated_at = MOMENT
    deal.properties.update(hs_object_id=deal.id, hs_lastmodifieddate=MOMENT)
    return deal.id, lambda: deals.update({deal.id: deal})


@pytest.fixture
def _in_no_politeness(monkeypatch):
    """The pace is the transport's matter and has tests of its own."""
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.rate", (10_000, 1.0))
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.special_rates", ())
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.told_rate", lambda *_: None)


@pytest.mark.usefixtures("_in_no_politeness")
@pytest.mark.parametrize("mode", ["full", pytest.param("incremental", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("place", [2, -2], ids=["on a page that was read", "on a page to come"])
@pytest.mark.parametrize("make", [change_deal, archive_deal, add_deal])
def test_a_change_in_the_middle_of_the_deals_is_never_lost(sandbox, tmp_path, make, place, mode, *, record_property):
    asked = {"hubspot_full_list_records": 0 if mode == "incremental" else 10_000}
    deals = sandbox.world.state.hubspot.objects["deals"]
    warehouse = SourceWarehouse("hubspot", sandbox, tmp_path)
    if mode == "incremental":
        warehouse.load(**asked)
        for deal in deals.values():  # more than one page of changes
            deal.properties.update(dealname="Changed before", hs_lastmodifieddate=BEFORE)
            deal.updated_at = BEFORE
    untouched = {deal.id for deal in deals.values()}
    deal_id, change = make(deals, place)
    with interrupted(1, "/deals/search" if mode == "incremental" else "/deals", change):
        warehouse.load(**asked)
    assert warehouse.ids("deals") >= untouched - {deal_id}
    warehouse.load(**asked)
    truth = sandbox.reader("hubspot").read()
    assert warehouse.tables() == {table: truth[table] for table in warehouse.tables()}
    record_property("counted", "changes in the middle of a list, none lost")
