"""GitHub's projects: every type of field, what is behind the items, and what this token is not shown; nothing is empty in silence."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime

import pytest
import reading
from reading import earlier_load

from pipelines.errors import GarbageAnswer
from pipelines.sources.github_values import KNOWN_TYPES

BOARD = 60
FIRST = 60_900
USER = {"login": "ada", "id": 1, "node_id": "U_ada"}
ITERATION = {"id": "it1", "title": {"raw": "Sprint 1", "html": "Sprint 1"}, "start_date": "2026-10-05", "duration": 14}
# type of field -> (value as GitHub sends it, what the typed columns say)
CELLS = {
    "title": ({"raw": "A request", "html": "A request"}, {"value_text": "A request"}),
    "text": ("some text", {"value_text": "some text"}),
    "number": (12.5, {"value_text": "12.5", "value_number": 12.5}),
    "date": ("2026-11-16T00:00:00+00:00", {"value_text": "2026-11-16", "value_on": date(2026, 11, 16)}),
    "single_select": (
        {"id": "o1", "name": {"raw": "High", "html": "High"}, "color": "RED"},
        {"value_text": "High", "value_id": "o1"},
    ),
    "iteration": (ITERATION, {"value_text": "Sprint 1", "value_id": "it1", "value_on": date(2026, 10, 5)}),
    "assignees": ([USER, {"login": "grace", "id": 2}], {"value_text": "ada, grace"}),
    "labels": ([{"name": "urgent"}, {"name": "cloud"}], {"value_text": "urgent, cloud"}),
    "milestone": (
        {"number": 3, "title": "Launch", "due_on": "2026-12-01T08:00:00Z"},
        {"value_text": "Launch", "value_id": "3", "value_on": date(2026, 12, 1)},
    ),
    "repository": ({"id": 9, "full_name": "demo-org/delivery"}, {"value_text": "demo-org/delivery", "value_id": "9"}),
    "reviewers": ([USER, {"slug": "platform", "name": "Platform"}], {"value_text": "ada, platform"}),
    "linked_pull_requests": (
        [{"html_url": "https://github.com/demo-org/delivery/pull/7", "number": 7}],
        {"value_text": "https://github.com/demo-org/delivery/pull/7"},
    ),
    "issue_type": ({"id": 4, "name": "Task"}, {"value_text": "Task", "value_id": "4"}),
    "parent_issue": (
        {"node_id": "I_1", "html_url": "https://github.com/demo-org/delivery/issues/1", "title": "Parent"},
        {"value_text": "https://github.com/demo-org/delivery/issues/1", "value_id": "I_1"},
    ),
    "sub_issues_progress": ({"total": 4, "completed": 1}, {"value_text": "1 of 4", "value_number": 0.25}),
}

server, sandbox = reading.server, reading.sandbox


def board_of(sandbox, number=BOARD):
    return next(project for project in sandbox.world.state.github.projects if project["number"] == number)


def add_cell(sandbox, field_id, kind, value, **more):
    """Give the board one more field, and a draft (whose cells no issue decides) a value in it."""
    board = board_of(sandbox)
    board["fields"].append({**board["fields"][0], "id": field_id, "name": f"Field {field_id}", "data_type": kind, **more})
    last = board["items"][-1]
    item = last if last["content"].get("title") == "A request" else add_draft(board)
    item["fields"].append({"id": field_id, "name": f"Field {field_id}", "data_type": kind, "value": value})
    return str(item["id"])


def add_draft(board, **more):
    item = copy.deepcopy(board["items"][0]) | {"id": max(item["id"] for item in board["items"]) + 1, "content_type": "DraftIssue"}
    item["content"] = {
        "id": 1,
        "node_id": f"DI_{item['id']}",
        "title": "A request",
        "body": "what we know",
        "user": USER,
        "created_at": "2026-11-01T09:00:00Z",
        "updated_at": "2026-11-01T09:00:00Z",
    }
    board["items"].append(item | more)
    return board["items"][-1]


def cells_of(rows, item_id):
    return {int(row["field_id"]): row for row in rows["item_values"] if row["item_id"] == item_id}


def test_every_type_of_field_that_github_describes_is_read_with_its_typed_value(sandbox):
    assert set(CELLS) == KNOWN_TYPES
    for number, (kind, (value, _)) in enumerate(CELLS.items()):
        item_id = add_cell(sandbox, FIRST + number, kind, value)
    reader = sandbox.reader("github")
    cells = cells_of(reader.read(), item_id)
    for number, (kind, (value, said)) in enumerate(CELLS.items()):
        row = cells[FIRST + number]
        typed = {name: row[name] for name in ("value_text", "value_number", "value_on", "value_id") if row[name] is not None}
        assert (row["data_type"], typed) == (kind, said)
        if kind != "title":  # a draft's title is what its content says
            assert json.loads(row["value_json"]) == value
    assert reader.quarantine == []


def test_a_field_of_an_unknown_type_is_named_and_its_cells_are_kept(sandbox):
    item_id = add_cell(sandbox, FIRST, "of_tomorrow", {"deep": [1, 2]})
    reader = sandbox.reader("github")
    cell = cells_of(reader.read(), item_id)[FIRST]
    assert json.loads(cell["value_json"]) == {"deep": [1, 2]}
    [aside] = reader.quarantine
    assert (aside["table_name"], aside["record_ref"]) == ("project_fields", f"{BOARD}/{FIRST}")
    assert "of_tomorrow, which handoff does not know" in aside["reason"]
    assert item_id in aside["payload"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("number", "twelve"), ("number", True), ("date", "soon"), ("single_select", {"colour": "red"}), ("labels", "urgent"),
     ("sub_issues_progress", {"total": "4"}), ("milestone", {"title": "Launch", "due_on": "soon"})],
    ids=str,
)  # fmt: skip
def test_a_cell_that_does_not_fit_its_type_is_named_and_kept_as_sent(sandbox, kind, value):
    item_id = add_cell(sandbox, FIRST, kind, value)
    reader = sandbox.reader("github")
    cell = cells_of(reader.read(), item_id)[FIRST]
    assert json.loads(cell["value_json"]) == value
    [aside] = reader.quarantine
    assert f"do not look like {kind}" in aside["reason"]
    assert item_id in aside["payload"]


def test_completed_iterations_are_kept_beside_the_present_ones(sandbox):
    iterations = [ITERATION | {"completed": True}, ITERATION | {"id": "it2", "start_date": "2026-10-19", "completed": False}]
    add_cell(sandbox, FIRST, "iteration", ITERATION, configuration={"start_day": 1, "duration": 14, "iterations": iterations})
    rows = sandbox.reader("github").read()["project_iterations"]
    assert [(row["id"], row["title"], row["start_on"], row["duration_days"], row["is_completed"]) for row in rows] == [
        ("it1", "Sprint 1", date(2026, 10, 5), 14, True),
        ("it2", "Sprint 1", date(2026, 10, 19), 14, False),
    ]


def test_a_draft_is_read_with_its_text_and_an_archived_item_with_its_time(sandbox):
    item = add_draft(board_of(sandbox), archived_at="2026-11-10T09:00:00Z")
    rows = sandbox.reader("github").read()
    [draft] = [row for row in rows["draft_issues"] if row["item_id"] == str(item["id"])]
    assert (draft["title"], draft["body"], draft["author_login"]) == ("A request", "what we know", "ada")
    [shown] = [row for row in rows["project_items"] if row["id"] == str(item["id"])]
    assert shown["archived_at"] == datetime(2026, 11, 10, 9, tzinfo=UTC)


# Pull requests


def add_pull_request(sandbox, number, *, state="open", merged_at=None, is_draft=False):
    """Open a pull request in the delivery repository and put it on the board."""
    github, board = sandbox.world.state.github, board_of(sandbox)
    issues = github.issues["delivery"]
    url = f"https://github.com/demo-org/delivery/pull/{number}"
    held = copy.deepcopy(issues[0]) | {
        "number": number,
        "id": 990_000 + number,
        "node_id": f"PR_{number}",
        "title": f"Change {number}",
        "html_url": url,
        "state": state,
        "draft": is_draft,
        "closed_at": "2026-11-12T09:00:00Z" if state == "closed" else None,
        "labels": [{"name": "cloud"}],
        "assignees": [USER],
        "pull_request": {"url": url, "html_url": url, "diff_url": url, "patch_url": url, "merged_at": merged_at},
        "_reviewers": [USER],
    }
    issues.append(held)
    item = copy.deepcopy(board["items"][0]) | {
        "id": max(item["id"] for item in board["items"]) + 1,
        "content_type": "PullRequest",
        "content": {"node_id": held["node_id"]},
    }
    board["items"].append(item)
    return str(item["id"])


def test_pull_requests_behind_items_are_told_apart_from_issues_and_by_their_state(sandbox):
    before = sandbox.reader("github").read()
    item_id = add_pull_request(sandbox, 9001)
    add_pull_request(sandbox, 9002, is_draft=True)
    add_pull_request(sandbox, 9003, state="closed")
    add_pull_request(sandbox, 9004, state="closed", merged_at="2026-11-12T09:00:00Z")
    reader = sandbox.reader("github")
    rows = reader.read()
    assert rows["issues"] == before["issues"]
    found = {row["number"]: row for row in rows["pull_requests"]}
    merged = datetime(2026, 11, 12, 9, tzinfo=UTC)
    assert {number: (row["state"], row["is_draft"], row["merged_at"]) for number, row in found.items()} == {
        9001: ("open", False, None),
        9002: ("open", True, None),
        9003: ("closed", False, None),
        9004: ("closed", False, merged),
    }
    row = found[9004]
    assert (row["repository"], row["title"], row["closed_at"]) == ("demo-org/delivery", "Change 9004", merged)
    for column, key, value in (
        ("labels_json", "name", "cloud"),
        ("assignees_json", "login", "ada"),
        ("reviewers_json", "login", "ada"),
    ):
        assert [member[key] for member in json.loads(row[column])] == [value]
    [item] = [row for row in rows["project_items"] if row["id"] == item_id]
    assert (item["content_type"], item["content_node_id"], item["title"]) == ("PullRequest", "PR_9001", "Change 9001")
    assert reader.quarantine == []


def test_issues_keep_the_reason_for_which_they_were_closed_and_their_people(sandbox):
    issue = sandbox.world.state.github.issues["delivery"][0]
    issue |= {"state": "closed", "state_reason": "not_planned", "closed_at": "2026-11-12T09:00:00Z"}
    issue |= {"milestone": {"number": 1, "title": "Launch"}, "type": {"id": 1, "name": "Task"}, "assignees": [USER]}
    sandbox.world.state.github.issues["delivery"][0] = issue
    rows = sandbox.reader("github").read()
    [row] = [row for row in rows["issues"] if row["node_id"] == issue["node_id"]]
    told = [row[name] for name in ("state", "state_reason", "milestone_title", "issue_type", "author_login")]
    assert told == ["closed", "not_planned", "Launch", "Task", issue["user"]["login"]]
    assert [person["login"] for person in json.loads(row["assignees_json"])] == ["ada"]


# What the token is not shown


def test_items_that_this_token_may_not_see_are_counted_and_named(server):
    sandbox = server.fresh(github__redacted_items=3)
    reader = sandbox.reader("github")
    rows = reader.read()
    hidden = [row["id"] for row in rows["project_items"] if row["is_redacted"]]
    assert len(hidden) == 6
    told = [item for item in reader.quarantine if item["table_name"] == "project_items"]
    assert [item["record_ref"] for item in told] == ["project 60", "project 57"]
    assert all(item["reason"].startswith("3 of ") and "Give the token" in item["reason"] for item in told)
    assert all(any(item_id in item["payload"] for item in told) for item_id in hidden)
    assert len(rows["project_items"]) == sum(len(project["items"]) for project in sandbox.world.state.github.projects)


# Errors that come as answers


@pytest.mark.parametrize("path", [r"projectsV2/60$", r"/fields$", r"/items$", r"/demo-org/delivery/issues$"])
def test_an_error_that_comes_with_status_200_is_an_error_at_every_address(sandbox, path):
    reader = sandbox.reader("github")
    rows, error = reader.read_with({"kind": "errors_200", "path": path, "occurrence": "every"})
    assert rows is None
    assert isinstance(error, GarbageAnswer), repr(error)


# Items that move while they are read


def test_an_item_that_is_archived_while_the_board_is_read_is_not_lost(server):
    sandbox = server.fresh(github__page_size=5)
    board = board_of(sandbox)
    last = [item for item in board["items"] if item["archived_at"] is None][-1]
    reader = sandbox.reader("github")
    with reader.changed_after(1, "/60/items", lambda: last.update(archived_at="2026-11-16T09:00:00Z")):
        rows = reader.read()
    [row] = [row for row in rows["project_items"] if row["id"] == str(last["id"])]
    assert row["archived_at"] is not None


def test_an_item_that_is_restored_between_the_two_lists_is_looked_for_again(server, tmp_path):
    sandbox = server.fresh(github__page_size=5)
    archived = add_draft(board_of(sandbox), archived_at="2026-11-10T09:00:00Z")
    reader = sandbox.reader("github")
    earlier = earlier_load("github", reader.read(), tmp_path / "warehouse.duckdb")
    on_the_board = sum(item["archived_at"] is None for item in board_of(sandbox)["items"])
    with reader.changed_after(-(-on_the_board // 5), "/60/items", lambda: archived.update(archived_at=None)):
        rows = reader.read(earlier)
    assert str(archived["id"]) in {row["id"] for row in rows["project_items"]}


def test_an_item_that_was_taken_off_is_gone_after_the_second_look(sandbox, tmp_path):
    reader = sandbox.reader("github")
    earlier = earlier_load("github", reader.read(), tmp_path / "warehouse.duckdb")
    usual = len(reader.calls())
    gone = board_of(sandbox)["items"].pop()
    rows = reader.read(earlier)
    assert str(gone["id"]) not in {row["id"] for row in rows["project_items"]}
    assert len(reader.calls()) == usual + 2


def test_a_cell_that_is_emptied_between_two_sights_of_its_item_holds_nothing(sandbox, tmp_path):
    item_id = add_cell(sandbox, FIRST, "text", "before")
    reader = sandbox.reader("github")
    earlier = earlier_load("github", reader.read(), tmp_path / "warehouse.duckdb")
    board_of(sandbox)["items"].pop(0)  # makes the source look twice
    item = next(item for item in board_of(sandbox)["items"] if str(item["id"]) == item_id)
    with reader.changed_after(2, "/60/items", lambda: item["fields"][-1].update(value=None)):
        rows = reader.read(earlier)
    cell = cells_of(rows, item_id)[FIRST]
    assert (cell["value_text"], cell["value_json"]) == (None, None)
