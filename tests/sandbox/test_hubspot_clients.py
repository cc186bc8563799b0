"""HubSpot's sandbox, used: HubSpot's own client, handoff's source and write-back, and the models of HubSpot's packages."""

from __future__ import annotations

import json
import re
from contextlib import closing, contextmanager
from datetime import date

import jsonschema
import pytest
import serving
from conftest import PROJECT, shared_file
from portal import DEALS, LINKS, link, records

from pipelines.actions.hubspot import HubspotTarget
from pipelines.actions.records import Change
from pipelines.actions.target import Connection, Tokens
from pipelines.errors import ConfigurationError, Forbidden
from pipelines.rules import load_rules
from pipelines.sandbox import hubspot as app
from pipelines.sandbox.world import READ_TOKEN, WRITE_TOKEN
from pipelines.settings import load_settings
from pipelines.sources.hubspot import hubspot_rows, open_hubspot
from pipelines.sources.landing import Landing
from pipelines.transport import Transport

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


# Those who use it


@pytest.fixture
def official(sandbox):
    """hubspot-api-client with its own networking, as its users have it."""
    from hubspot import HubSpot

    return HubSpot(access_token=WRITE_TOKEN, host=f"{sandbox.url}/hubspot")


def test_the_official_client_reads_writes_and_searches(official):
    from hubspot.crm.deals import ApiException, PublicObjectSearchRequest, SimplePublicObjectInput

    page = official.crm.deals.basic_api.get_page(limit=100, properties=["amount"], properties_with_history=None)
    assert len(page.results) == 100
    assert page.results[0].properties["amount"] == "24000"
    assert len(official.crm.deals.get_all(properties=["amount"])) > 100  # more than a page
    update = SimplePublicObjectInput(properties={"amount": "500"})
    assert official.crm.deals.basic_api.update("1001", update).properties["amount"] == "500"
    one = official.crm.deals.basic_api.get_by_id("1001", properties_with_history=["amount"])
    assert one.properties_with_history["amount"][0].source_type == "INTEGRATION"
    filters = [{"propertyName": "amount", "operator": "EQ", "value": "500"}]
    found = official.crm.deals.search_api.do_search(PublicObjectSearchRequest(filter_groups=[{"filters": filters}], limit=5))
    assert (found.total, found.results[0].id) == (1, "1001")
    with pytest.raises(ApiException) as caught:
        official.crm.deals.basic_api.update("1001", SimplePublicObjectInput(properties={"nothing": "1"}))
    assert caught.value.status == 400
    assert json.loads(caught.value.body)["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


def test_the_official_client_reads_what_describes_the_portal(official):
    assert [owner.id for owner in official.crm.owners.get_all()] == ["501", "502", "503"]
    assert len(official.crm.pipelines.pipelines_api.get_all("deals").results) == 3
    assert official.crm.properties.core_api.get_by_name("deals", "amount").type == "number"
    labels = official.crm.associations.v4.schema.definitions_api.get_all("deals", "contacts")
    assert "Buyer" in {row.label for row in labels.results}
    made = official.crm.associations.v4.basic_api.create_default("deals", "1001", "contacts", "30013")
    assert made.status == "COMPLETE"
    page = official.crm.associations.v4.basic_api.get_page("deals", "1001", "contacts")
    assert {row.to_object_id for row in page.results} == {"30011", "30012", "30013"}


def test_the_official_client_batches(official):
    from hubspot.crm.companies import BatchInputSimplePublicObjectBatchInputForCreate as Made
    from hubspot.crm.companies import BatchInputSimplePublicObjectId as Ids
    from hubspot.crm.companies import BatchReadInputSimplePublicObjectId as Read

    companies = official.crm.companies.batch_api
    made = companies.create(Made(inputs=[{"properties": {"name": name}} for name in ("Auk", "Bittern")]))
    keys = [{"id": record.id} for record in made.results]
    companies.archive(Ids(inputs=keys[:1]))
    read = companies.read(Read(inputs=keys, properties=["name"], properties_with_history=[]))
    assert [record.properties["name"] for record in read.results] == ["Bittern"]
    assert read.num_errors == 1


def test_handoffs_source_reads_the_portal_whole(sandbox, monkeypatch, tmp_path):
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.rate", (1000, 1.0))
    monkeypatch.setattr("pipelines.dialects.HubspotDialect.told_rate", lambda *_: None)
    rules = load_rules(PROJECT / "dbt/seeds/default")
    sandbox.limit(hubspot__page_size=20, hubspot__associations_page=1, hubspot__owners_page=2)
    client = open_hubspot(load_settings(), sandbox_url=sandbox.url)
    landed = Landing("hubspot", tmp_path)
    hubspot_rows(client, rules, as_of=date(2026, 11, 16), landing=landed)
    client.transport.close()
    assert client.transport.retry_count == 0
    for word in ("deals", "companies", "contacts", "communities", "orders", "line_items"):
        assert set(landed.values(word, "id")) == set(records(sandbox, word))
    pairs = {(pair.from_object, pair.to_object) for pair in rules.associations}
    objects = sandbox.state.hubspot.objects
    expected = {
        (a["from"], a["fromId"], a["to"], a["toId"], a["typeId"])
        for a in sandbox.state.hubspot.associations
        if (a["from"], a["to"]) in pairs
        and not objects[a["from"]][a["fromId"]].archived
        and not objects[a["to"]][a["toId"]].archived
    }
    columns = [landed.values("associations", name) for name in ("from_object", "from_id", "to_object", "to_id", "type_id")]
    told = {(start, from_id, to, to_id, int(type_id)) for start, from_id, to, to_id, type_id in zip(*columns, strict=True)}
    assert told == expected
    assert not [entry for entry in sandbox.world.requests if entry["is_write"]]


def test_handoffs_source_names_a_community_type_that_is_unknown(sandbox, monkeypatch, tmp_path):
    rules = load_rules(PROJECT / "dbt/seeds/default")
    organisation = rules.organisation | {"community_object_type": "2-9999"}
    client = open_hubspot(load_settings(), sandbox_url=sandbox.url)
    monkeypatch.setattr(type(rules), "organisation", organisation, raising=False)
    with pytest.raises(ConfigurationError, match="2-9999"):
        hubspot_rows(client, rules, as_of=date(2026, 11, 16), landing=Landing("hubspot", tmp_path))


@contextmanager
def write_back(sandbox, write_token):
    url = f"{sandbox.url}/hubspot"
    rules = load_rules(PROJECT / "dbt/seeds/default")
    with closing(Transport("hubspot", base_url=url)) as reader, closing(Transport("hubspot", base_url=url)) as writer:
        connection = Connection("hubspot", url, Tokens(READ_TOKEN, write_token), reader, writer)
        yield HubspotTarget(connection, rules, is_sandbox=True)


def proposed(field, after, record_id="1001"):
    return Change(
        change_id="c",
        finding_id="f",
        recipe="fill_hubspot_property",
        system="hubspot",
        object="deals",
        record_id=record_id,
        field=field,
        before=None,
        after=after,
        policy="if_empty",
        reason="It is said elsewhere.",
        risk="low",
        is_reversible=True,
        natural_key=None,
        depends_on=None,
        record_url=None,
        needs=("hubspot",),
        as_of_on=None,
    )


def test_handoffs_write_back_changes_one_property_and_sees_who_did(sandbox):
    with write_back(sandbox, WRITE_TOKEN) as target:
        assert target.place.identity == "4400001"
        change = proposed("cloud_region", "eu-north-1")
        assert target.objection(change) is None
        before = target.read(change)
        assert before.value == "us-west-2"
        write = target.next_write(change, before)
        assert target.send(write).answer_id
        after = target.read(change)
        assert (after.value, target.difference(change, after), target.next_write(change, after)) == ("eu-north-1", None, None)
        assert after.changed_by.startswith("by an integration on 2026-11-16")
        assert "merged into deals 1003" in target.read(proposed("cloud_region", "x", "1903")).obstacle
        assert "no choice 'Nimbus'" in target.objection(proposed("cloud_provider", "Nimbus"))


def test_handoffs_write_back_is_told_the_scope_that_its_token_lacks(sandbox):
    with write_back(sandbox, READ_TOKEN) as target:
        change = proposed("cloud_region", "eu-north-1")
        with pytest.raises(Forbidden, match=r"crm\.objects\.deals\.write"):
            target.send(target.next_write(change, target.read(change)))


# Against what HubSpot's own packages say


def contract(name):
    return json.loads(shared_file(f"specs/hubspot/{name}").read_text())


def built():
    return {(method, path) for method, path, _ in (*app._READS, *app._WRITES)}


def shape_of(path):
    """Return a path without its version, with every variable part as {}."""
    path = re.sub(r"\{\w+\}", "{}", path.rstrip("/"))
    path = re.sub(
        r"^/crm/(?:v\d|2026-03)/|^(?:/crm)?/(crm-object-schemas|[a-z-]+)/(?:v\d|2026-03)", lambda m: f"/{m[1] or ''}", path
    )
    return re.sub(r"^/(\w+)/\d-\d+|^/objects/(?:deals|notes)(?=/|$)", lambda m: "/objects/{}", path)


def test_every_route_is_one_of_hubspots_own_packages():
    known = {
        (operation["method"], shape_of(operation["path"]))
        for operation in contract("hubspot_sdk_0.1.0a9_contract_2026-03.json")["operations"]
    }
    for area in contract("hubspot_api_client_12.0.0_contract.json").values():
        known |= {(operation["method"], shape_of(operation["path"])) for operation in area["operations"]}
    unknown = {(method, path) for method, path in built() if (method, re.sub(r"\{\w+\}", "{}", path)) not in known}
    assert unknown == {("GET", "/account-info/details")}


def nullable(schema):
    """Return a model with the one correction that it needs: a property's value may be null."""
    text = json.dumps(schema)
    return json.loads(
        text.replace('"additionalProperties": {"type": "string"}', '"additionalProperties": {"type": ["string", "null"]}')
    )


@pytest.mark.parametrize(
    ("model", "question", "body", "many"),
    [
        (
            "SimplePublicObjectWithAssociations",
            ("GET", f"{DEALS}?limit=50&propertiesWithHistory=dealstage&associations=contacts"),
            None,
            True,
        ),
        ("SimplePublicObjectWithAssociations", ("GET", f"{DEALS}?archived=true"), None, True),
        ("SimplePublicObjectWithAssociations", ("GET", "/crm/objects/2026-09/2-4100/4001"), None, False),
        ("CollectionResponseWithTotalSimplePublicObject", ("POST", f"{DEALS}/search"), {"limit": 5}, False),
        (
            "BatchResponseSimplePublicObject",
            ("POST", f"{DEALS}/batch/read"),
            {"inputs": [{"id": "1001"}, {"id": "9"}], "properties": []},
            False,
        ),
        (
            "BatchResponseSimplePublicObject",
            ("POST", f"{DEALS}/batch/create"),
            {"inputs": [{"properties": {"dealname": "x"}}]},
            False,
        ),
        (
            "BatchResponseSimplePublicUpsertObject",
            ("POST", "/crm/objects/2026-09/contacts/batch/upsert"),
            {"inputs": [{"idProperty": "email", "id": "a@b.example", "properties": {}}]},
            False,
        ),
        ("SimplePublicObject", ("POST", DEALS), {"properties": {"dealname": "x"}}, False),
        ("SimplePublicObject", ("PATCH", f"{DEALS}/1001"), {"properties": {"amount": "1"}}, False),
        ("PublicOwner", ("GET", "/crm/owners/2026-09"), None, True),
        ("CollectionResponsePipelineNoPaging", ("GET", "/crm/pipelines/2026-09/deals"), None, False),
        ("Pipeline", ("GET", "/crm/pipelines/2026-09/deals/7001"), None, False),
        ("CollectionResponsePipelineStageNoPaging", ("GET", "/crm/pipelines/2026-09/deals/7001/stages"), None, False),
        ("CollectionResponsePropertyNoPaging", ("GET", "/crm/properties/2026-09/deals"), None, False),
        ("Property", ("GET", "/crm/properties/2026-09/deals/amount"), None, False),
        ("CollectionResponseAssociationSpecWithLabelNoPaging", ("GET", f"{LINKS}/deals/contacts/labels"), None, False),
        ("MultiAssociatedObjectWithLabel", ("GET", "/crm/objects/2026-03/deals/1001/associations/contacts"), None, True),
        (
            "BatchResponsePublicAssociationMultiWithLabel",
            ("POST", f"{LINKS}/deals/contacts/batch/read"),
            {"inputs": [{"id": "1001"}, {"id": "9"}]},
            False,
        ),
        ("LabelsBetweenObjectPair", ("PUT", f"{DEALS}/1001/associations/contacts/30013"), [link(3)], False),
        ("BatchResponsePublicDefaultAssociation", ("PUT", f"{DEALS}/1001/associations/default/contacts/30013"), None, False),
        (
            "BatchResponseLabelsBetweenObjectPair",
            ("POST", f"{LINKS}/deals/contacts/batch/create"),
            {"inputs": [{"from": {"id": "1001"}, "to": {"id": "30013"}, "types": [link(3)]}]},
            False,
        ),
        (
            "CollectionResponsePublicPropertyValidationRuleMapNoPaging",
            ("GET", "/crm/property-validations/2026-09/0-3"),
            None,
            False,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value[0].isupper() else "",
)
def test_answers_fit_the_models_of_hubspots_package(writer, model, question, body, many):
    validator = jsonschema.Draft202012Validator
    schema = nullable(contract("hubspot_sdk_0.1.0a9_contract_2026-03.json")["response_models"][model])
    answer = writer.request(*question, json=body)
    assert answer.status_code in {200, 201, 207}, answer.text
    content = answer.json()
    checked = content["results"] if many else [content]
    assert checked
    for item in checked:
        validator(schema).validate(item)


def test_errors_have_the_shape_that_others_have_seen(sandbox, reader, writer):
    shapes = json.loads(shared_file("specs/vendor_error_shapes.json").read_text())["hubspot"]
    sandbox_answers = {
        "401": sandbox.client("hubspot", "none").get(DEALS),
        "403": reader.patch(f"{DEALS}/1001", json={}),
        "404_record": reader.get(f"{DEALS}/4711"),
        "404_non_numeric_id": reader.get(f"{DEALS}/abc"),
        "404_property": reader.get("/crm/properties/2026-09/deals/none"),
        "409_contact_exists": writer.post(
            "/crm/v3/objects/contacts", json={"properties": {"email": "odalys@fernhollow.example"}}
        ),
        "400_validation": writer.patch(f"{DEALS}/1001", json={"properties": {"x": "1"}}),
    }
    sandbox.limit(hubspot__daily_calls=1)
    sandbox_answers["429"] = reader.get(DEALS)
    for name, answer in sandbox_answers.items():
        expected = shapes[name]["body"]
        assert str(answer.status_code) == name[:3]
        assert set(answer.json()) == set(expected), name
        assert answer.json().get("category") == expected.get("category"), name
    assert sandbox_answers["404_non_numeric_id"].json()["message"] == shapes["404_non_numeric_id"]["body"]["message"]
    assert sandbox_answers["401"].json()["message"] == shapes["401"]["body"]["message"]


def test_every_route_and_limit_is_documented():
    text = (PROJECT / "docs/sandbox.md").read_text()
    for method, path in built():
        area, _, rest = path.removeprefix("/").partition("/")
        dated = f"/{area}/2026-09" if area in {"account-info", "crm-object-schemas"} else f"/crm/{area}/2026-09"
        assert f"`{method} {dated}{f'/{rest}' if rest else ''}`" in text, path
    for name, value in app.LIMITS.items():
        assert f"| `{name}` | {value} |" in text, name
