"""HubSpot's sandbox, searched: filters find what they say, up to the cap, as far as the index has come."""

from __future__ import annotations

import json

import pytest
import serving
from portal import DEALS, ids, records, search

server = serving.server


@pytest.fixture(autouse=True)
def sandbox(server):
    return server.fresh()


@pytest.fixture(scope="module")
def reader(server):
    with server.reader("hubspot") as client:
        yield client


@pytest.fixture(scope="module")
def writer(server):
    with server.client("hubspot") as client:
        yield client


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        ([("amount", "GT", "24000")], lambda p: float(p.get("amount") or 0) > 24000),
        ([("amount", "BETWEEN", "20000", "30000")], lambda p: 20000 <= float(p.get("amount") or 0) <= 30000),
        ([("amount", "LTE", "24000")], lambda p: 0 < float(p.get("amount") or 0) <= 24000),
        ([("contract_end_date", "GTE", "2027-01-01")], lambda p: (p.get("contract_end_date") or "") >= "2027-01-01"),
        ([("closedate", "LT", "1767225600000")], lambda p: "" < (p.get("closedate") or "") < "2026-01-01"),
        ([("membership_level", "EQ", "standard")], lambda p: p.get("membership_level") == "Standard"),
        ([("amount", "NEQ", "24000")], lambda p: p.get("amount") not in {"24000", "", None}),
        ([("engagement_url", "HAS_PROPERTY")], lambda p: bool(p.get("engagement_url"))),
        ([("engagement_url", "NOT_HAS_PROPERTY")], lambda p: not p.get("engagement_url")),
        ([("dealname", "CONTAINS_TOKEN", "HUB")], lambda p: "hub" in p["dealname"].casefold().split()),
        (
            [("dealname", "CONTAINS_TOKEN", "soun*")],
            lambda p: any(w.startswith("soun") for w in p["dealname"].casefold().split()),
        ),
        ([("dealname", "NOT_CONTAINS_TOKEN", "hub")], lambda p: "hub" not in p["dealname"].casefold().split()),
        (
            [("dealstage", "EQ", "1006"), ("amount", "GTE", "30000")],
            lambda p: p["dealstage"] == "1006" and float(p.get("amount") or 0) >= 30000,
        ),
    ],
    ids=lambda value: " and ".join(" ".join(item) for item in value) if isinstance(value, list) else "",
)
def test_filters_find_what_they_say(sandbox, reader, filters, holds):
    expected = [r.id for r in records(sandbox, "deals").values() if not r.archived and holds(r.properties)]
    found = search(reader, *filters)
    assert expected, "a filter that finds nothing proves nothing"
    assert set(ids(found)) == set(expected)
    assert found["total"] == len(expected)


def test_in_wants_lower_case_for_texts_and_the_exact_choice_for_options(reader):
    def count(name, operator, *values):
        filters = [{"propertyName": name, "operator": operator, "values": list(values)}]
        answer = reader.post(f"{DEALS}/search", json={"filterGroups": [{"filters": filters}]})
        return answer.json()["total"]

    assert count("cloud_region", "IN", "us-west-2") > 0
    assert count("dealname", "IN", "fernhollow phenology hub") == 1
    assert count("dealname", "IN", "Fernhollow Phenology hub") == 0
    assert count("dealstage", "IN", "1006", "2005") == count("dealstage", "IN", "1006") + count("dealstage", "IN", "2005") > 2
    assert (
        count("dealstage", "IN", "1006") + count("dealstage", "NOT_IN", "1006")
        == search(reader, ("dealstage", "HAS_PROPERTY"))["total"]
    )


def test_groups_are_or_and_a_query_looks_into_names(reader):
    groups = [{"filters": [{"propertyName": "dealstage", "operator": "EQ", "value": stage}]} for stage in ("1006", "1007")]
    both = reader.post(f"{DEALS}/search", json={"filterGroups": groups}).json()["total"]
    assert both == sum(search(reader, ("dealstage", "EQ", stage))["total"] for stage in ("1006", "1007"))
    found = reader.post("/crm/objects/2026-09/companies/search", json={"query": "FERNHOLLOW inst"}).json()
    assert ids(found) == ["2001"]


def test_a_search_is_sorted_by_one_property_and_pages_by_position(reader):
    amounts = []
    after = None
    while True:
        body = {"sorts": [{"propertyName": "amount", "direction": "DESCENDING"}], "limit": 20, "properties": ["amount"]}
        answer = reader.post(f"{DEALS}/search", json=body | ({"after": after} if after else {})).json()
        amounts += [record["properties"]["amount"] for record in answer["results"]]
        after = answer.get("paging", {}).get("next", {}).get("after")
        if after is None:
            break
    known = [float(amount) for amount in amounts if amount]
    assert len(amounts) == answer["total"]
    assert known == sorted(known, reverse=True)
    assert amounts[len(known) :] == [None] * (len(amounts) - len(known))
    assert ids(reader.post(f"{DEALS}/search", json={"limit": 5}).json()) == sorted(
        ids(reader.post(f"{DEALS}/search", json={"limit": 5}).json()), key=int
    )


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "x"},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "none", "operator": "HAS_PROPERTY"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "LIKE", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "EQ"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "GT", "value": "much"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "LT", "value": "NaN"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "closedate", "operator": "LT", "value": "soon"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "IN"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "BETWEEN", "value": "1"}]}]},
        {"sorts": ["amount", "closedate"]},
        {"sorts": ["none"]},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_a_search_asked_for_wrongly_is_400(reader, body):
    answer = reader.post(f"{DEALS}/search", json=body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"


def test_a_search_ends_at_its_cap_and_goes_on_by_id(sandbox, reader):
    sandbox.limit(hubspot__search_cap=3)
    page = search(reader)
    assert len(page["results"]) == 3
    assert page["total"] > 3
    answer = reader.post(f"{DEALS}/search", json={"limit": 200, "after": page["paging"]["next"]["after"]})
    assert answer.status_code == 400
    found, last = [], "0"
    while page := ids(search(reader, ("hs_object_id", "GT", last), sorts=["hs_object_id"])):
        found += page
        last = page[-1]
    assert found == sorted((r.id for r in records(sandbox, "deals").values() if not r.archived), key=int)


def test_the_index_may_lag_behind_what_was_written(sandbox, reader, writer):
    sandbox.limit(hubspot__index_lag_seconds=3600)
    writer.patch(f"{DEALS}/1001", json={"properties": {"cloud_region": "mars-1"}})
    made = writer.post(DEALS, json={"properties": {"dealname": "Later", "dealstage": "1001"}}).json()["id"]
    writer.delete(f"{DEALS}/1002")
    assert search(reader, ("cloud_region", "EQ", "mars-1"))["total"] == 0
    assert made not in ids(search(reader))
    assert "1002" in ids(search(reader))
    assert reader.get(f"{DEALS}/{made}").status_code == 200, "reading by id never lags"
    sandbox.limit(hubspot__index_lag_seconds=0)
    assert ids(search(reader, ("cloud_region", "EQ", "mars-1"))) == ["1001"]
    assert made in ids(search(reader))
    assert "1002" not in ids(search(reader))
