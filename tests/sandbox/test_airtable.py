"""Airtable's sandbox: pyairtable and handoff's own source read it whole, writes change the next read, and it refuses in Airtable's words."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import date
from pathlib import Path

import pyairtable
import pytest
import serving
from conftest import PROJECT
from pyairtable.formulas import AND, Field, match
from serving import connected, creation, fresh_state, written

from pipelines.actions.airtable import AirtableTarget
from pipelines.dialects import AirtableDialect
from pipelines.errors import ConfigurationError, RateLimited, Refused, Unauthorized
from pipelines.rules import load_rules
from pipelines.sandbox.server import running
from pipelines.sandbox.world import READ_TOKEN, WRITE_TOKEN
from pipelines.settings import load_settings
from pipelines.sources.airtable import airtable_rows, open_airtable
from pipelines.sources.landing import Landing

BASE, ENGAGEMENTS, PROJECTS = "appHandoffDemo000", "tblEngagements000", "tblProjects000000"
TABLE = f"/v0/{BASE}/{ENGAGEMENTS}"
NAME, STATUS, BUDGET, START = "fldEngName0000000", "fldEngStatus00000", "fldEngBudget00000", "fldEngStart000000"
ENGAGEMENT_LINK, PROJECTS_LINK = "fldPrjEngagement0", "fldEngProjects000"

server, sandbox = serving.server, serving.sandbox


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    """Five calls a second are for Airtable's own servers."""
    monkeypatch.setattr(AirtableDialect, "rate", (1000, 1.0))


@pytest.fixture
def writer(sandbox):
    with sandbox.client("airtable") as client:
        yield client


def api(sandbox, token=WRITE_TOKEN, **options):
    made = pyairtable.Api(token, endpoint_url=f"{sandbox.url}/airtable", retry_strategy=None, **options)
    made.session.trust_env = False
    return made


def engagements(sandbox, **options):
    return api(sandbox, **options).table(BASE, ENGAGEMENTS)


def held(sandbox, table=ENGAGEMENTS):
    return {record["id"]: deepcopy(record["fields"]) for record in sandbox.state.airtable.records[table]}


def kind_of(answer):
    error = answer.json()["error"]
    return answer.status_code, error["type"] if isinstance(error, dict) else error


def landed(sandbox, tmp_path, base_id=BASE, **settings):
    client = open_airtable(load_settings(handoff_home=tmp_path, **settings), sandbox_url=sandbox.url, sandbox_base_id=base_id)
    try:
        landing = Landing("airtable", Path(tempfile.mkdtemp(prefix="handoff-landing-")))
        airtable_rows(client, load_rules(PROJECT / "dbt/seeds/default"), as_of=date(2026, 11, 16), landing=landing)
        return landing
    finally:
        client.transport.close()


@pytest.mark.parametrize("page_size", [100, 7])
def test_the_source_reads_what_the_state_holds(sandbox, tmp_path, page_size):
    sandbox.limit(airtable__page_size=page_size)
    landing = landed(sandbox, tmp_path)
    state = fresh_state().airtable
    assert landing.values("tables", "id") == [table["id"] for table in state.tables]
    assert landing.values("fields", "id") == [field["id"] for table in state.tables for field in table["fields"]]
    read = dict(zip(landing.values("records", "id"), map(json.loads, landing.values("records", "fields_json")), strict=True))
    assert read == {record["id"]: record["fields"] for records in state.records.values() for record in records}
    assert landing.quarantine == []


def test_pyairtable_reads_a_table_by_names_and_by_ids(sandbox):
    expected = held(sandbox)
    assert {record["id"]: record["fields"] for record in engagements(sandbox, use_field_ids=True).all()} == expected
    [definition] = [table for table in sandbox.state.airtable.tables if table["id"] == ENGAGEMENTS]
    names = {field["id"]: field["name"] for field in definition["fields"]}
    by_name = api(sandbox).table(BASE, "Engagements").all()
    assert {record["id"]: record["fields"] for record in by_name} == {
        record_id: {names[field]: value for field, value in fields.items()} for record_id, fields in expected.items()
    }


def test_pyairtable_reads_the_schema(sandbox):
    [base] = api(sandbox).bases()
    assert base.id == BASE
    schema = base.schema()
    assert [table.name for table in schema.tables] == ["Engagements", "Projects", "Deliverables"]
    assert schema.table("Projects").field("Engagement").options.inverse_link_field_id == PROJECTS_LINK
    [view] = schema.table("Engagements").views
    assert view.name == "Grid view"


def test_a_page_ends_with_an_offset_and_the_last_one_without(sandbox, writer):
    seen, offset = [], None
    while True:
        page = writer.get(TABLE, params={"pageSize": 30} | ({"offset": offset} if offset else {})).json()
        seen.append(len(page["records"]))
        offset = page.get("offset")
        if offset is None:
            break
        iterator, record = offset.split("/")
        assert (iterator[:3], record[:3]) == ("itr", "rec")
    rows = len(sandbox.state.airtable.records[ENGAGEMENTS])
    assert seen == [30] * (rows // 30) + [rows % 30]
    assert kind_of(writer.get(TABLE, params={"pageSize": 101})) == (422, "INVALID_REQUEST_UNKNOWN")


def test_a_record_that_is_deleted_between_pages_is_skipped(sandbox, writer):
    first = writer.get(TABLE, params={"pageSize": 60}).json()
    gone = first["offset"].split("/")[1]
    writer.delete(f"{TABLE}/{gone}")
    second = writer.get(TABLE, params={"pageSize": 60, "offset": first["offset"]}).json()
    assert len(second["records"]) == len(sandbox.state.airtable.records[ENGAGEMENTS]) - 60
    assert gone not in {record["id"] for record in second["records"]}


def test_an_iterator_that_is_gone_makes_the_source_begin_the_table_again(sandbox, tmp_path, writer):
    sandbox.limit(airtable__page_size=30, airtable__iterator_expiries=2)
    records = sum(len(rows) for rows in sandbox.state.airtable.records.values())
    assert len(landed(sandbox, tmp_path).values("records", "id")) == records
    sandbox.limit(airtable__page_size=30, airtable__iterator_seconds=0)
    offset = writer.get(TABLE).json()["offset"]
    assert kind_of(writer.get(TABLE, params={"offset": offset})) == (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
    with pytest.raises(Refused):
        landed(sandbox, tmp_path)


def test_listing_by_post_answers_as_listing_by_get(sandbox, writer):
    wanted = {"pageSize": 5, "fields": ["Name", STATUS], "sort": [{"field": "Name", "direction": "desc"}], "view": "Grid view"}
    by_post = writer.post(f"{TABLE}/listRecords", json=wanted).json()
    query = [
        ("pageSize", 5),
        ("fields[]", "Name"),
        ("fields[]", STATUS),
        ("sort[0][field]", "Name"),
        ("sort[0][direction]", "desc"),
    ]
    assert by_post["records"] == writer.get(TABLE, params=query).json()["records"]
    names = [record["fields"]["Name"] for record in by_post["records"]]
    assert names == sorted(names, key=str.lower, reverse=True)
    assert all(set(record["fields"]) <= {"Name", "Status"} for record in by_post["records"])
    long = [record["id"] for record in engagements(sandbox).all(formula=f"OR({','.join(['{Name}=1'] * 2000)},RECORD_ID()!='')")]
    assert len(long) == len(sandbox.state.airtable.records[ENGAGEMENTS]), "pyairtable posts what is too long for an address"


@pytest.mark.parametrize(
    ("formula", "fits"),
    [
        (match({"Status": "On hold"}), lambda f: f[STATUS] == "On hold"),
        (Field("Monthly cloud budget (USD)").gt(900), lambda f: f.get(BUDGET, 0) > 900),
        (AND(Field("RAG").ne("Green"), Field("Cloud provider").eq("AWS")), None),
        ("{Projects}=BLANK()", lambda f: PROJECTS_LINK not in f),
        ("NOT({Start date})", lambda f: START not in f),
        ("FIND('hub', LOWER({Name} & '')) > 0", lambda f: "hub" in f[NAME].lower()),
        ("{Monthly cloud budget (USD)}*2>=1000", lambda f: f.get(BUDGET, 0) * 2 >= 1000),
    ],
)
def test_formulas_choose_records(sandbox, formula, fits):
    expected = held(sandbox)
    if fits is None:
        fits = lambda f: f.get("fldEngRag00000000") != "Green" and f.get("fldEngCloud000000") == "AWS"  # noqa: E731 - as the others
    chosen = {record["id"] for record in engagements(sandbox).all(formula=formula)}
    assert chosen == {record_id for record_id, fields in expected.items() if fits(fields)}


def test_a_formula_that_is_not_built_says_so(sandbox, writer):
    answer = writer.get(TABLE, params={"filterByFormula": "DATETIME_DIFF(NOW(), {Start date})"})
    assert answer.status_code == 501
    assert "NOW()" in answer.json()["error"]["message"]
    assert kind_of(writer.get(TABLE, params={"filterByFormula": "{Name"})) == (422, "INVALID_FILTER_BY_FORMULA")
    assert kind_of(writer.get(TABLE, params={"filterByFormula": "{Colour}=1"})) == (422, "UNKNOWN_FIELD_NAME")


def test_a_created_record_is_in_the_next_read_without_its_empty_fields(sandbox):
    table = engagements(sandbox)
    created = table.create(
        {"Name": "Quiet Harbour", "Status": "Planned", "Start date": "2026-12-01", "Cloud region": "", "RAG": None}
    )
    assert created["fields"] == {"Name": "Quiet Harbour", "Status": "Planned", "Start date": "2026-12-01"}
    assert created["createdTime"].startswith("2026-11-16T")
    assert table.get(created["id"])["fields"] == created["fields"]
    assert table.all()[-1]["id"] == created["id"]


def test_ten_records_are_taken_at_once_and_eleven_are_not(sandbox, writer):
    rows = [{"fields": {"Name": f"Number {number}"}} for number in range(11)]
    before = len(held(sandbox))
    answer = writer.post(TABLE, json={"records": rows})
    assert kind_of(answer) == (422, "INVALID_RECORDS")
    assert "11" in answer.json()["error"]["message"]
    assert len(held(sandbox)) == before
    made = writer.post(TABLE, json={"records": rows[:10]}).json()["records"]
    assert len({record["id"] for record in made}) == 10
    assert len(engagements(sandbox).batch_create([row["fields"] for row in rows])) == 11, "pyairtable cuts it into two requests"
    assert len(held(sandbox)) == before + 21


def test_writers_at_the_same_time_get_records_of_their_own(sandbox):
    with sandbox.client("airtable") as client, ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda n: client.post(TABLE, json={"fields": {"Name": f"At once {n}"}}).json()["id"], range(24))
        assert len(set(made)) == 24


def test_patch_keeps_what_it_does_not_name_and_put_clears_it(sandbox):
    table = engagements(sandbox, use_field_ids=True)
    record_id, before = next((key, dict(fields)) for key, fields in held(sandbox).items() if PROJECTS_LINK in fields)
    project = before[PROJECTS_LINK][0]
    assert table.update(record_id, {STATUS: "On hold"})["fields"] == before | {STATUS: "On hold"}
    replaced = table.update(record_id, {NAME: "Only this"}, replace=True)
    assert replaced["fields"] == {NAME: "Only this"}
    assert ENGAGEMENT_LINK not in held(sandbox, PROJECTS)[project], "the other side of a cleared link"
    several = [{"id": other, "fields": {NAME: "Only this"}} for other in list(held(sandbox))[:3]]
    assert {NAME, STATUS} <= set(table.batch_update([several[0] | {"fields": {STATUS: "Planned"}}])[0]["fields"])
    assert [record["fields"] for record in table.batch_update(several, replace=True)] == [{NAME: "Only this"}] * 3


def test_an_upsert_creates_updates_or_refuses(sandbox, writer):
    record_id, fields = next(iter(held(sandbox).items()))
    body = {
        "performUpsert": {"fieldsToMergeOn": ["Name"]},
        "records": [{"fields": {"Name": fields[NAME], "RAG": "Red"}}, {"fields": {"Name": "New by upsert"}}],
    }
    answer = writer.patch(TABLE, json=body).json()
    assert answer["updatedRecords"] == [record_id]
    [made] = answer["createdRecords"]
    assert [record["id"] for record in answer["records"]] == [record_id, made]
    assert held(sandbox)[record_id]["fldEngRag00000000"] == "Red"
    before = held(sandbox)
    body["performUpsert"] = {"fieldsToMergeOn": ["Status"]}
    body["records"] = [{"fields": {"Name": "Whose?", "Status": "In progress"}}]
    assert writer.patch(TABLE, json=body).status_code == 422
    assert held(sandbox) == before
    assert len(engagements(sandbox).batch_upsert([{"fields": {"Name": "Made by client"}}], ["Name"])["createdRecords"]) == 1


def test_a_link_is_on_both_sides_and_a_deleted_record_leaves_none(sandbox):
    base = api(sandbox, use_field_ids=True)
    projects, engaged = base.table(BASE, PROJECTS), base.table(BASE, ENGAGEMENTS)
    first, second = list(held(sandbox))[:2]
    project = projects.create({"fldPrjName0000000": "Moved later", ENGAGEMENT_LINK: [first]})["id"]
    assert project in engaged.get(first)["fields"][PROJECTS_LINK]
    projects.update(project, {ENGAGEMENT_LINK: [second]})
    assert project not in engaged.get(first)["fields"].get(PROJECTS_LINK, [])
    assert project in engaged.get(second)["fields"][PROJECTS_LINK]
    rest = [link for link in engaged.get(second)["fields"][PROJECTS_LINK] if link != project]
    engaged.update(second, {PROJECTS_LINK: rest})
    assert ENGAGEMENT_LINK not in projects.get(project)["fields"]
    projects.update(project, {ENGAGEMENT_LINK: [second]})
    assert engaged.delete(second) == {"id": second, "deleted": True}
    assert ENGAGEMENT_LINK not in projects.get(project)["fields"]
    assert projects.batch_delete([project]) == [{"id": project, "deleted": True}]


def test_a_refused_batch_writes_nothing(sandbox, writer):
    before = json.dumps(sandbox.state.airtable.records) + json.dumps(sandbox.state.airtable.tables)
    good = {"fields": {"Name": "Good", "Status": "Planned"}}
    for bad, kind in (
        ({"Status": "Mislaid"}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
        ({"Colour": "blue"}, "UNKNOWN_FIELD_NAME"),
        ({BUDGET: "many"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Start date": "tomorrow"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Name": 5}, "INVALID_VALUE_FOR_COLUMN"),
        ({PROJECTS_LINK: ["recMissing0000000"]}, "ROW_DOES_NOT_EXIST"),
    ):
        assert kind_of(writer.post(TABLE, json={"records": [good, {"fields": bad}]})) == (422, kind), bad
    assert kind_of(writer.patch(TABLE, json={"records": [{"id": "recMissing0000000", "fields": {}}]}))[1] == "ROW_DOES_NOT_EXIST"
    assert kind_of(writer.post(TABLE, json={"name": "no fields"}))[0] == 422
    assert writer.post(TABLE, content=b"{").status_code == 400
    assert json.dumps(sandbox.state.airtable.records) + json.dumps(sandbox.state.airtable.tables) == before


def test_typecast_adds_choices_numbers_and_linked_records(sandbox):
    table = engagements(sandbox)
    made = table.create(
        {"Name": "Cast", "Status": "Mislaid", "Monthly cloud budget (USD)": "12.50", "Projects": ["By name"]}, typecast=True
    )
    assert made["fields"]["Status"] == "Mislaid"
    assert made["fields"]["Monthly cloud budget (USD)"] == 12.5
    [project] = api(sandbox).table(BASE, PROJECTS).all(formula=match({"Name": "By name"}))
    assert made["fields"]["Projects"] == [project["id"]]
    assert project["fields"]["Engagement"] == [made["id"]]
    schema = api(sandbox).base(BASE).schema()
    assert "Mislaid" in {choice.name for choice in schema.table("Engagements").field("Status").options.choices}
    assert table.create({"Name": "Cast again", "Status": "Mislaid"})["fields"]["Status"] == "Mislaid"


def test_a_computed_field_refuses_a_value(sandbox, writer):
    sandbox.state.airtable.tables[0]["fields"].append({"id": "fldEngAge00000000", "name": "Age", "type": "formula"})
    answer = writer.post(TABLE, json={"fields": {"Age": 3}})
    assert kind_of(answer) == (422, "INVALID_VALUE_FOR_COLUMN")
    assert "computed" in answer.json()["error"]["message"]


def test_the_token_is_needed_and_the_reading_one_cannot_write(sandbox, tmp_path):
    for token in (None, "wrong"):
        with sandbox.client("airtable", token) as stranger:
            assert kind_of(stranger.get(TABLE)) == (401, "AUTHENTICATION_REQUIRED")
            assert kind_of(stranger.get(f"/v0/meta/bases/{BASE}/tables")) == (401, "AUTHENTICATION_REQUIRED")
    record_id = next(iter(held(sandbox)))
    with sandbox.reader("airtable") as reader:
        for answer in (
            reader.post(TABLE, json={"fields": {"Name": "No"}}),
            reader.patch(f"{TABLE}/{record_id}", json={"fields": {"Name": "No"}}),
            reader.delete(f"{TABLE}/{record_id}"),
        ):
            assert kind_of(answer) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
        assert reader.post(f"{TABLE}/listRecords", json={}).status_code == 200
    settings = load_settings(
        handoff_home=tmp_path, airtable_token="wrong", airtable_base_id=BASE, airtable_base_url=f"{sandbox.url}/airtable"
    )
    client = open_airtable(settings, sandbox_url=None)
    with pytest.raises(Unauthorized, match="AIRTABLE_TOKEN"):
        airtable_rows(
            client,
            load_rules(PROJECT / "dbt/seeds/default"),
            as_of=date(2026, 11, 16),
            landing=Landing("airtable", tmp_path / "landing"),
        )
    client.transport.close()


def test_what_is_not_there_is_told_apart(sandbox, writer, tmp_path):
    for path in ("/v0/appDoesNotExist0/x", f"/v0/{BASE}/tblMissing", "/v0/meta/bases/appDoesNotExist0/tables"):
        assert kind_of(writer.get(path)) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    assert kind_of(writer.get(f"{TABLE}/recMissing0000000")) == (404, "NOT_FOUND")
    assert writer.get("/v0/meta/whoami").status_code == 501
    assert "GET /v0/meta/whoami" in writer.get("/v0/meta/whoami").json()["error"]["message"]
    assert writer.get(TABLE, params={"cellFormat": "string"}).status_code == 501
    with pytest.raises(ConfigurationError, match="appDoesNotExist0"):
        landed(sandbox, tmp_path, base_id="appDoesNotExist0")


def test_too_many_calls_a_second_lock_the_base_and_not_the_schema(sandbox):
    sandbox.limit(airtable__requests_per_second=0)
    with sandbox.reader("airtable") as reader:
        for _ in range(2):
            answer = reader.get(TABLE)
            assert answer.status_code == 429
            assert answer.json()["errors"][0]["error"] == "RATE_LIMIT_REACHED"
        assert reader.get("/v0/meta/bases").status_code == 200
        sandbox.limit(airtable__requests_per_second=1000)
        assert reader.get(TABLE).status_code == 429, "the lock-out outlives its cause"
        sandbox.fresh()
        assert reader.get(TABLE).status_code == 200, "a reset ends it"


def test_the_monthly_cap_ends_the_reading_at_once(sandbox, tmp_path):
    sandbox.limit(airtable__monthly_calls=1)
    with sandbox.reader("airtable") as reader:
        assert reader.get(TABLE).status_code == 200
        assert kind_of(reader.get(TABLE)) == (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED")
        assert reader.get(f"/v0/meta/bases/{BASE}/tables").status_code == 200
    with pytest.raises(RateLimited, match="used up"):
        landed(sandbox, tmp_path)


def test_handoffs_own_write_back_creates_an_engagement_once(sandbox):
    deal = "https://app-na2.hubspot.com/contacts/4400001/record/0-3/999001"
    wanted = creation(
        "airtable", "engagements", deal, engagement_name="New", deal_url=deal, status="Requested", start_on="2026-12-01"
    )
    before = len(held(sandbox))
    with connected(sandbox, "airtable") as connection:
        target = AirtableTarget(connection, load_rules(PROJECT / "dbt/seeds/default"), BASE, is_sandbox=True)
        assert target.objection(wanted) is None
        steps, reading = written(target, wanted)
        assert steps == ["create engagements"]
        assert target.difference(wanted, reading) is None
        assert written(target, wanted)[0] == []
    assert len(held(sandbox)) == before + 1


def test_what_was_written_is_there_after_a_restart(tmp_path):
    file = tmp_path / "state.json"
    with running(fresh_state(), state_file=file) as sandbox:
        made = engagements(sandbox).create({"Name": "Kept"})
    with running(fresh_state(), state_file=file) as sandbox:
        assert engagements(sandbox, token=READ_TOKEN).get(made["id"])["fields"] == {"Name": "Kept"}
