"""GitHub's Projects of the sandbox: projects, fields and items by REST.

Evidence: the REST description that GitHub publishes, for paths, parameters and shapes; https://docs.github.com/rest/projects. That
the plain list of items leaves archived ones out, and that ``q`` brings them with ``is:archived``, is told by other projects' notes.
"""

from __future__ import annotations

import re
import shlex
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.exchange import Answer, Call
from pipelines.sandbox.github_shapes import (
    API,
    cursor_page,
    invalid,
    issue,
    json_object,
    not_built,
    not_found,
    pull_request,
    seconds,
    user,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.sandbox.world import World

Json = dict[str, Any]

_PAGE: Final = "/projects/items"
_OWN: Final = frozenset({"fields", "items"})  # kept with the project, served at addresses of their own
_WRITABLE: Final = frozenset({"text", "number", "date", "single_select", "iteration"})
_KINDS: Final = {"issue": "Issue", "pr": "PullRequest", "draft": "DraftIssue"}
_FIELD_CHANGES: Final[Json] = {"fields": [{"id": int, "value": (str, int, float, type(None))}]}
_MOST: Final = 1e300  # what no number field can hold
_TITLE: Final = "title"


class Projects:
    """The handlers below ``/orgs/{org}/projectsV2``."""

    def __init__(self, world: World) -> None:
        """Answer from ``world``."""
        self._world = world

    def rows(self) -> tuple[tuple[str, str, Callable[[Call], Answer]], ...]:
        """Return what is built."""
        one = "/orgs/{org}/projectsV2/{number}"
        return (
            ("GET", "/orgs/{org}/projectsV2", self._list),
            ("GET", one, self._one),
            ("GET", f"{one}/fields", self._fields),
            ("GET", f"{one}/fields/{{field}}", self._field),
            ("GET", f"{one}/items", self._items),
            ("POST", f"{one}/items", self._add_item),
            ("GET", f"{one}/items/{{item}}", self._item),
            ("PATCH", f"{one}/items/{{item}}", self._update_item),
            ("DELETE", f"{one}/items/{{item}}", self._delete_item),
            ("POST", f"{one}/drafts", self._add_draft),
        )

    # Projects and fields

    def _list(self, call: Call) -> Answer:
        self._organization(call)
        wanted = list(_conditions(call.value("q")))
        rows = [project for project in self._world.state.github.projects if _is_wanted_project(project, wanted)]
        return cursor_page(self._world, call, sorted(rows, key=lambda row: int(row["id"])), _shown_project)

    def _one(self, call: Call) -> Answer:
        return Answer(200, _shown_project(self._project(call)))

    def _fields(self, call: Call) -> Answer:
        return cursor_page(self._world, call, self._project(call)["fields"], dict)

    def _field(self, call: Call) -> Answer:
        found = [field for field in self._project(call)["fields"] if str(field["id"]) == call.parts["field"]]
        if not found:
            raise not_found("/projects/fields")
        return Answer(200, found[0])

    def _organization(self, call: Call) -> None:
        if call.parts["org"].lower() != self._world.state.github.organization.lower():
            raise not_found("/projects/projects")

    def _project(self, call: Call) -> Json:
        self._organization(call)
        for project in self._world.state.github.projects:
            if str(project["number"]) == call.parts["number"]:
                return project
        raise not_found("/projects/projects#get-project-for-organization")

    # Items, read

    def _items(self, call: Call) -> Answer:
        project = self._project(call)
        ids = _asked_fields(call, project)
        wanted = list(_conditions(call.value("q")))
        rows = [item for item in project["items"] if self._is_wanted_item(project, item, wanted)]
        hidden = {item["id"] for item in project["items"][: self._world.limit("github.redacted_items", 0)]}
        return cursor_page(
            self._world, call, rows, lambda item: _redacted(item) if item["id"] in hidden else self._shown_item(item, ids)
        )

    def _item(self, call: Call) -> Answer:
        project = self._project(call)
        return Answer(200, self._shown_item(self._found_item(call, project), _asked_fields(call, project)))

    def _found_item(self, call: Call, project: Json) -> Json:
        found: list[Json] = [item for item in project["items"] if str(item["id"]) == call.parts["item"]]
        if not found:
            raise not_found(_PAGE)
        return found[0]

    def _content(self, item: Json) -> Json:
        """Return what the item shows: the issue as it is now, or the draft itself."""
        held = self._issue_of(item)
        if held is not None:
            return pull_request(self._world, held) if item["content_type"] == "PullRequest" else issue(held)
        return {**item["content"], "user": user(item["content"]["user"])}

    def _issue_of(self, item: Json) -> Json | None:
        if item["content_type"] == "DraftIssue":
            return None
        node_id = item["content"]["node_id"]
        issues = (held for listed in self._world.state.github.issues.values() for held in listed)
        return next((held for held in issues if held["node_id"] == node_id), item["content"])

    def _shown_item(self, item: Json, ids: set[int]) -> Json:
        content = self._content(item)
        fields = [{**cell, "value": _present(cell, content)} for cell in item["fields"] if cell["id"] in ids]
        return {**self._simple_item(item), "content": content, "fields": fields}

    def _simple_item(self, item: Json) -> Json:
        return {**{name: value for name, value in item.items() if name != "fields"}, "creator": user(item["creator"])}

    def _is_wanted_item(self, project: Json, item: Json, wanted: list[tuple[bool, str, str]]) -> bool:
        """Return whether an item fits the filter; archived ones only when it says ``is:archived``."""
        asks_for_archived = (True, "is", "archived") in wanted
        if (item["archived_at"] is not None) is not asks_for_archived:
            return False
        return all(self._fits(project, item, key, value) is positive for positive, key, value in wanted)

    def _fits(self, project: Json, item: Json, key: str, value: str) -> bool:
        content = self._issue_of(item) or item["content"]
        if key == "is" and value == "archived":
            return item["archived_at"] is not None
        if key == "is" and value in _KINDS:
            return bool(item["content_type"] == _KINDS[value])
        if key == "is" and value in {"open", "closed"}:
            return bool(content.get("state", "open") == value)
        if key == "repo":
            return str(content.get("repository_url", "")).lower().endswith(f"/repos/{value.lower()}")
        if not key:
            return value.lower() in str(content.get("title", "")).lower()
        field = next((field for field in project["fields"] if field["name"].lower().replace(" ", "-") == key.lower()), None)
        if field is None or field["data_type"] != "single_select":
            raise not_built(f"the filter {key}:{value} of project items")
        held = next((row["value"] for row in item["fields"] if row["id"] == field["id"]), None)
        return held is not None and held["name"]["raw"].lower() in [part.lower() for part in value.split(",")]

    # Items, written

    def _add_item(self, call: Call) -> Answer:
        project = self._project(call)
        body = json_object(call, {"type": str, "id": int, "owner": str, "repo": str, "number": int})
        if body.get("type") == "PullRequest":
            raise not_built("pull requests")
        if body.get("type") != "Issue":
            raise invalid("ProjectV2Item", "type", "invalid", "type must be Issue or PullRequest.", page=_PAGE)
        by_id, by_number = "id" in body, {"owner", "repo", "number"} <= set(body)
        if by_id is by_number:
            raise invalid("ProjectV2Item", "id", "invalid", "Give either id, or owner, repo and number.", page=_PAGE)
        held = self._named_issue(body)
        for item in project["items"]:
            if item["content_type"] == "Issue" and item["content"]["node_id"] == held["node_id"]:
                return Answer(201, {**self._simple_item(item), "content": issue(held)})  # adding twice adds nothing
        copied = ("id", "node_id", "number", "title", "body", "state", "html_url", "url", "repository_url", "created_at")
        item = self._new_item(project, "Issue", {name: held[name] for name in copied})
        return Answer(201, {**self._simple_item(item), "content": issue(held)})

    def _named_issue(self, body: Json) -> Json:
        github = self._world.state.github
        for repository, issues in github.issues.items():
            for held in issues:
                if "id" in body:
                    is_it = held["id"] == body["id"]
                else:
                    names = (str(body["owner"]).lower(), str(body["repo"]).lower(), body["number"])
                    is_it = names == (github.organization.lower(), repository.lower(), held["number"])
                if is_it:
                    return held
        raise not_found(_PAGE)

    def _add_draft(self, call: Call) -> Answer:
        project = self._project(call)
        body = json_object(call, {"title": str, "body": (str, type(None))})
        if not body.get("title", "").strip():
            raise invalid("DraftIssue", "title", "missing_field", page="/projects/drafts")
        now = seconds(self._world)
        number = 1 + sum(item["content_type"] == "DraftIssue" for item in project["items"])
        content: Json = {
            "id": 960000 + project["number"] * 1000 + number,
            "node_id": f"DI_board{project['number']}new{number:04d}",
            "title": body["title"],
            "body": body.get("body"),
            "user": project["creator"],
            "created_at": now,
            "updated_at": now,
        }
        item = self._new_item(project, "DraftIssue", content)
        return Answer(201, {**self._simple_item(item), "content": self._content(item)})

    def _new_item(self, project: Json, content_type: str, content: Json) -> Json:
        """Put an item at the end of a project, with every field empty, and return it."""
        number, now = project["number"], seconds(self._world)
        item_id = 1 + max((item["id"] for item in project["items"]), default=number * 10000)
        empty: dict[str, Any] = {"assignees": [], "labels": []}
        url = f"{API}/orgs/{self._world.state.github.organization}/projectsV2/{number}"
        item: Json = {
            "id": item_id,
            "node_id": f"PVTI_board{number}n{item_id}",
            "project_url": url,
            "item_url": f"{url}/items/{item_id}",
            "content_type": content_type,
            "content": content,
            "creator": project["creator"],
            "created_at": now,
            "updated_at": now,
            "archived_at": None,
            "fields": [
                {
                    "id": field["id"],
                    "name": field["name"],
                    "data_type": field["data_type"],
                    "value": _title_value(content) if field["data_type"] == _TITLE else empty.get(field["data_type"]),
                }
                for field in project["fields"]
            ],
        }
        project["items"].append(item)
        self._world.changed()
        return item

    def _update_item(self, call: Call) -> Answer:
        project = self._project(call)
        item = self._found_item(call, project)
        asked = json_object(call, _FIELD_CHANGES).get("fields")
        if asked is None or not all({"id", "value"} <= set(change) for change in asked):
            raise invalid("ProjectV2Item", "fields", "invalid", "fields must be a list of {id, value}.", page=_PAGE)
        definitions = {field["id"]: field for field in project["fields"]}
        values = {change["id"]: _typed(definitions.get(change["id"]), change) for change in asked}
        for field_id, value in values.items():
            held = next((row for row in item["fields"] if row["id"] == field_id), None)
            if held is None:
                field = definitions[field_id]
                held = {"id": field_id, "name": field["name"], "data_type": field["data_type"]}
                item["fields"].append(held)
            held["value"] = value
        item["updated_at"] = seconds(self._world)
        self._world.changed()
        return Answer(200, self._shown_item(item, set(definitions)))

    def _delete_item(self, call: Call) -> Answer:
        project = self._project(call)
        project["items"].remove(self._found_item(call, project))
        self._world.changed()
        return Answer(204)


def _shown_project(project: Json) -> Json:
    shown = {name: value for name, value in project.items() if name not in _OWN}
    return {**shown, "owner": user(project["owner"]), "creator": user(project["creator"])}


def _redacted(item: Json) -> Json:
    """Return an item whose content the token may not see; GitHub's GraphQL calls it REDACTED, what REST sends is inferred."""
    hidden = {name: item[name] for name in ("id", "node_id", "project_url", "item_url", "content_type")}
    times = {name: item[name] for name in ("created_at", "updated_at", "archived_at")}
    return {**hidden, **times, "creator": user(item["creator"]), "content": None, "fields": []}


def _asked_fields(call: Call, project: Json) -> set[int]:
    """Return the ids of the fields to show: those of ``fields`` or ``fields[]``; without either the title alone."""
    asked = [part for text in [*call.values("fields"), *call.values("fields[]")] for part in text.split(",") if part.strip()]
    known = {str(field["id"]): field["id"] for field in project["fields"]}
    if not asked:
        return {field["id"] for field in project["fields"] if field["data_type"] == _TITLE}
    unknown = [part for part in asked if part.strip() not in known]
    if unknown:
        raise invalid("ProjectV2Field", "fields", "invalid", f"The project has no field {', '.join(unknown)}.", page=_PAGE)
    return {known[part.strip()] for part in asked}


def _conditions(query: str) -> Iterator[tuple[bool, str, str]]:
    """Yield (positive, key, value) for each word of a filter; a word without a key is looked for in titles."""
    try:
        words = shlex.split(query)
    except ValueError as error:
        raise invalid("ProjectV2", "q", "invalid", "The filter has an open quote.", page=_PAGE) from error
    for word in words:
        match = re.fullmatch(r"(?P<minus>-?)(?P<key>[\w-]+):(?P<value>.+)", word, re.DOTALL)
        if match is None:
            yield True, "", word
        else:
            yield not match["minus"], match["key"].lower(), match["value"]


def _is_wanted_project(project: Json, wanted: list[tuple[bool, str, str]]) -> bool:
    for positive, key, value in wanted:
        if key == "is" and value in {"open", "closed"}:
            fits = project["state"] == value
        elif not key:
            fits = value.lower() in project["title"].lower()
        else:
            raise not_built(f"the filter {key}:{value} of projects")
        if fits is not positive:
            return False
    return True


def _present(cell: Json, content: Json) -> Any:
    """Return what a cell shows: what is edited at the issue or pull request is shown as it is there now."""
    match cell["data_type"]:
        case "title":
            return _title_value(content)
        case "assignees" | "labels" | "milestone" as part if part in content:
            return content[part]
    return cell["value"]


def _title_value(content: Json) -> Json:
    title: Json = {"raw": content["title"], "html": content["title"]}
    return title | ({"number": content["number"], "url": content["html_url"]} if "number" in content else {})


def _typed(field: Json | None, change: Json) -> Any:
    """Return what an item will hold in a field. Raises the 422 for a value that does not fit; null clears."""
    if field is None:
        raise invalid("ProjectV2Field", "id", "invalid", f"The project has no field {change['id']}.", page=_PAGE)
    kind, value = field["data_type"], change["value"]
    if kind not in _WRITABLE:
        raise invalid("ProjectV2Field", field["name"], "invalid", f"A {kind} field cannot be updated here.", page=_PAGE)
    if value is None:
        return None
    if kind == "single_select":
        for option in field["options"]:
            if option["id"] == value:
                return dict(option)
    elif kind == "iteration":
        for iteration in field.get("configuration", {}).get("iterations", []):
            if iteration["id"] == value:
                return dict(iteration)
    elif _is_plain(kind, value):
        return value
    raise invalid("ProjectV2ItemFieldValue", field["name"], "invalid", f"{value!r} does not fit a {kind} field.", page=_PAGE)


def _is_plain(kind: str, value: Any) -> bool:
    """Return whether a number, text or date field takes a value as it is."""
    if kind == "number":
        return isinstance(value, int | float) and abs(value) < _MOST
    return isinstance(value, str) and (kind == "text" or _is_day(value))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
