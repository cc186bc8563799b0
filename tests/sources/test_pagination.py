"""Pages as vendors send them on a bad day: one row each, twice, in a circle, shifted, refused half-way, at a wrong time."""

from __future__ import annotations

import copy
import os
import random

import pytest
import reading

from pipelines.errors import GarbageAnswer, RateLimited, Unauthorized
from pipelines.settings import VENDORS

# A list of each vendor, as a fault's path says it, and a page size that makes several pages of it
LISTS = {
    "hubspot": r"/crm/objects/2026-09/deals$",
    "airtable": r"/tblEngagements000$",
    "asana": r"/projects$",
    "github": r"/demo-org/delivery/issues$",
    "aws": r"/ListAccounts$",
    "sheets": r"/v4/spreadsheets/[^/]+$",
    "intacct": r"/services/core/query$",
    "prometheus": r"/api/v1/query_range$",
}
SMALL_PAGES = {
    "hubspot__page_size": 20,
    "airtable__page_size": 20,
    "asana__page_size": 20,
    "github__page_size": 7,
    "aws__page_size": 300,
    "intacct__page_size": 7,
}

server = reading.server


@pytest.fixture
def sandbox(server):
    return server.fresh(**SMALL_PAGES)


@pytest.fixture(scope="module")
def truth(server):
    """Return the whole story of each vendor, read in its usual pages."""
    server.fresh()
    return {vendor: server.reader(vendor).read() for vendor in VENDORS}


def pages_of(reader):
    return len([call for call in reader.calls() if call == max(reader.calls(), key=reader.calls().count)])


@pytest.mark.parametrize("vendor", ["hubspot", "airtable", "asana", "github", "intacct"])
def test_one_row_a_page_is_the_same_as_a_hundred(truth, server, vendor, record_property):
    limits = {f"{vendor}__page_size": 1} | (
        {"hubspot__owners_page": 1, "hubspot__associations_page": 2} if vendor == "hubspot" else {}
    )
    reader = server.fresh(**limits).reader(vendor)
    assert reader.read() == truth[vendor]
    assert pages_of(reader) > 30
    record_property("counted", "vendors are the same in pages of one row")


def test_few_rows_a_page_of_aws_are_the_same_as_thousands(truth, server):
    server.fresh(aws__page_size=7).world.state.aws.costs[:-50] = []
    reader = server.reader("aws")
    small = reader.read()
    server.world.limits = {}
    assert small == reader.read()
    assert len(small["costs"]) > 20


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_cursor_that_comes_back_ends_the_reading_within_two_repeats(sandbox, vendor, record_property):
    reader = sandbox.reader(vendor)
    rows, error = reader.read_with({"kind": "page_again", "path": LISTS[vendor], "occurrence": "every"})
    assert rows is None
    assert isinstance(error, GarbageAnswer), repr(error)
    assert "in a circle" in error.sentence
    calls = reader.calls()
    assert calls.count(calls[-1]) <= 3
    record_property("most", ("asked again for a page in a circle", calls.count(calls[-1]) - 1, "times"))


@pytest.mark.parametrize("vendor", VENDORS)
def test_rows_that_come_again_on_later_pages_are_loaded_once(truth, sandbox, vendor):
    reader = sandbox.reader(vendor)
    rows, error = reader.read_with({"kind": "rows_again", "path": LISTS[vendor], "occurrence": "count", "n": 3})
    assert error is None, error
    assert rows == truth[vendor]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_token_that_is_withdrawn_between_two_pages_fails_the_source(sandbox, vendor):
    reader = sandbox.reader(vendor)
    rows, error = reader.read_with({"kind": "401", "path": LISTS[vendor], "occurrence": "nth", "n": 2})
    assert rows is None
    assert isinstance(error, Unauthorized)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_asks_for_a_day_of_patience_is_left_at_once(sandbox, vendor):
    reader = sandbox.reader(vendor)
    fault = {"kind": "429", "path": LISTS[vendor], "occurrence": "nth", "n": 2, "retry_after": 86_400}
    rows, error = reader.read_with(fault)
    assert rows is None
    assert isinstance(error, RateLimited)
    assert "86400 s" in error.sentence
    assert not reader.waits


@pytest.mark.parametrize("hours", [30, -30])
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendors_clock_that_is_hours_wrong_changes_nothing_that_is_read(truth, sandbox, vendor, hours):
    rows, error = sandbox.reader(vendor).read_with({"kind": "clock_skew", "occurrence": "every", "seconds": hours * 3600})
    assert error is None, error
    told = {table: content for table, content in rows.items() if table != "readings"}
    assert told == {table: truth[vendor][table] for table in told}


# Records that come and go while their list is being read

SEEDS = range(int(os.environ.get("SEEDS_OF_PROMISES", "6")))  # `make promises` tries more of them


def moving(reader, pattern, change):
    """Let ``change`` happen in the vendor after every answer whose address ends with ``pattern``; returns how to stop it."""
    original, times = reader.transport.request, []

    def request(method, url, **more):
        answer = original(method, url, **more)
        if str(url).endswith(pattern):
            times.append(url)
            change(len(times))
        return answer

    reader.transport.request = request

    def stop():
        reader.transport.request = original
        assert len(times) > 2, "nothing was moved between two pages"

    return stop


def github_issues(state):
    repository = max(state.github.issues, key=lambda name: len(state.github.issues[name]))
    return state.github.issues[repository]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_deal_is_not_lost_when_others_come_and_go_between_pages(sandbox, seed, record_property):
    chance = random.Random(seed)
    deals = sandbox.world.state.hubspot.objects["deals"]
    untouched = {record_id for record_id, record in deals.items() if not record.archived}
    made, gone = [], set()

    def change(count):
        record = copy.deepcopy(next(iter(deals.values())))
        record.id = str(chance.choice([1, 990_000]) + count)
        record.properties["hs_object_id"] = record.id
        deals[record.id] = record
        made.append(record.id)
        archived = chance.choice(sorted(untouched - gone))
        deals[archived].archived, deals[archived].archived_at = True, "2026-11-16T10:00:00Z"
        gone.add(archived)

    reader = sandbox.reader("hubspot")
    stop = moving(reader, "/objects/2026-09/deals", change)
    try:
        rows = reader.read()
    finally:
        stop()
    ids = [row["id"] for row in rows["deals"]]
    assert len(ids) == len(set(ids))
    assert untouched <= set(ids), f"lost: {untouched - set(ids)}"
    later = reader.read()
    assert {*made, *untouched} <= {row["id"] for row in later["deals"]}
    record_property("counted", "seeds of records that come and go between two pages, none lost")


@pytest.mark.parametrize("seed", SEEDS)
def test_an_issue_is_not_lost_when_others_are_opened_between_pages(sandbox, seed, record_property):
    chance = random.Random(seed)
    issues = github_issues(sandbox.world.state)
    before = {issue["number"] for issue in issues}

    def change(count):
        for _ in range(chance.randint(1, 3)):
            issue = copy.deepcopy(issues[-1])
            issue["number"] = issue["id"] = max(item["number"] for item in issues) + 1
            issue["created_at"] = issue["updated_at"] = f"2026-11-17T10:00:{count % 60:02d}Z"
            issues.append(issue)

    reader = sandbox.reader("github")
    stop = moving(reader, "/issues", change)
    try:
        rows = reader.read()
    finally:
        stop()
    numbers = [(row["repository"], row["number"]) for row in rows["issues"]]
    assert len(numbers) == len(set(numbers))
    assert before <= {number for _, number in numbers}
    record_property("counted", "seeds of records that come and go between two pages, none lost")
