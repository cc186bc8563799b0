"""Asana's sandbox: answers and requests hold against the published OpenAPI, pages and refusals are Asana's, writes change the next read."""

from __future__ import annotations

import json
from itertools import pairwise

import jsonschema
import pytest
import serving
from conftest import PROJECT

from pipelines.sandbox.world import READ_TOKEN

API = "/asana/api/1.0"
WORKSPACE, PORTFOLIO, TEMPLATE = "1200000000000001", "1200000000000003", "1200000000000004"
PROJECT_GID = "1210000000000001"
DEAL_URL, STATUS, VALUE, NOTICE = "1200000000000101", "1200000000000102", "1200000000000103", "1200000000000108"
SPECIFICATION = PROJECT.parent / "shared" / "specs" / "asana" / "asana_oas_subset.json"

server, sandbox = serving.server, serving.sandbox


@pytest.fixture
def writer(sandbox):
    with sandbox.client("asana/api/1.0") as client:
        yield client


def refused(answer):
    return answer.status_code, answer.json()["errors"][0]["message"]


def cells(project):
    return {cell["gid"]: cell["display_value"] for cell in project["custom_fields"]}


# The published description


def _nullable(schema):
    """Return a schema of OpenAPI 3.0 as one of JSON Schema in which null is allowed where ``nullable`` says so, and nowhere else."""
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(value) for name, value in schema.items() if name not in {"nullable", "example"}}
    parts = schema.get("allOf")
    is_nullable = schema.get("nullable") or (
        isinstance(parts, list) and any(isinstance(part, dict) and part.get("nullable") for part in parts)
    )
    return {"anyOf": [made, {"type": "null"}]} if is_nullable else made


def _let_be_null(schema, name):
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and name in schema["properties"]:
            schema["properties"][name]["nullable"] = True
        for value in schema.values():
            _let_be_null(value, name)
    elif isinstance(schema, list):
        for item in schema:
            _let_be_null(item, name)


def _let_values_be(schema, types):
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "custom_fields" and isinstance(value, dict) and "additionalProperties" in value:
                value["additionalProperties"] = {"type": types}
            else:
                _let_values_be(value, types)
    elif isinstance(schema, list):
        for item in schema:
            _let_values_be(item, types)


@pytest.fixture(scope="module")
def described():
    if not SPECIFICATION.is_file():
        pytest.skip(f"{SPECIFICATION} is not here; it holds the published OpenAPI of Asana")
    published = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    # its own words: "If no time is set, date_time will be null"
    _let_be_null(published["components"]["schemas"], "date_time")
    # and what is written into a cell "can be text, a number, etc."
    _let_values_be(published["components"]["schemas"], ["string", "number", "array", "null"])
    components = _nullable(published["components"])

    def check(schema, value):
        jsonschema.Draft202012Validator({"components": components, **_nullable(schema)}).validate(value)

    def exchange(client, method, route, *, path=None, status=200, **sent):
        operation = published["paths"][route][method.lower()]
        answer = client.request(method, path or route, **sent)
        assert answer.status_code == status, answer.text
        named = {
            published["components"]["parameters"][item["$ref"].rpartition("/")[2]]["name"] if "$ref" in item else item["name"]
            for item in operation.get("parameters", []) + published["paths"][route].get("parameters", [])
        }
        assert set(sent.get("params", {})) <= named
        if "json" in sent:
            check(operation["requestBody"]["content"]["application/json"]["schema"], sent["json"])
        told = operation["responses"][str(status)]
        if "$ref" in told:
            told = published["components"]["responses"][told["$ref"].rpartition("/")[2]]
        check(told["content"]["application/json"]["schema"], answer.json())
        return answer.json()

    return exchange


IN_WORKSPACE = {"workspace": WORKSPACE, "limit": 3}
WHOLE = "name,owner.email,custom_fields,current_status_update.text,team.name,completed,due_on"


@pytest.mark.parametrize(
    ("route", "path", "params"),
    [
        ("/users/{user_gid}", "/users/me", {}),
        ("/users", None, IN_WORKSPACE),
        ("/workspaces", None, {"limit": 1}),
        ("/workspaces/{workspace_gid}/custom_fields", f"/workspaces/{WORKSPACE}/custom_fields", {"limit": 20}),
        ("/custom_fields/{custom_field_gid}", f"/custom_fields/{STATUS}", {}),
        ("/portfolios", None, {**IN_WORKSPACE, "owner": "me"}),
        ("/portfolios/{portfolio_gid}", f"/portfolios/{PORTFOLIO}", {}),
        ("/portfolios/{portfolio_gid}/items", f"/portfolios/{PORTFOLIO}/items", {"limit": 5, "opt_fields": WHOLE}),
        ("/projects", None, {**IN_WORKSPACE, "archived": "false", "opt_fields": WHOLE}),
        ("/projects/{project_gid}", f"/projects/{PROJECT_GID}", {}),
        ("/tasks", None, {"project": PROJECT_GID, "limit": 5, "opt_fields": "name,parent,custom_fields,actual_time_minutes"}),
        ("/status_updates", None, {"parent": PROJECT_GID, "limit": 5, "opt_fields": "title,status_type,author.name"}),
        ("/project_templates", None, IN_WORKSPACE),
        ("/project_templates/{project_template_gid}", f"/project_templates/{TEMPLATE}", {}),
    ],
)
def test_what_is_read_is_as_asana_describes_it(writer, described, route, path, params):
    assert described(writer, "GET", route, path=path, params=params)["data"]


def test_a_project_is_made_filled_put_into_the_portfolio_and_reported_on_as_asana_describes_it(writer, described, sandbox):
    dates = [{"gid": "1", "value": "2027-01-01"}, {"gid": "2", "value": "2027-12-31"}]
    body = {"data": {"name": "New engagement", "team": "1200000000000002", "requested_dates": dates}}
    route = "/project_templates/{project_template_gid}/instantiateProject"
    job = described(writer, "POST", route, path=route.replace("{project_template_gid}", TEMPLATE), status=201, json=body)["data"]
    polls = [described(writer, "GET", "/jobs/{job_gid}", path=f"/jobs/{job['gid']}")["data"] for _ in range(2)]
    assert [poll["status"] for poll in polls] == ["in_progress", "succeeded"]
    made = polls[-1]["new_project"]["gid"]
    cell = {VALUE: 1200, NOTICE: "2027-11-01", STATUS: f"{STATUS}01"}
    changed = described(
        writer, "PUT", "/projects/{project_gid}", path=f"/projects/{made}", json={"data": {"custom_fields": cell}}
    )
    assert cells(changed["data"]) | {VALUE: "1200", NOTICE: "2027-11-01", STATUS: "Requested"} == cells(changed["data"])
    item = {"data": {"item": made}}
    described(writer, "POST", "/portfolios/{portfolio_gid}/addItem", path=f"/portfolios/{PORTFOLIO}/addItem", json=item)
    assert made in sandbox.state.asana.portfolios[PORTFOLIO]["items"]
    status = {"data": {"parent": made, "status_type": "at_risk", "text": "Waiting for data.", "title": "Late"}}
    described(writer, "POST", "/status_updates", status=201, json=status)
    project = described(writer, "GET", "/projects/{project_gid}", path=f"/projects/{made}")["data"]
    assert (project["start_on"], project["due_on"]) == ("2027-01-01", "2027-12-31")
    named = writer.get(f"/projects/{made}", params={"opt_fields": "current_status_update.status_type"}).json()["data"]
    assert named["current_status_update"]["status_type"] == "at_risk"


def test_events_begin_with_a_412_that_holds_the_first_token(writer, described):
    first = described(writer, "GET", "/events", status=412, params={"resource": PROJECT_GID})
    writer.put(f"/projects/{PROJECT_GID}", json={"data": {"name": "Renamed"}})
    told = described(writer, "GET", "/events", params={"resource": PROJECT_GID, "sync": first["sync"]})
    assert [(event["action"], event["resource"]["gid"]) for event in told["data"]] == [("changed", PROJECT_GID)]
    assert told["has_more"] is False
    assert described(writer, "GET", "/events", params={"resource": PROJECT_GID, "sync": told["sync"]})["data"] == []
    assert described(writer, "GET", "/events", status=412, params={"resource": PROJECT_GID, "sync": "old"})["sync"]


# Pages, fields and refusals


def test_pages_exist_only_where_a_limit_is_asked_for(writer, sandbox):
    assert "next_page" not in writer.get("/projects", params={"workspace": WORKSPACE}).json()
    seen, offset = [], {}
    while True:
        page = writer.get("/projects", params={"workspace": WORKSPACE, "limit": 7, **offset}).json()
        seen += [project["gid"] for project in page["data"]]
        if page["next_page"] is None:
            break
        offset = {"offset": page["next_page"]["offset"]}
    assert seen == list(sandbox.state.asana.projects)


def test_compact_records_unless_fields_are_asked_for(writer):
    params = {"workspace": WORKSPACE, "limit": 1}
    compact = writer.get("/projects", params=params).json()["data"][0]
    assert set(compact) == {"gid", "resource_type", "name"}
    asked = writer.get("/projects", params={**params, "opt_fields": "owner.name,no_such_field"}).json()["data"][0]
    assert set(asked) == {"gid", "owner"}
    assert set(asked["owner"] or {"gid", "name"}) == {"gid", "name"}


@pytest.mark.parametrize(
    ("limits", "token", "path", "status", "words"),
    [
        ({}, None, "/users/me", 401, "Not Authorized"),
        ({}, READ_TOKEN, "/projects", 400, "workspace: Missing input"),
        ({}, READ_TOKEN, f"/projects?workspace={WORKSPACE}&limit=101", 400, "limit: Must be between 1 and 100"),
        ({}, READ_TOKEN, f"/projects?workspace={WORKSPACE}&limit=2&offset=gone", 400, "offset: Your pagination token"),
        ({}, READ_TOKEN, "/projects/1", 404, "project: Unknown object: 1"),
        ({"asana__is_free": 1}, READ_TOKEN, f"/portfolios/{PORTFOLIO}", 402, "Payment Required"),
        ({"asana__requests_per_minute": 0}, READ_TOKEN, "/users/me", 429, "hit a rate limit"),
    ],
)
def test_refusals_are_asanas(sandbox, *, limits, token, path, status, words):
    sandbox.limit(**limits)
    with sandbox.client("asana/api/1.0", token) as client:
        answer = client.get(path)
    assert answer.status_code == status
    assert words in refused(answer)[1]
    assert ("retry-after" in answer.headers) == (status == 429)


def test_the_token_for_reading_cannot_write(sandbox):
    with sandbox.client("asana/api/1.0", READ_TOKEN) as reader:
        assert reader.put(f"/projects/{PROJECT_GID}", json={"data": {"name": "x"}}).status_code == 403


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"custom_fields": {VALUE: "many"}}, "number field"),
        ({"custom_fields": {STATUS: "In progress"}}, "enum field"),
        ({"custom_fields": {NOTICE: "16.11.2026"}}, "not a date"),
        ({"custom_fields": {"1": "x"}}, "is not on given object"),
        ({"due_on": "tomorrow"}, "due_on: Value is not a date"),
        ({"due_on": None, "start_on": "2026-11-16"}, "must set a due date"),
        ({"start_on": "2026-11-16"}, "must set a due date"),  # also where the project has one
        ({"start_on": "2026-11-16", "due_on": "2026-11-16"}, "must be before the due date"),
        ({"color": "dark-red"}, "does not write this field"),
    ],
)
def test_a_project_takes_only_what_its_fields_take(writer, sandbox, data, words):
    before = json.dumps(sandbox.state.asana.projects[PROJECT_GID])
    answer = writer.put(f"/projects/{PROJECT_GID}", json={"data": data})
    assert answer.status_code == 400
    assert words in refused(answer)[1]
    assert json.dumps(sandbox.state.asana.projects[PROJECT_GID]) == before


def test_a_job_may_fail(writer, sandbox):
    sandbox.limit(asana__job_polls=0, asana__failing_jobs=1)
    dates = [{"gid": "1", "value": "2027-01-01"}, {"gid": "2", "value": "2027-12-31"}]
    path = f"/project_templates/{TEMPLATE}/instantiateProject"
    assert writer.post(path, json={"data": {"name": "n"}}).status_code == 400  # both days are asked for
    job = writer.post(path, json={"data": {"name": "n", "requested_dates": dates}}).json()["data"]
    told = writer.get(f"/jobs/{job['gid']}").json()["data"]
    assert (told["status"], "new_project" in told) == ("failed", False)


def test_a_job_goes_on_without_whoever_began_it(writer, sandbox):
    sandbox.limit(asana__job_polls=1000, asana__job_seconds=0)
    dates = [{"gid": "1", "value": "2027-01-01"}, {"gid": "2", "value": "2027-12-31"}]
    writer.post(
        f"/project_templates/{TEMPLATE}/instantiateProject", json={"data": {"name": "Left alone", "requested_dates": dates}}
    )
    listed = writer.get("/projects", params={"workspace": WORKSPACE}).json()["data"]
    assert listed[-1]["name"] == "Left alone"
    assert [job["status"] for job in sandbox.state.asana.jobs.values()] == ["succeeded"]


def test_the_story_is_the_same_in_both_stores(sandbox):
    """Every engagement of the base is a project with its name, days, value and deal."""
    state = sandbox.state
    rows = [row["fields"] for row in state.airtable.records["tblEngagements000"]]
    projects = list(state.asana.projects.values())
    assert len(rows) == len(projects) == len({project["gid"] for project in projects})
    for fields, project in zip(rows, projects, strict=True):
        assert project["name"] == fields.get("fldEngName0000000", "")
        assert (project["start_on"], project["due_on"]) == (fields.get("fldEngStart000000"), fields.get("fldEngEnd00000000"))
        assert project["custom_fields"][DEAL_URL] == fields.get("fldEngDealUrl0000")
        assert project["custom_fields"][VALUE] == fields.get("fldEngValue000000")
    assert all(first < second for first, second in pairwise(project["gid"] for project in projects))
