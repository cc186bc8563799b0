"""GitHub: a delivery request is found by its hidden marker, opened, put on the project, and its fields are set.

    GET   /orgs/{org}/projectsV2/{n}                     which organisation and project this is
    GET   /orgs/{org}/projectsV2/{n}/fields              the fields and choices of the project
    GET   /orgs/{org}/projectsV2/{n}/items               which issues are on it, and the deals that they name
    GET   /repos/{org}/{repository}/issues               every issue: does one name the deal already?
    POST  /repos/{org}/{repository}/issues               1. the issue, with the marker in its body
    POST  /orgs/{org}/projectsV2/{n}/items               2. the issue on the project
    PATCH /orgs/{org}/projectsV2/{n}/items/{item}        3. the item's fields

https://docs.github.com/en/rest/projects. GitHub knows no idempotency key: the marker is what an interrupted apply is continued by.
Listing is used instead of search, whose index lags behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from pipelines.actions.github_fields import GithubFields
from pipelines.actions.github_values import as_input, by_and_on, choice_name, item_value, objection_to
from pipelines.actions.records import Change, Place
from pipelines.actions.target import Answer, Connection, Reading, Write, deal_key
from pipelines.errors import GarbageAnswer
from pipelines.sources.github import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.rules import Rules

HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION, "User-Agent": "handoff"}
_PAGE: Final = 100
_ARCHIVED: Final = "is:archived"
_DRAFT: Final = "DraftIssue"
_NEXT_LINK: Final = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')
_MARKER: Final = re.compile(r"<!-- handoff:(?P<deal_id>[^\s>]+) -->")
# What the issue itself holds; every other canonical field is one of the project.
_ISSUE_FIELDS: Final = frozenset({"title", "body"})
# A request that is new stands in the first column of the board.
_FIRST_CHOICE_FIELD: Final = "status"


class GithubTarget:
    """The delivery request repository and project of a GitHub organisation, as far as changes go."""

    def __init__(self, connection: Connection, rules: Rules, organisation: str, *, is_sandbox: bool) -> None:
        """Use ``connection`` for ``organisation``; repository, project and field names come from the rule tables."""
        self._connection = connection
        self._rules = rules
        self._organisation = organisation
        self._is_sandbox = is_sandbox
        repository, number = rules.organisation["delivery_request_repository"], rules.organisation["delivery_request_project"]
        self._repository = f"/repos/{quote(organisation, safe='')}/{quote(repository, safe='')}"
        self._project = f"/orgs/{quote(organisation, safe='')}/projectsV2/{quote(number, safe='')}"
        self._repository_name = repository
        self._project_number = number
        self._known_fields: dict[str, dict[str, Any]] | None = None
        self._single = GithubFields(connection, rules, organisation, self._pages)

    @property
    def place(self) -> Place:
        """The organisation and project, asked of GitHub."""
        answer = self._connection.get(self._project)
        number = answer.get("number") if isinstance(answer, dict) else None
        if str(number) != self._project_number:
            raise GarbageAnswer(
                f"GitHub did not show project {self._project_number} of {self._organisation}, so nothing may be written there. "
                "Check delivery_request_project in rule_organisation.csv."
            )
        identity = f"{self._organisation}/{self._repository_name}, project {number}"
        return Place("github", "GitHub organisation", identity, self._is_sandbox)

    def objection(self, change: Change) -> str | None:
        """Return why GitHub would refuse this change, from the project's fields."""
        if not change.is_creation:
            return self._single.objection(change)
        if deal_key(change.natural_key, self._rules) is None:
            return "the change names no deal by which an existing issue could be found"
        if not change.values.get("title"):
            return "the issue has no title"
        for name, value in self._project_values(change).items():
            definition = self._field(name)
            if definition is None:
                return f"project {self._project_number} has no field {self._field_name(name)!r}"
            if (objection := objection_to(definition, value)) is not None:
                return objection
        return None

    def read(self, change: Change, made_id: str | None = None) -> Reading:  # noqa: ARG002 - the list is as fresh as the record
        """Return the issue that asks for the deal, with its item on the project; or the one field that a change is about."""
        if not change.is_creation:
            return self._single.read(change)
        issues = [issue for issue in self._issues() if self._asks_for_the_deal(issue, change)]
        items = list({item["id"]: item for item in self._items()}.values())
        numbers = {issue["number"] for issue in issues}
        named_by_field = [item for item in items if self._item_names_deal(item, change) and _issue_number(item) not in numbers]
        if len(issues) + len(named_by_field) > 1:
            urls = ", ".join([*(str(i.get("html_url")) for i in issues), *(_item_url(item) for item in named_by_field)])
            return Reading(obstacle=f"several requests name this deal already ({urls}); keep one of them")
        if named_by_field:
            return Reading(parts={"elsewhere": named_by_field[0]}, url=_item_url(named_by_field[0]))
        if not issues:
            return Reading()
        issue = issues[0]
        item = next((item for item in items if self._is_item_of(item, issue)), None)
        return Reading(
            parts={"issue": issue, "item": item},
            url=issue.get("html_url"),
            changed_by=by_and_on((issue.get("user") or {}).get("login"), issue.get("created_at")),
        )

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the next of the three steps, or None when the request is complete or is somebody else's."""
        if not change.is_creation:
            return self._single.next_write(change, reading)
        if "elsewhere" in reading.parts:
            return None
        issue, item = reading.parts.get("issue"), reading.parts.get("item")
        if issue is None:
            body = {"title": change.values["title"], "body": self._body_with_marker(change)}
            return Write(1, "open the issue", "POST", f"{self._repository}/issues", body)
        if not self._is_marked(issue, change):
            return None  # a person opened it: theirs to place
        if item is None:
            return Write(2, "put it on the project", "POST", f"{self._project}/items", {"type": "Issue", "id": issue["id"]})
        missing = self._missing_values(change, item)
        if missing:
            fields = [
                {"id": self._field_id(name), "value": as_input(self._field(name) or {}, value)} for name, value in missing.items()
            ]
            return Write(3, "set the project fields", "PATCH", f"{self._project}/items/{item['id']}", {"fields": fields})
        return None

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return what the request, or the one field, holds otherwise than asked for."""
        if not change.is_creation:
            return self._single.difference(change, reading)
        issue, item = reading.parts.get("issue"), reading.parts.get("item")
        if issue is None:
            return "there is no such issue"
        if issue.get("title") != change.values["title"]:
            return f"the title is {issue.get('title')!r}"
        if item is None:
            return "the issue is not on the project"
        missing = self._missing_values(change, item)
        return "; ".join(f"{self._field_name(name)} holds {item_value(item, self._field(name))!r}" for name in missing) or None

    def send(self, write: Write) -> Answer:
        """Send one write, once. Raises VendorError."""
        answer = self._connection.write(write)
        made_id = answer.get("id") if isinstance(answer, dict) else None
        if made_id is None:
            raise GarbageAnswer(f"GitHub answered the request to {write.step} with something that is neither issue nor item.")
        return Answer(str(answer.get("node_id") or made_id), str(made_id))

    def _issues(self) -> Iterator[dict[str, Any]]:
        for issue in self._pages(f"{self._repository}/issues", {"state": "all"}):
            if "pull_request" not in issue:
                yield issue

    def _items(self) -> Iterator[dict[str, Any]]:
        ids = [str(definition["id"]) for definition in self._fields().values() if definition.get("data_type") != "title"]
        asked = {"fields": ",".join(ids)}
        yield from self._pages(f"{self._project}/items", asked)
        # the list leaves out what was archived, unless it is asked for that alone
        yield from self._pages(f"{self._project}/items", {**asked, "q": _ARCHIVED})

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the rows of every page. Only the cursor of the next link is followed, never its address."""
        asked: dict[str, Any] = {**params, "per_page": _PAGE}
        seen: set[str] = set()
        while True:
            answer = self._connection.get_page(path, asked)
            rows = answer.json()
            if not isinstance(rows, list):
                raise GarbageAnswer(f"GitHub did not list {path}. Nothing was written there; try again later.")
            yield from rows
            headers = {name.lower(): value for name, value in dict(answer.headers).items()}
            link = _NEXT_LINK.search(headers.get("link", ""))
            if link is None:
                return
            if link[1] in seen:
                raise GarbageAnswer(f"GitHub sent the same page of {path} twice. Nothing was written there; try again later.")
            seen.add(link[1])
            cursor = {name: values[0] for name, values in parse_qs(urlsplit(link[1]).query).items() if name in {"after", "page"}}
            asked = {**params, "per_page": _PAGE, **cursor}

    def _asks_for_the_deal(self, issue: dict[str, Any], change: Change) -> bool:
        key = deal_key(change.natural_key, self._rules)
        return self._is_marked(issue, change) or (key is not None and key.is_named_in(issue.get("body")))

    def _is_marked(self, issue: dict[str, Any], change: Change) -> bool:
        key = deal_key(change.natural_key, self._rules)
        return key is not None and not key.ids.isdisjoint(_marked_deals(issue.get("body")))

    def _body_with_marker(self, change: Change) -> str:
        body = change.values.get("body", "")
        key = deal_key(change.natural_key, self._rules)
        if key is None or key.deal_id in _marked_deals(body):
            return body
        return f"{body}\n\n<!-- handoff:{key.deal_id} -->".lstrip()

    def _is_item_of(self, item: dict[str, Any], issue: dict[str, Any]) -> bool:
        content = item.get("content") or {}
        if content.get("id") is not None:
            return bool(content["id"] == issue.get("id"))
        return _item_url(item) == issue.get("html_url")

    def _item_names_deal(self, item: dict[str, Any], change: Change) -> bool:
        """Return whether the project's own field names the deal; a draft is a note, and nobody has been asked by it."""
        definition, key = self._field("deal_url"), deal_key(change.natural_key, self._rules)
        if definition is None or key is None or item.get("content_type") == _DRAFT:
            return False
        return key.is_named_in(item_value(item, definition))

    def _project_values(self, change: Change) -> dict[str, str]:
        """Return what the project's fields are to hold, by canonical name; a request starts in the first column."""
        values = {name: value for name, value in change.values.items() if name not in _ISSUE_FIELDS}
        status = self._field(_FIRST_CHOICE_FIELD)
        if _FIRST_CHOICE_FIELD not in values and status is not None and status.get("options"):
            values[_FIRST_CHOICE_FIELD] = choice_name(status["options"][0])
        return values

    def _missing_values(self, change: Change, item: dict[str, Any]) -> dict[str, str]:
        return {
            name: value for name, value in self._project_values(change).items() if item_value(item, self._field(name)) != value
        }

    def _field_name(self, name: str) -> str:
        return self._rules.fields.get(("github", "project_items"), {}).get(name, name)

    def _field(self, name: str) -> dict[str, Any] | None:
        return self._fields().get(self._field_name(name))

    def _field_id(self, name: str) -> Any:
        return (self._field(name) or {}).get("id")

    def _fields(self) -> dict[str, dict[str, Any]]:
        if self._known_fields is None:
            self._known_fields = {row["name"]: row for row in self._pages(f"{self._project}/fields", {})}
        return self._known_fields


def _marked_deals(body: object) -> set[str]:
    return {match["deal_id"] for match in _MARKER.finditer(body)} if isinstance(body, str) else set()


def _issue_number(item: dict[str, Any]) -> object:
    return (item.get("content") or {}).get("number")


def _item_url(item: dict[str, Any]) -> str:
    content = item.get("content") or {}
    return str(content.get("html_url") or item.get("content_url") or item.get("id"))
