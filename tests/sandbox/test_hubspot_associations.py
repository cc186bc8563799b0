"""HubSpot's sandbox, linked: labels in both directions, pages of a record's own, and links that come and go."""

from __future__ import annotations

import pytest
import serving
from portal import DEALS, LINKS, link, linked, walk

from pipelines.sandbox.hubspot_links import Links

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


def test_links_are_told_with_their_labels_in_each_direction(reader):
    assert linked(reader, "deals", "1001", "contacts") == {
        "30011": {(3, None), (101, "Buyer")},
        "30012": {(3, None), (103, "Champion")},
    }
    assert (102, "Buyer") in linked(reader, "contacts", "30011", "deals")["1001"]
    labels = reader.get(f"{LINKS}/deals/deals/labels").json()["results"]
    assert {(row["typeId"], row["label"]) for row in labels} == {(451, None), (301, "Renewal of"), (302, "Renewed by")}


def test_every_kind_of_link_knows_its_opposite(sandbox):
    state = sandbox.state.hubspot
    opposite = Links(lambda: state)._opposites()
    assert set(opposite) == {(row["from"], row["to"], row["category"], row["typeId"]) for row in state.association_labels}
    told = {(row["from"], row["fromId"], row["to"], row["toId"], row["category"], row["typeId"]) for row in state.associations}
    for start, start_id, to, to_id, category, type_id in told:
        assert (to, to_id, start, start_id, category, opposite[start, to, category, type_id]) in told


def test_a_record_without_links_is_an_error_beside_the_results(reader):
    answer = reader.post(f"{LINKS}/deals/notes/batch/read", json={"inputs": [{"id": "1001"}, {"id": "4711"}]})
    assert answer.status_code == 207
    assert [error["context"]["fromObjectId"] for error in answer.json()["errors"]] == [["1001"], ["4711"]]
    assert {error["subCategory"] for error in answer.json()["errors"]} == {"crm.associations.NO_ASSOCIATIONS_FOUND"}


def test_a_record_with_many_links_has_pages_of_its_own(sandbox, reader):
    whole = set(linked(reader, "companies", "2001", "contacts"))
    assert len(whole) == 3
    sandbox.limit(hubspot__associations_page=2)
    waiting, told, asked = [{"id": "2001"}, {"id": "2002"}], [], 0
    while waiting:
        answer = reader.post(f"{LINKS}/companies/contacts/batch/read", json={"inputs": waiting}).json()
        waiting, asked = [], asked + 1
        for result in answer["results"]:
            told += [(result["from"]["id"], item["toObjectId"]) for item in result["to"]]
            if "paging" in result:
                waiting.append({"id": result["from"]["id"], "after": result["paging"]["next"]["after"]})
    assert asked == 2
    assert len(told) == len(set(told))
    assert {to for start, to in told if start == "2001"} == whole
    by_record, pages = walk(reader, "/crm/v4/objects/companies/2001/associations/contacts")
    assert ({item["toObjectId"] for item in by_record}, pages) == (whole, 2)
    bad = {"inputs": [{"id": "2001", "after": "§"}]}
    assert reader.post(f"{LINKS}/companies/contacts/batch/read", json=bad).status_code == 400


def test_a_thousand_ids_fit_into_one_question_and_one_more_does_not(reader):
    inputs = [{"id": str(number)} for number in range(1001)]
    assert reader.post(f"{LINKS}/deals/contacts/batch/read", json={"inputs": inputs[:1000]}).status_code == 207
    assert reader.post(f"{LINKS}/deals/contacts/batch/read", json={"inputs": inputs}).status_code == 400


def test_a_labelled_link_is_written_in_both_directions_beside_the_plain_one(writer):
    answer = writer.put(f"{DEALS}/1001/associations/contacts/30013", json=[link(107, "USER_DEFINED")])
    assert answer.status_code == 201
    assert answer.json() == {
        "fromObjectTypeId": "0-3",
        "fromObjectId": "1001",
        "toObjectTypeId": "0-1",
        "toObjectId": "30013",
        "labels": ["Technical Contact"],
    }
    assert linked(writer, "deals", "1001", "contacts")["30013"] == {(3, None), (107, "Technical Contact")}
    assert linked(writer, "contacts", "30013", "deals")["1001"] == {(4, None), (108, "Technical Contact")}
    renewal = writer.put(f"{DEALS}/1002/associations/deals/1001", json=[link(301, "USER_DEFINED")])
    assert renewal.json()["labels"] == ["Renewal of"]
    assert (302, "Renewed by") in linked(writer, "deals", "1001", "deals")["1002"]


def test_writing_a_link_twice_leaves_one(sandbox, writer):
    for _ in range(2):
        answer = writer.put(f"{DEALS}/1001/associations/default/contacts/30013")
        assert answer.status_code == 200
    assert [row["associationSpec"]["associationTypeId"] for row in answer.json()["results"]] == [3, 4]
    stored = [a for a in sandbox.state.hubspot.associations if {a["fromId"], a["toId"]} == {"1001", "30013"}]
    assert len(stored) == 2


def test_a_link_is_removed_wholly_or_by_its_label(writer):
    path = f"{LINKS}/deals/contacts"
    both = {"from": {"id": "1001"}, "to": {"id": "30011"}, "types": [link(101, "USER_DEFINED")]}
    assert writer.post(f"{path}/batch/labels/archive", json={"inputs": [both]}).status_code == 204
    assert linked(writer, "deals", "1001", "contacts")["30011"] == {(3, None)}
    assert linked(writer, "contacts", "30011", "deals")["1001"] == {(4, None)}
    assert writer.delete(f"{DEALS}/1001/associations/contacts/30011").status_code == 204
    assert "30011" not in linked(writer, "deals", "1001", "contacts")
    assert "1001" not in linked(writer, "contacts", "30011", "deals")
    gone = {"inputs": [{"from": {"id": "1001"}, "to": [{"id": "30012"}]}]}
    assert writer.post(f"{path}/batch/archive", json=gone).status_code == 204
    assert linked(writer, "deals", "1001", "contacts") == {}


def test_links_are_written_in_batches(writer):
    path = f"{LINKS}/deals/contacts"
    inputs = [
        {"from": {"id": "1001"}, "to": {"id": "30013"}, "types": [link(109, "USER_DEFINED")]},
        {"from": {"id": "4711"}, "to": {"id": "30013"}, "types": [link(109, "USER_DEFINED")]},
    ]
    answer = writer.post(f"{path}/batch/create", json={"inputs": inputs})
    assert answer.status_code == 207
    assert [result["labels"] for result in answer.json()["results"]] == [["Technical Community Lead"]]
    assert answer.json()["errors"][0]["context"] == {"ids": ["4711"]}
    plain = [{"from": {"id": "1002"}, "to": {"id": "30013"}}]
    assert writer.post(f"{path}/batch/associate/default", json={"inputs": plain}).status_code == 200
    assert linked(writer, "deals", "1002", "contacts")["30013"] == {(3, None)}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{DEALS}/1001/associations/contacts/30013", [link(5)], 400),
        (f"{DEALS}/1001/associations/contacts/30013", {"typeId": 3}, 400),
        (f"{DEALS}/1001/associations/contacts/4711", [link(3)], 404),
        (f"{DEALS}/4711/associations/contacts/30013", [link(3)], 404),
        (f"{DEALS}/1001/associations/default/nothing/1", None, 400),
        ("/crm/objects/2026-09/orders/51002/associations/default/contacts/30013", None, 400),
    ],
)
def test_a_link_that_cannot_be_is_refused(writer, path, body, status):
    assert writer.put(path, json=body).status_code == status


def test_links_to_archived_records_are_not_told(writer):
    writer.delete("/crm/objects/2026-09/contacts/30011")
    assert set(linked(writer, "deals", "1001", "contacts")) == {"30012"}
    assert linked(writer, "contacts", "30011", "deals") == {}
