"""HubSpot's sandbox, read: both families of paths tell the same, pages tell all, and no is said as HubSpot does."""

from __future__ import annotations

import pytest
import serving
from portal import DEALS, LINKS, fixed, ids, records, search, walk

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


# Two families of paths, one store


@pytest.mark.parametrize(
    ("dated", "old"),
    [
        ("/crm/objects/2026-09/deals?limit=3&properties=amount", "/crm/v3/objects/deals?limit=3&properties=amount"),
        ("/crm/objects/2026-03/0-3/1001", "/crm/v3/objects/0-3/1001"),
        ("/crm/objects/2026-09/2-4100?limit=5", "/crm/v3/objects/p_communities?limit=5"),
        ("/crm/objects/2026-09/2-4100?limit=5", "/crm/v3/objects/p4400001_communities?limit=5"),
        ("/crm/owners/2026-09", "/crm/v3/owners/"),
        ("/crm/pipelines/2026-09/deals", "/crm/v3/pipelines/0-3"),
        ("/crm/properties/2026-09/contacts", "/crm/v3/properties/0-1"),
        ("/crm/associations/2026-09/deals/contacts/labels", "/crm/v4/associations/deals/contacts/labels"),
        ("/crm/associations/2026-09/deals/contacts/labels", "/crm/associations/v4/0-3/0-1/labels"),
        ("/crm/objects/2026-03/deals/1001/associations/contacts", "/crm/v4/objects/deals/1001/associations/contacts"),
        ("/account-info/2026-09/details", "/account-info/v3/details"),
        ("/crm/objects/2026-09/deals/4711", "/crm/v3/objects/deals/4711"),
    ],
)
def test_a_dated_path_and_an_old_one_answer_alike(reader, dated, old):
    one, other = reader.get(dated), reader.get(old)
    assert one.status_code == other.status_code
    assert fixed(one) == fixed(other)


def test_what_is_written_by_an_old_path_is_read_by_a_dated_one(writer):
    made = writer.post("/crm/v3/objects/0-2", json={"properties": {"name": "Tern Institute"}}).json()
    assert writer.get(f"/crm/objects/2026-09/companies/{made['id']}").json()["properties"]["name"] == "Tern Institute"


@pytest.mark.parametrize(
    ("word", "status", "words"),
    [
        ("communities", 400, "Unable to infer object type from: communities"),
        ("dealz", 400, "Unable to infer object type from: dealz"),
        ("2-9999", 404, "2-9999"),
        ("0-410", 501, "0-410"),
    ],
)
def test_an_object_type_that_is_none_is_said_so(reader, word, status, words):
    answer = reader.get(f"/crm/objects/2026-09/{word}")
    assert answer.status_code == status
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/crm/objects/2031-01/deals",
        "/crm/objects/v3/deals",
        "/crm/2026-09/objects/deals",
        "/crm/v4/objects/deals",
        "/objects/2026-09/deals",
        "/objects/deals",
        "/crm/v3/objects/deals/1001/associations/contacts",
        "/crm/v3/associations/deals/contacts/labels",
        "/crm/account-info/2026-09/details",
        "/crm/v3/imports",
        "/crm-object-schemas/2026-09/schemas/2-4100",
    ],
)
def test_a_path_that_hubspot_never_had_or_that_is_not_built_is_501(reader, path):
    answer = reader.get(path)
    assert answer.status_code == 501
    assert f"GET {path} " in answer.json()["message"]


# Reading


def test_pages_tell_every_record_once_in_the_order_of_ids(sandbox, reader):
    live = sorted((record.id for record in records(sandbox, "deals").values() if not record.archived), key=int)
    for limit in (7, 100):
        found, pages = walk(reader, DEALS, limit=limit)
        assert [record["id"] for record in found] == live
        assert pages == -(-len(live) // limit)


def test_the_last_page_has_no_next_and_a_full_last_page_neither(sandbox, reader):
    count = sum(not record.archived for record in records(sandbox, "deals").values())
    limit = max(number for number in range(1, 101) if count % number == 0)
    found, pages = walk(reader, DEALS, limit=limit)
    assert len(found) == count
    assert pages == count // limit


def test_a_record_that_comes_or_goes_between_pages_is_no_trouble(sandbox, reader, writer):
    first = reader.get(DEALS, params={"limit": 5}).json()
    after = first["paging"]["next"]["after"]
    assert writer.delete(f"{DEALS}/{after}").status_code == 204  # the very record that the cursor names
    writer.post(DEALS, json={"properties": {"dealname": "New", "dealstage": "1001"}})
    rest, _ = walk(reader, DEALS, limit=100, after=after)
    told = ids(first) + [record["id"] for record in rest]
    assert len(told) == len(set(told))
    assert set(told) == {record.id for record in records(sandbox, "deals").values() if not record.archived} | {after}


def test_the_next_link_stays_on_this_server(sandbox, reader):
    page = reader.get(DEALS, params={"limit": 2, "properties": "amount"}).json()
    assert page["paging"]["next"]["link"].startswith(f"{sandbox.url}/hubspot{DEALS}?limit=2&properties=amount&after=")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"limit": 101}, "from 1 to 100"),
        ({"limit": 51, "propertiesWithHistory": "amount"}, "from 1 to 50"),
        ({"limit": 0}, "limit"),
        ({"after": "somewhere"}, "cursor"),
        ({"archived": "perhaps"}, "archived"),
    ],
    ids=str,
)
def test_a_list_asked_for_wrongly_is_400(reader, params, words):
    answer = reader.get(DEALS, params=params)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert words in answer.json()["message"]


def test_a_list_shows_ten_records_unless_asked_otherwise(reader):
    assert len(reader.get(DEALS).json()["results"]) == 10


def test_unset_properties_are_null_unknown_ones_are_left_out_and_values_are_strings(reader):
    properties = reader.get(f"{DEALS}/1001", params={"properties": "amount,target_end_date,no_such_thing"}).json()["properties"]
    assert properties["amount"] == "24000"
    assert properties["target_end_date"] is None
    assert "no_such_thing" not in properties
    assert set(properties) == {"amount", "target_end_date", "hs_object_id", "createdate", "hs_lastmodifieddate"}


def test_repeated_and_comma_separated_properties_are_the_same(reader):
    one = reader.get(f"{DEALS}/1001?properties=amount&properties=pipeline")
    assert fixed(one) == fixed(reader.get(f"{DEALS}/1001?properties=amount,pipeline"))


def test_history_is_newest_first_and_ends_with_the_present_value(sandbox, reader):
    found, _ = walk(
        reader,
        DEALS,
        limit=50,
        propertiesWithHistory="dealstage,pipeline,hubspot_owner_id,target_end_date",
        properties="dealstage",
    )
    assert found
    for record in found:
        stages = record["propertiesWithHistory"]["dealstage"]
        assert stages[0]["value"] == record["properties"]["dealstage"]
        assert [entry["timestamp"] for entry in stages] == sorted((entry["timestamp"] for entry in stages), reverse=True)
        assert all(entry["sourceType"] for entry in stages)
        assert len(record["propertiesWithHistory"]["hubspot_owner_id"]) == bool(
            records(sandbox, "deals")[record["id"]].properties.get("hubspot_owner_id")
        )
    assert found[0]["propertiesWithHistory"]["target_end_date"] == []


def test_archived_records_are_in_their_own_list_only(sandbox, reader, writer):
    before, _ = walk(reader, DEALS, limit=100, archived="true")
    assert before
    assert all(record["archived"] and record["archivedAt"] for record in before)
    assert writer.delete(f"{DEALS}/1001").status_code == 204
    assert reader.get(f"{DEALS}/1001").status_code == 404
    assert reader.get(f"{DEALS}/1001", params={"archived": "true"}).json()["archived"] is True
    assert {record["id"] for record in walk(reader, DEALS, archived="true")[0]} == {"1001", *(record["id"] for record in before)}
    assert search(reader, ("hs_object_id", "EQ", "1001"))["total"] == 0


def test_a_merged_id_leads_to_the_record_that_survived(reader):
    assert reader.get(f"{DEALS}/1903").json()["id"] == "1003"
    answer = reader.post(f"{DEALS}/batch/read", json={"inputs": [{"id": "1903"}, {"id": "1003"}], "properties": []})
    assert ids(answer.json()) == ["1003"]
    assert "1903" not in {record["id"] for record in walk(reader, DEALS, limit=100)[0]}


def test_a_record_is_found_by_a_unique_property_only(reader):
    contact = "/crm/objects/2026-09/contacts"
    assert reader.get(f"{contact}/ODALYS@fernhollow.example?idProperty=email").json()["id"] == "30011"
    assert reader.get(f"{contact}/nobody@fernhollow.example?idProperty=email").status_code == 404
    assert reader.get(f"{contact}/Odalys?idProperty=firstname").status_code == 400


def test_records_that_are_missing_are_404_in_hubspots_words(reader):
    answer = reader.get(f"{DEALS}/999999999")
    assert (answer.status_code, answer.json()["message"]) == (404, "resource not found")
    assert "category" not in answer.json()
    answer = reader.get(f"{DEALS}/abc")
    assert (answer.status_code, answer.json()["category"], answer.json()["context"]) == (404, "OBJECT_NOT_FOUND", {"id": ["abc"]})


def test_associations_of_a_list_name_each_linked_record(reader):
    record = reader.get(f"{DEALS}/1001?associations=contacts,companies,2-4100,notes").json()
    assert record["associations"] == {
        "contacts": {"results": [{"id": "30011", "type": "deal_to_contact"}, {"id": "30012", "type": "deal_to_contact"}]},
        "companies": {"results": [{"id": "2001", "type": "deal_to_company"}]},
        "p4400001_communities": {"results": [{"id": "4001", "type": "deal_to_p4400001_communities"}]},
    }


def test_owners_are_told_by_page_and_those_who_left_apart(sandbox, reader):
    sandbox.limit(hubspot__owners_page=2)
    active, pages = walk(reader, "/crm/owners/2026-09", limit=100)
    assert ([owner["id"] for owner in active], pages) == (["501", "502", "503"], 2)
    assert ids(reader.get("/crm/owners/2026-09?archived=true").json()) == ["504"]
    assert ids(reader.get("/crm/owners/2026-09?email=Bram@bd.example").json()) == ["502"]
    assert reader.get("/crm/owners/2026-09/90501?idProperty=userId").json()["id"] == "501"
    assert reader.get("/crm/owners/2026-09/504").status_code == 404
    assert reader.get("/crm/owners/2026-09/504?archived=true").json()["lastName"] == "Halloway-Pike"


def test_pipelines_hold_their_stages_and_other_objects_have_none(reader):
    pipelines = reader.get("/crm/pipelines/2026-09/deals").json()["results"]
    assert [pipeline["label"] for pipeline in pipelines] == ["New business", "Renewals", "Gifts"]
    assert {stage["metadata"]["isClosed"] for stage in pipelines[0]["stages"]} == {"true", "false"}
    assert reader.get("/crm/pipelines/2026-09/deals/7001/stages/2003").json()["label"] == "Engaging"
    assert len(reader.get("/crm/pipelines/2026-09/deals/7001/stages").json()["results"]) == 6
    assert reader.get("/crm/pipelines/2026-09/deals/9").status_code == 404
    assert reader.get("/crm/pipelines/2026-09/orders").json() == {"results": []}


def test_the_portals_own_object_types_are_described_with_their_properties(reader):
    (described,) = reader.get("/crm-object-schemas/v3/schemas").json()["results"]
    assert (described["objectTypeId"], described["fullyQualifiedName"]) == ("2-4100", "p4400001_communities")
    assert described["properties"] == reader.get("/crm/properties/2026-09/2-4100").json()["results"]
    assert {"fromObjectTypeId": "0-3", "toObjectTypeId": "2-4100"}.items() <= {
        key: value for link in described["associations"] if link["id"] == "211" for key, value in link.items()
    }.items()


def test_hubspots_own_object_types_answer_to_their_singular_names_too(reader):
    assert reader.get("/crm/v3/objects/deal?limit=3").json() == reader.get("/crm/v3/objects/deals?limit=3").json() | {
        "paging": reader.get("/crm/v3/objects/deal?limit=3").json()["paging"]
    }
    assert reader.get("/crm/v3/objects/community").status_code == 400


def test_a_search_takes_any_whole_number_as_milliseconds(reader):
    asked = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "0"}
    answer = reader.post("/crm/objects/2026-09/deals/search", json={"filterGroups": [{"filters": [asked]}]}).json()
    assert answer["total"] == reader.post("/crm/objects/2026-09/deals/search", json={}).json()["total"] > 0


def test_properties_can_be_asked_for_one_by_one_and_cannot_be_made(reader, writer):
    assert reader.get("/crm/properties/2026-09/deals/amount").json()["type"] == "number"
    assert reader.get("/crm/properties/2026-09/deals/none").json()["category"] == "OBJECT_NOT_FOUND"
    assert reader.get("/crm/properties/2026-09/deals?archived=true").json() == {"results": []}
    assert reader.get("/crm/properties/2026-09/deals?dataSensitivity=sensitive").json() == {"results": []}
    assert writer.post("/crm/properties/2026-09/deals", json={"name": "x"}).status_code == 501
    assert reader.get("/crm/properties/2026-09/deals/groups").status_code == 501
    [rule] = reader.get("/crm/property-validations/2026-09/0-3").json()["results"]
    assert (rule["propertyName"], rule["propertyValidationRules"][0]["ruleType"]) == ("engagement_url", "MAX_LENGTH")
    assert reader.get("/crm/property-validations/2026-09/0-1").json() == {"results": []}
    assert reader.get("/crm/property-validations/2026-09/0-3/amount").status_code == 501


def test_the_account_says_which_portal_it_is_and_how_much_was_used(sandbox, reader):
    assert reader.get("/account-info/2026-09/details").json()["portalId"] == 4400001
    [usage] = reader.get("/account-info/2026-09/api-usage/daily/private-apps").json()["results"]
    assert usage["usageLimit"] == 250_000
    assert usage["currentUsage"] > 0


# Tokens and limits


def test_without_the_right_token_everything_is_401(sandbox):
    for token in (None, "another", "sandbox-token2"):
        answer = sandbox.client("hubspot", token).get(DEALS)
        assert answer.status_code == 401
        assert answer.json()["category"] == "INVALID_AUTHENTICATION"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("PATCH", f"{DEALS}/1001", "crm.objects.deals.write"),
        ("DELETE", f"{DEALS}/1001", "crm.objects.deals.write"),
        ("POST", "/crm/v3/objects/companies", "crm.objects.companies.write"),
        ("POST", "/crm/objects/2026-09/notes", "crm.objects.contacts.write"),
        ("POST", "/crm/objects/2026-09/2-4100/batch/update", "crm.objects.custom.write"),
        ("PUT", f"{DEALS}/1001/associations/default/contacts/30011", "crm.objects.deals.write"),
        ("POST", f"{LINKS}/contacts/deals/batch/archive", "crm.objects.contacts.write"),
    ],
)
def test_the_token_for_reading_writes_nothing_and_is_told_the_missing_scope(sandbox, reader, method, path, scope):
    answer = reader.request(method, path, json={"properties": {"amount": "1"}})
    assert answer.status_code == 403
    content = answer.json()
    assert content["category"] == "MISSING_SCOPES"
    assert content["errors"][0]["context"] == {"requiredGranularScopes": [scope]}
    assert records(sandbox, "deals")["1001"].properties["amount"] == "24000"


def test_the_limits_are_told_but_not_of_searches(reader):
    headers = reader.get(DEALS).headers
    assert headers["x-hubspot-ratelimit-max"] == "100"
    assert headers["x-hubspot-ratelimit-interval-milliseconds"] == "10000"
    assert headers["x-hubspot-ratelimit-daily"] == "250000"
    remaining = int(headers["x-hubspot-ratelimit-daily-remaining"])
    assert int(reader.get(DEALS).headers["x-hubspot-ratelimit-daily-remaining"]) == remaining - 1
    assert not [name for name in reader.post(f"{DEALS}/search", json={}).headers if "ratelimit" in name]


@pytest.mark.parametrize(("limit", "policy"), [("ten_second_calls", "TEN_SECONDLY_ROLLING"), ("daily_calls", "DAILY")])
def test_a_limit_that_is_reached_is_429_with_its_policy(sandbox, reader, limit, policy):
    reader.get(DEALS)
    sandbox.limit(**{f"hubspot__{limit}": 1})
    answer = reader.get(DEALS)
    assert answer.status_code == 429
    assert (answer.json()["policyName"], answer.json()["errorType"]) == (policy, "RATE_LIMIT")
    assert "retry-after" not in answer.headers


def test_an_address_that_is_too_long_is_414(reader):
    assert reader.get(DEALS, params={"properties": "x" * 16_000}).status_code == 414
