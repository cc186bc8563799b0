"""Every fault of the sandbox x every vendor x the first, a middle and the last page: the truth, or a failed source; never less.

A fault that is over after one answer must not be seen in what was read, unless it is one that no second try can help (the token).
A fault that stays must end in a sentence that names the vendor. One that was prepared and never hit fails its test (reading.py).
"""

from __future__ import annotations

import pytest
from reading import sandbox_in

from pipelines.errors import DeadlineExceeded, Forbidden, GarbageAnswer, RateLimited, Refused, Unauthorized, Unavailable
from pipelines.sandbox.faults import KINDS
from pipelines.settings import VENDORS

TITLES = {
    "hubspot": "HubSpot",
    "airtable": "Airtable",
    "asana": "Asana",
    "github": "GitHub",
    "aws": "AWS",
    "sheets": "Google Sheets",
    "intacct": "Sage Intacct",
    "prometheus": "Prometheus",
}
POSITIONS = ("first", "middle", "last")
# What the fault is when it stays
TRANSIENT = {
    "429": RateLimited,
    "500": Unavailable,
    "502": Unavailable,
    "503": Unavailable,
    "reset": Unavailable,
    "cut_body": Unavailable,
    "cut_body_unknown_length": GarbageAnswer,
    "html_200": GarbageAnswer,
    "empty_200": GarbageAnswer,
    "null_200": GarbageAnswer,
    "errors_200": GarbageAnswer,
    "malformed_json": GarbageAnswer,
    "hang": DeadlineExceeded,
    "slow": DeadlineExceeded,
}
PERMANENT = {"401": Unauthorized, "403": Forbidden}
SLOW = {"hang", "slow"}
# Not faults of one read: for writes, made up by the test, or over several pages (test_pagination.py)
ELSEWHERE = {"commit_then_timeout", "answer", "page_again", "rows_again", "clock_skew"}
FEW = {"deals": 8, "companies": 3, "contacts": 3, "communities": 3, "orders": 3, "line_items": 3}
SMALL_PAGES = {
    "hubspot__page_size": 3,
    "airtable__page_size": 4,
    "asana__page_size": 4,
    "github__page_size": 4,
    "aws__page_size": 12,
    "intacct__page_size": 4,
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with sandbox_in(tmp_path_factory.mktemp("matrix")) as running_sandbox:
        shorten(running_sandbox.fresh(**SMALL_PAGES).world.state)
        yield running_sandbox


@pytest.fixture(scope="module")
def clean(sandbox):
    """Return, for each vendor, what a reading without faults brings, and how many calls it takes."""
    readings = {}

    def of(vendor):
        if vendor not in readings:
            reader = sandbox.reader(vendor)
            rows = reader.read()
            assert sum(map(len, rows.values())) > 20, "a reading of nothing proves nothing"
            readings[vendor] = rows, reader.calls()
        return readings[vendor]

    return of


def shorten(state):
    """Keep a few records of each kind, so that a reading is short and its longest list still has several pages."""
    hubspot, github = state.hubspot, state.github
    for word, records in hubspot.objects.items():
        hubspot.objects[word] = dict(list(records.items())[: FEW.get(word, 1)])
    hubspot.associations = [
        link
        for link in hubspot.associations
        if link["fromId"] in hubspot.objects[link["from"]] and link["toId"] in hubspot.objects[link["to"]]
    ]
    state.airtable.records = {table: records[:10] for table, records in state.airtable.records.items()}
    asana = state.asana
    asana.projects = dict(list(asana.projects.items())[:10])
    asana.status_updates, asana.tasks = {}, {}
    for portfolio in asana.portfolios.values():
        portfolio["items"] = list(asana.projects)[:2]
    for project in github.projects:
        project["items"] = project["items"][:10]
    github.issues = {repository: issues[:10] for repository, issues in github.issues.items()}
    state.aws.costs = state.aws.costs[-60:]
    books = state.intacct.objects
    books["accounts-receivable/invoice"] = books["accounts-receivable/invoice"][:11]
    kept = {invoice["key"] for invoice in books["accounts-receivable/invoice"]}
    books["accounts-receivable/invoice-line"] = [
        line for line in books["accounts-receivable/invoice-line"] if line["invoice.key"] in kept
    ]


def place(position, calls):
    """Return which call is meant: the first, a middle page of the longest list, or the last."""
    if position != "middle":
        return {"first": 1, "last": len(calls)}[position]
    longest = max(calls, key=calls.count)
    pages = [number for number, call in enumerate(calls, 1) if call == longest]
    assert len(pages) >= 3, "there is no middle page"
    return pages[len(pages) // 2]


def test_every_kind_of_fault_is_in_the_matrix_or_has_its_own_tests():
    assert {*TRANSIENT, *PERMANENT, *ELSEWHERE} == set(KINDS)


# what must be waited for is tried at the first page by `make test`, and at every page by continuous integration
CELLS = [
    pytest.param(kind, position, marks=[pytest.mark.thorough] if kind in SLOW and position != "first" else [])
    for kind in TRANSIENT
    for position in POSITIONS
]
WITH_RETRY_AFTER = [("429 retry_after", "middle"), ("503 retry_after", "middle")]


@pytest.mark.parametrize(("kind", "position"), CELLS + WITH_RETRY_AFTER)
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_fault_that_passes_leaves_the_truth(sandbox, clean, vendor, kind, position):
    truth, calls = clean(vendor)
    name, _, asked = kind.partition(" ")
    # long enough for an ordinary call on a busy machine
    reader = sandbox.reader(vendor).deadline(5.0 if kind in SLOW else 60.0)
    fault = {"kind": name, "occurrence": "nth", "n": place(position, calls)} | ({"retry_after": 7} if asked else {})
    rows, error = reader.read_with(fault)
    assert error is None, error
    assert rows == truth
    # An iterator of Airtable is spent with the page that was lost, so that its table is read from the start.
    again = len(reader.calls()) - len(calls)
    assert 1 <= again <= 5 if vendor == "airtable" else again == 1
    if asked:
        assert reader.waits == [7.0]


@pytest.mark.parametrize(("kind", "position"), CELLS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_fault_that_stays_is_a_failed_source_and_never_fewer_rows(sandbox, clean, vendor, kind, position):
    _, calls = clean(vendor)
    reader = sandbox.reader(vendor).deadline(1.0 if kind in SLOW else 60.0)
    number = place(position, calls)
    rows, error = reader.read_with({"kind": kind, "occurrence": "from", "n": number})
    assert rows is None, f"{len(rows)} tables came, as if nothing had happened"
    # Airtable's word that the iterator is gone comes spoiled as well, and is then a refusal without words.
    expected = (TRANSIENT[kind], Refused) if vendor == "airtable" else TRANSIENT[kind]
    assert isinstance(error, expected), repr(error)
    assert TITLES[vendor] in error.sentence
    assert error.sentence.endswith("."), "it ends with the next step"
    assert len(reader.calls()) < number + 5, "it gives up after a handful of tries"


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("kind", PERMANENT)
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_token_that_fails_in_mid_run_fails_the_source_at_once(sandbox, clean, vendor, kind, position):
    truth, calls = clean(vendor)
    number = place(position, calls)
    reader = sandbox.reader(vendor)
    rows, error = reader.read_with({"kind": kind, "occurrence": "nth", "n": number})
    if (vendor, kind, position) == ("aws", "403", "first"):
        # An identity that may not ask Organizations is told its account by STS; that is no failure.
        assert (rows, error) == (truth, None)
        return
    assert rows is None
    # Airtable's 403 may also mean a wrong base id, and is told as such.
    assert isinstance(error, PERMANENT[kind]) or isinstance(error.__cause__, PERMANENT[kind]), repr(error)
    assert TITLES[vendor] in error.sentence
    assert len(reader.calls()) == number, "nothing is asked again with a token that is not accepted"
