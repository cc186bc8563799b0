"""GitHub's sandbox: its answers fit GitHub's published description, handoff's source reads it whole, writes change the next read."""

from __future__ import annotations

import copy
import json
import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import serving
from conftest import PROJECT, shared_file
from serving import connected, creation, fresh_state, written

from pipelines.actions.github import HEADERS, GithubTarget
from pipelines.dialects import GithubDialect
from pipelines.errors import ConfigurationError, RateLimited, Unauthorized
from pipelines.rules import load_rules
from pipelines.sandbox.world import READ_TOKEN
from pipelines.settings import load_settings
from pipelines.sources.github import github_rows, open_github
from pipelines.sources.landing import Landing

BOARD, DELIVERY_BOARD = "/orgs/demo-org/projectsV2/60", "/orgs/demo-org/projectsV2/57"
ISSUES = "/repos/demo-org/bd-requests/issues"
TITLE, STATUS, DEAL, START = 60001, 60003, 60004, 60005

server, sandbox = serving.server, serving.sandbox


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    """Ten calls a second are for GitHub's own servers."""
    monkeypatch.setattr(GithubDialect, "rate", (1000, 1.0))


@pytest.fixture
def writer(sandbox):
    with sandbox.client("github") as client:
        yield client


def board(sandbox, number=60):
    return next(project for project in sandbox.state.github.projects if project["number"] == number)


def landed(sandbox, organization="demo-org", projects=(60, 57)):
    client = open_github(
        load_settings(), sandbox_url=sandbox.url, sandbox_organization=organization, sandbox_projects=tuple(projects)
    )
    try:
        landing = Landing("github", Path(tempfile.mkdtemp(prefix="handoff-landing-")))
        github_rows(client, load_rules(PROJECT / "dbt/seeds/default"), as_of=date(2026, 11, 16), landing=landing)
        return landing
    finally:
        client.transport.close()


def everything(client, path, **params):
    """Return every row of a list and the number of its pages, led by the Link header."""
    rows, pages = [], 0
    url, asked = path, params
    while url:
        answer = client.get(url, params=asked or None)
        assert answer.status_code == 200, answer.text
        rows += answer.json()
        pages += 1
        following = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        url, asked = (following[1], {}) if following else (None, {})
    return rows, pages


def values_of(item):
    return {field["name"]: field["value"] for field in item["fields"]}


@pytest.mark.parametrize("page_size", [100, 7])
def test_the_source_reads_what_the_state_holds(sandbox, page_size):
    sandbox.limit(github__page_size=page_size)
    landing = landed(sandbox)
    state = fresh_state().github
    assert landing.values("projects", "title") == ["BD requests to P&S", "P&S board"]
    fields = [field for project in state.projects for field in project["fields"]]
    assert landing.values("project_fields", "id") == [str(field["id"]) for field in fields]
    items = {item["node_id"]: item for project in state.projects for item in project["items"]}
    assert set(landing.values("project_items", "node_id")) == set(items)
    for node_id, fields_json, archived_at, title in zip(
        *(landing.values("project_items", column) for column in ("node_id", "fields_json", "archived_at", "title")), strict=True
    ):
        held = items[node_id]
        assert json.loads(fields_json) == held["fields"]
        assert (archived_at is None) is (held["archived_at"] is None)
        assert title == held["content"]["title"]
    read = dict(zip(landing.values("issues", "node_id"), landing.values("issues", "body"), strict=True))
    assert read == {issue["node_id"]: issue["body"] for issues in state.issues.values() for issue in issues}
    assert landing.quarantine == []


class Contract:
    """GitHub's published description of its REST API, as a check of bodies."""

    def __init__(self, document):
        self._document = document
        self._components = _as_json_schema(document["components"])

    def check(self, method, path, status, body):
        from jsonschema import Draft202012Validator

        response = self._document["paths"][path][method]["responses"][str(status)]
        if "$ref" in response:
            response = self._document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        schema = _as_json_schema(response["content"]["application/json"]["schema"])
        Draft202012Validator({**schema, "components": self._components}).validate(body)

    def check_part(self, name, part):
        from jsonschema import Draft202012Validator

        schema = {"$ref": f"#/components/schemas/{name}", "components": self._components}
        Draft202012Validator(schema).validate(part)


def _as_json_schema(part):
    """Return OpenAPI 3.0 as JSON Schema: ``nullable`` is one more type, and oneOf is anyOf, because an issue fits a draft as well."""
    if isinstance(part, list):
        return [_as_json_schema(item) for item in part]
    if not isinstance(part, dict):
        return part
    changed = {"anyOf" if name == "oneOf" else name: _as_json_schema(value) for name, value in part.items() if name != "nullable"}
    return {"anyOf": [changed, {"type": "null"}]} if part.get("nullable") is True else changed


@pytest.fixture(scope="module")
def contract():
    return Contract(json.loads(shared_file("specs/github/github_rest_projects_subset.json").read_text()))


def test_the_contract_notices_a_wrong_body(contract):
    from jsonschema import ValidationError

    for wrong in ([{"id": "60"}], {"message": "Not Found"}):
        with pytest.raises(ValidationError):
            contract.check("get", "/orgs/{org}/projectsV2", 200, wrong)


def test_reads_fit_the_published_description(sandbox, writer, contract):
    project, items = "/orgs/{org}/projectsV2/{project_number}", "/orgs/{org}/projectsV2/{project_number}/items"
    issue, fields = "/repos/{owner}/{repo}/issues", f"{STATUS},{DEAL},{TITLE}"
    item_id = board(sandbox)["items"][0]["id"]
    for path, template, params in (
        ("/orgs/demo-org/projectsV2", "/orgs/{org}/projectsV2", {}),
        (BOARD, project, {}),
        (f"{BOARD}/fields", f"{project}/fields", {}),
        (f"{BOARD}/fields/{STATUS}", f"{project}/fields/{{field_id}}", {}),
        (f"{BOARD}/items", items, {"fields": fields}),
        (f"{BOARD}/items", items, {"q": "is:archived"}),
        (f"{BOARD}/items/{item_id}", f"{items}/{{item_id}}", {}),
        (ISSUES, issue, {"state": "all"}),
        (f"{ISSUES}/1", f"{issue}/{{issue_number}}", {}),
        (f"{ISSUES}/1/comments", f"{issue}/{{issue_number}}/comments", {}),
        ("/rate_limit", "/rate_limit", {}),
    ):
        answer = writer.get(path, params=params)
        assert answer.status_code == 200, path
        contract.check("get", template, 200, answer.json())


def test_a_pull_request_behind_an_item_fits_the_published_description(sandbox, writer, contract):
    issues, items = sandbox.state.github.issues["delivery"], board(sandbox)["items"]
    url = "https://github.com/demo-org/delivery/pull/9001"
    links = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), url)
    held = copy.deepcopy(issues[0]) | {"number": 9001, "node_id": "PR_9001", "html_url": url, "draft": True, "_reviewers": []}
    issues.append(held | {"pull_request": links | {"merged_at": None}})
    items.append(copy.deepcopy(items[0]) | {"id": 99_999, "content_type": "PullRequest", "content": {"node_id": "PR_9001"}})
    shown = writer.get(f"{BOARD}/items/99999").json()
    contract.check_part("pull-request-simple", shown["content"])
    assert shown["content"]["draft"] is True
    listed = writer.get("/repos/demo-org/delivery/issues", params={"state": "all", "per_page": 100})
    contract.check("get", "/repos/{owner}/{repo}/issues", 200, listed.json())
    assert [issue["number"] for issue in listed.json() if "pull_request" in issue] == [9001]


def test_writes_fit_the_published_description(writer, contract):
    items, issue = "/orgs/{org}/projectsV2/{project_number}/items", "/repos/{owner}/{repo}/issues"
    made = writer.post(ISSUES, json={"title": "By contract"})
    contract.check("post", issue, 201, made.json())
    changed = writer.patch(f"{ISSUES}/{made.json()['number']}", json={"state": "closed"})
    contract.check("patch", f"{issue}/{{issue_number}}", 200, changed.json())
    comment = writer.post(f"{ISSUES}/1/comments", json={"body": "Seen."})
    contract.check("post", f"{issue}/{{issue_number}}/comments", 201, comment.json())
    item = writer.post(f"{BOARD}/items", json={"type": "Issue", "id": made.json()["id"]})
    contract.check("post", items, 201, item.json())
    draft = writer.post(f"{BOARD}/drafts", json={"title": "A note"})
    contract.check("post", "/orgs/{org}/projectsV2/{project_number}/drafts", 201, draft.json())
    moved = writer.patch(f"{BOARD}/items/{item.json()['id']}", json={"fields": [{"id": DEAL, "value": "text"}]})
    contract.check("patch", f"{items}/{{item_id}}", 200, moved.json())
    refused = writer.patch(f"{BOARD}/items/{item.json()['id']}", json={"fields": [{"id": STATUS, "value": "nothing"}]})
    contract.check("patch", f"{items}/{{item_id}}", 422, refused.json())
    contract.check("post", issue, 422, writer.post(ISSUES, json={}).json())


def test_a_repository_has_every_part_that_is_required_of_one(writer, contract):
    wanted = contract._document["components"]["schemas"]["repository"]["required"]
    shown = writer.get("/repos/demo-org/bd-requests").json()
    assert [name for name in wanted if name not in shown] == []
    assert shown["full_name"] == "demo-org/bd-requests"


def test_items_show_their_title_alone_unless_fields_are_asked_for(sandbox, writer):
    [first, *_] = writer.get(f"{BOARD}/items").json()
    assert [field["data_type"] for field in first["fields"]] == ["title"]
    by_comma = writer.get(f"{BOARD}/items", params={"fields": f"{STATUS},{DEAL}"}).json()
    by_list = writer.get(f"{BOARD}/items", params=[("fields[]", STATUS), ("fields[]", DEAL)]).json()
    assert by_comma == by_list
    assert set(values_of(by_comma[0])) == {"Status", "HubSpot deal"}
    assert writer.get(f"{BOARD}/items", params={"fields": "99"}).status_code == 422


def test_archived_items_come_only_when_asked_for(sandbox, writer):
    plain, _ = everything(writer, f"{BOARD}/items", per_page=100)
    archived, _ = everything(writer, f"{BOARD}/items", per_page=100, q="is:archived")
    held = board(sandbox)["items"]
    assert [item["id"] for item in archived] == [item["id"] for item in held if item["archived_at"]]
    assert [item["id"] for item in plain] == [item["id"] for item in held if not item["archived_at"]]
    assert archived


def test_a_filter_is_applied_or_refused_and_never_ignored(sandbox, writer):
    _, drafts = board(sandbox), writer.get(f"{BOARD}/items", params={"q": "is:draft"}).json()
    assert {item["content_type"] for item in drafts} == {"DraftIssue"}
    accepted, _ = everything(
        writer, f"{BOARD}/items", q="status:Accepted -is:draft repo:demo-org/bd-requests", fields=str(STATUS)
    )
    assert accepted
    assert {values_of(item)["Status"]["name"]["raw"] for item in accepted} == {"Accepted"}
    unbuilt = writer.get(f"{BOARD}/items", params={"q": "updated:>2026-01-01"})
    assert unbuilt.status_code == 501
    assert "updated:>2026-01-01" in unbuilt.json()["message"]
    assert writer.get(ISSUES, params={"milestone": "1"}).status_code == 501


def test_items_page_by_cursor_and_issues_by_number(sandbox, writer):
    everything_at_once, pages = everything(writer, f"{DELIVERY_BOARD}/items", per_page=100)
    assert pages == 1
    rows, pages = everything(writer, f"{DELIVERY_BOARD}/items", per_page=20)
    assert (rows, pages) == (everything_at_once, -(-len(rows) // 20))
    assert len(writer.get(f"{DELIVERY_BOARD}/items").json()) == 30, "thirty unless told"
    second = writer.get(f"{DELIVERY_BOARD}/items", params={"per_page": 20}).headers["link"]
    assert '; rel="next"' in second
    assert "after=" in second
    assert 'rel="prev"' not in second
    after = dict(parse_qsl(urlsplit(re.search(r"<([^>]+)>", second)[1]).query))["after"]
    page = writer.get(f"{DELIVERY_BOARD}/items", params={"per_page": 20, "after": after})
    third = writer.get(re.search(r'<([^>]+)>; rel="next"', page.headers["link"])[1])
    before = re.search(r'<([^>]+)>; rel="prev"', third.headers["link"])[1]
    assert writer.get(before).json() == page.json() == everything_at_once[20:40]
    assert writer.get(f"{DELIVERY_BOARD}/items", params={"after": "nonsense"}).status_code == 422
    issues, pages = everything(writer, "/repos/demo-org/delivery/issues", state="all", per_page=25)
    numbers = [issue["number"] for issue in issues]
    assert pages == -(-len(issues) // 25)
    assert sorted(numbers) == sorted(issue["number"] for issue in sandbox.state.github.issues["delivery"])
    assert [issue["created_at"] for issue in issues] == sorted((issue["created_at"] for issue in issues), reverse=True)
    last = writer.get("/repos/demo-org/delivery/issues", params={"state": "all", "per_page": 25, "page": pages})
    assert 'rel="next"' not in last.headers["link"]


def test_issues_are_chosen_by_state_and_by_the_time_of_their_change(sandbox, writer):
    held = sandbox.state.github.issues["delivery"]
    for state in ("open", "closed"):
        rows, _ = everything(writer, "/repos/demo-org/delivery/issues", state=state)
        assert {row["number"] for row in rows} == {issue["number"] for issue in held if issue["state"] == state}
    since = sorted(issue["updated_at"] for issue in held)[len(held) // 2]
    rows, _ = everything(writer, "/repos/demo-org/delivery/issues", state="all", since=since)
    assert {row["number"] for row in rows} == {issue["number"] for issue in held if issue["updated_at"] >= since}
    assert writer.get(ISSUES, params={"state": "ajar"}).status_code == 422


def test_a_request_is_opened_put_on_the_board_and_moved(sandbox, writer):
    before = len(writer.get(ISSUES, params={"state": "all", "per_page": 100}).json())
    made = writer.post(ISSUES, json={"title": "Deliver Quiet Harbour", "body": "Deal: https://app.hubspot.com/x"})
    assert made.status_code == 201
    issue = made.json()
    assert made.headers["location"] == issue["url"]
    assert issue["created_at"].startswith("2026-11-16T")
    assert len(writer.get(ISSUES, params={"state": "all", "per_page": 100}).json()) == before + 1
    item = writer.post(f"{BOARD}/items", json={"type": "Issue", "id": issue["id"]}).json()
    again = writer.post(
        f"{BOARD}/items", json={"type": "Issue", "owner": "demo-org", "repo": "bd-requests", "number": issue["number"]}
    )
    assert again.json()["id"] == item["id"], "an issue is on a project once"
    new = board(sandbox)["fields"][2]["options"][0]
    fields = [{"id": STATUS, "value": new["id"]}, {"id": DEAL, "value": "a deal"}, {"id": START, "value": "2026-12-01"}]
    moved = writer.patch(f"{BOARD}/items/{item['id']}", json={"fields": fields}).json()
    [listed] = [
        row for row in everything(writer, f"{BOARD}/items", fields=f"{STATUS},{DEAL},{START}")[0] if row["id"] == item["id"]
    ]
    assert values_of(listed) == {"Status": new, "HubSpot deal": "a deal", "Start date": "2026-12-01"}
    assert values_of(moved)["Title"]["raw"] == "Deliver Quiet Harbour"
    writer.patch(f"{BOARD}/items/{item['id']}", json={"fields": [{"id": DEAL, "value": None}]})
    shown = writer.get(f"{BOARD}/items/{item['id']}", params={"fields": str(DEAL)}).json()
    assert values_of(shown) == {"HubSpot deal": None}
    assert writer.delete(f"{BOARD}/items/{item['id']}").status_code == 204
    assert writer.get(f"{BOARD}/items/{item['id']}").status_code == 404


def test_an_edited_issue_is_seen_on_its_item_which_keeps_its_own_time(sandbox, writer):
    item = next(item for item in board(sandbox)["items"] if item["content"].get("state") == "open")
    number, times = item["content"]["number"], item["updated_at"]
    writer.patch(f"{ISSUES}/{number}", json={"title": "Renamed", "state": "closed", "state_reason": "not_planned"})
    shown = writer.get(f"{BOARD}/items/{item['id']}").json()
    assert shown["content"]["title"] == "Renamed"
    assert values_of(shown)["Title"]["raw"] == "Renamed"
    assert (shown["content"]["state"], shown["content"]["state_reason"]) == ("closed", "not_planned")
    assert shown["updated_at"] == times
    changed = writer.get(ISSUES, params={"state": "all", "since": "2026-11-16T00:00:00Z"}).json()
    assert number in {issue["number"] for issue in changed}
    reopened = writer.patch(f"{ISSUES}/{number}", json={"state": "open"}).json()
    assert (reopened["state"], reopened["closed_at"], reopened["state_reason"]) == ("open", None, "reopened")


@pytest.mark.parametrize(
    "change",
    [
        {"id": STATUS, "value": "Accepted"},
        {"id": STATUS, "value": 7},
        {"id": START, "value": "soon"},
        {"id": DEAL, "value": 3},
        {"id": TITLE, "value": "no"},
        {"id": 99, "value": "x"},
        {"id": STATUS},
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_its_field_changes_nothing(sandbox, writer, change):
    item = board(sandbox)["items"][0]
    before = json.dumps(item)
    answer = writer.patch(f"{BOARD}/items/{item['id']}", json={"fields": [{"id": DEAL, "value": "new"}, change]})
    assert answer.status_code == 422
    assert answer.json()["message"] == "Validation Failed"
    assert answer.json()["errors"][0]["code"] == "invalid"
    assert json.dumps(board(sandbox)["items"][0]) == before


def test_labels_and_assignees_are_dropped_without_a_word_from_who_cannot_push(sandbox, writer):
    wanted = {"title": "With labels", "labels": ["urgent"], "assignees": ["somebody"], "milestone": 1}
    dropped = writer.post(ISSUES, json=wanted)
    assert dropped.status_code == 201
    assert (dropped.json()["labels"], dropped.json()["assignees"], dropped.json()["milestone"]) == ([], [], None)
    sandbox.limit(github__push_access=1)
    del wanted["milestone"]
    kept = writer.post(ISSUES, json=wanted).json()
    assert [label["name"] for label in kept["labels"]] == ["urgent"]
    assert kept["assignee"]["login"] == "somebody"
    labelled = writer.get(ISSUES, params={"labels": "urgent", "assignee": "somebody"}).json()
    assert [issue["number"] for issue in labelled] == [kept["number"]]


def test_comments_are_kept_and_counted(sandbox, writer):
    for text in ("First", "Second"):
        assert writer.post(f"{ISSUES}/1/comments", json={"body": text}).status_code == 201
    assert [comment["body"] for comment in writer.get(f"{ISSUES}/1/comments").json()] == ["First", "Second"]
    issue = writer.get(f"{ISSUES}/1").json()
    assert issue["comments"] == 2
    assert not [name for name in issue if name.startswith("_")]


def test_writers_at_the_same_time_get_numbers_of_their_own(sandbox, writer):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: writer.post(ISSUES, json={"title": f"At once {n}"}).json(), range(24)))
    assert len({issue["number"] for issue in made}) == len({issue["id"] for issue in made}) == 24


def test_the_token_is_needed_and_the_reading_one_cannot_write(sandbox, tmp_path):
    for token in (None, "wrong"):
        with sandbox.client("github", token) as stranger:
            answer = stranger.get(BOARD)
            assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    with sandbox.reader("github") as reader:
        for answer in (
            reader.post(ISSUES, json={"title": "No"}),
            reader.patch(f"{ISSUES}/1", json={"state": "closed"}),
            reader.post(f"{BOARD}/drafts", json={"title": "No"}),
        ):
            assert answer.status_code == 403
            assert answer.json()["message"] == "Resource not accessible by personal access token"
    settings = load_settings(
        handoff_home=tmp_path,
        github_token="wrong",
        github_org="demo-org",
        github_project_numbers="60",
        github_base_url=f"{sandbox.url}/github",
    )
    client = open_github(settings, sandbox_url=None)
    with pytest.raises(Unauthorized, match="GITHUB_TOKEN"):
        github_rows(
            client,
            load_rules(PROJECT / "dbt/seeds/default"),
            as_of=date(2026, 11, 16),
            landing=Landing("github", tmp_path / "landing"),
        )
    client.transport.close()


def test_what_is_not_there_answers_404_and_what_is_not_built_501(sandbox, writer):
    for path in (
        "/orgs/nobody-here/projectsV2/60",
        "/orgs/demo-org/projectsV2/999",
        f"{BOARD}/items/1",
        f"{BOARD}/fields/1",
        "/repos/demo-org/missing/issues",
        f"{ISSUES}/999",
    ):
        answer = writer.get(path)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found"), path
    assert writer.post(f"{BOARD}/items", json={"type": "Issue", "id": 1}).status_code == 404
    assert writer.get("/ORGS/x").status_code == 501
    graphql = writer.post("/graphql", json={"query": "{viewer{login}}"})
    assert graphql.status_code == 501
    assert "POST /graphql" in graphql.json()["message"]
    unbuilt = writer.post(f"{BOARD}/views", json={})
    assert (unbuilt.status_code, f"POST {BOARD}/views" in unbuilt.json()["message"]) == (501, True)
    with pytest.raises(ConfigurationError, match="GITHUB_PROJECT_NUMBERS"):
        landed(sandbox, projects=(999,))
    with pytest.raises(ConfigurationError, match="nobody-here"):
        landed(sandbox, organization="nobody-here")


def test_names_are_found_in_any_case_and_wrong_bodies_are_told(writer):
    assert writer.get("/orgs/Demo-Org/projectsV2/60").json()["number"] == 60
    assert writer.get("/repos/DEMO-ORG/BD-Requests/issues/1").json()["number"] == 1
    assert writer.post(ISSUES, content=b"{").json()["message"] == "Problems parsing JSON"
    missing = writer.post(ISSUES, json={"body": "no title"}).json()
    assert missing["errors"] == [{"resource": "Issue", "field": "title", "code": "missing_field"}]
    for body in (
        {"type": "Issue"},
        {"type": "Epic", "id": 1},
        {"type": "Issue", "id": 1, "owner": "a", "repo": "b", "number": 1},
    ):
        assert writer.post(f"{BOARD}/items", json=body).status_code == 422, body


def test_every_answer_tells_the_limit_and_the_version(sandbox, writer):
    first, second = writer.get(BOARD), writer.get(f"{BOARD}/items/1")
    used = [int(answer.headers["x-ratelimit-used"]) for answer in (first, second)]
    assert used[1] == used[0] + 1
    assert first.headers["x-github-api-version-selected"] == "2022-11-28"
    assert first.headers["x-github-request-id"] != second.headers["x-github-request-id"]
    assert writer.get("/rate_limit").json()["rate"]["used"] == used[1], "asking for the limit costs nothing"
    newer = writer.get(BOARD, headers={"X-GitHub-Api-Version": "2026-03-10"})
    assert newer.headers["x-github-api-version-selected"] == "2026-03-10"
    assert writer.get(BOARD, headers={"X-GitHub-Api-Version": "2011-01-01"}).status_code == 400
    assert writer.get(BOARD, headers={"User-Agent": ""}).status_code == 403


def test_the_hourly_limit_refuses_and_names_the_time_when_it_ends(sandbox):
    sandbox.limit(github__rate_limit=1)
    with sandbox.client("github", READ_TOKEN) as reader:
        answers = [reader.get(BOARD) for _ in range(3)]
    refused = answers[-1]
    assert refused.status_code == 403
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) > time.time()
    with pytest.raises(RateLimited):
        landed(sandbox)


def test_the_secondary_limit_is_waited_for(sandbox):
    sandbox.limit(github__secondary_refusals=2, github__retry_after_seconds=0)
    assert len(landed(sandbox).values("projects", "number")) == 2
    assert sandbox.world.limits["github.secondary_refusals"] == 0


def test_a_redacted_item_shows_that_it_is_there_and_nothing_else(sandbox, writer):
    sandbox.limit(github__redacted_items=2)
    rows, _ = everything(writer, f"{BOARD}/items", fields=str(DEAL))
    rows += everything(writer, f"{BOARD}/items", fields=str(DEAL), q="is:archived")[0]
    first_two = {item["id"] for item in board(sandbox)["items"][:2]}
    for row in rows:
        assert ((row["content"], row["fields"]) == (None, [])) is (row["id"] in first_two), row["id"]
    landing = landed(sandbox)
    held = [item for project in sandbox.state.github.projects for item in project["items"]]
    assert len(landing.values("project_items", "id")) == len(held)


def test_handoffs_own_write_back_opens_a_request_once(sandbox):
    deal = "https://app-na2.hubspot.com/contacts/4400001/record/0-3/999001"
    wanted = creation("github", "issues", deal, title="Deliver it", body=f"Please deliver {deal}", deal_url=deal)
    with connected(sandbox, "github", HEADERS) as connection:
        target = GithubTarget(connection, load_rules(PROJECT / "dbt/seeds/default"), "demo-org", is_sandbox=True)
        assert target.objection(wanted) is None
        steps, reading = written(target, wanted)
        assert steps == ["open the issue", "put it on the project", "set the project fields"]
        assert target.difference(wanted, reading) is None
        assert written(target, wanted)[0] == []
    assert values_of(board(sandbox)["items"][-1])["Status"]["name"]["raw"] == "New"
