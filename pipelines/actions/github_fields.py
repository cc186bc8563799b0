"""GitHub: one field of a project's item, or the state of an issue, is read, written with one PATCH, and read back by id.

    GET   /orgs/{org}/projectsV2/{n}/fields              the fields and choices of a project
    GET   /orgs/{org}/projectsV2/{n}/items/{item}        what the item holds
    PATCH /orgs/{org}/projectsV2/{n}/items/{item}        one field
    GET   /repos/{org}/{repository}/issues/{number}      whether the issue is open
    GET   /repos/{org}/{repository}/issues/{n}/events    who closed, reopened or renamed it, and when
    GET   /repos/{org}/{repository}/issues/{n}/comments  whether handoff has said why
    POST  /repos/{org}/{repository}/issues/{n}/comments  1. why it is closed
    PATCH /repos/{org}/{repository}/issues/{number}      2. closed as not planned, or open again

A record is named by where it is: ``57/570007`` is an item of project 57, ``bd-requests/12`` an issue. GitHub keeps no history of the
fields of items: when an item was last changed is all it says. https://docs.github.com/en/rest/issues/events
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pipelines.actions.github_values import as_input, by_and_on, item_value, objection_to
from pipelines.actions.records import Change, same
from pipelines.actions.target import Reading, Write
from pipelines.errors import GarbageAnswer, NotFound, VendorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.actions.target import Connection
    from pipelines.rules import Rules

ITEMS: Final = "project_items"
ISSUES: Final = "issues"
STATE: Final = "state"
_STATES: Final = ("open", "closed")
_PAGE: Final = 100
# The events of an issue that change what handoff reads of it
_TELLING: Final = frozenset({"closed", "reopened", "renamed"})


class GithubFields:
    """Single fields of project items and issues of an organisation, as far as changes go."""

    def __init__(
        self,
        connection: Connection,
        rules: Rules,
        organisation: str,
        pages: Callable[[str, dict[str, Any]], Iterator[dict[str, Any]]],
    ) -> None:
        """Use ``connection``; ``pages`` yields the rows of every page of a list."""
        self._connection = connection
        self._names = rules.fields.get(("github", ITEMS), {})
        self._organisation = quote(organisation, safe="")
        self._pages = pages
        self._known: dict[str, dict[str, dict[str, Any]]] = {}

    def objection(self, change: Change) -> str | None:
        """Return why GitHub would refuse this change, from the project's fields."""
        if change.object == ISSUES:
            if change.field != STATE or change.after not in _STATES:
                return f"handoff only closes and reopens issues, and does not set {change.field} to {change.after!r}"
            return None
        if change.object != ITEMS:
            return f"handoff changes no GitHub {change.object}"
        definition = self._definition(change)
        if definition is None:
            return f"project {self._project(change)} has no field {self._names.get(change.field or '', change.field)!r}"
        return objection_to(definition, change.after)

    def read(self, change: Change) -> Reading:
        """Return what the item holds in the field, or whether the issue is open."""
        try:
            if change.object == ISSUES:
                return self._read_issue(change)
            return self._read_item(change)
        except NotFound:
            return Reading(obstacle=f"GitHub no longer has this record ({change.object} {change.record_id})")

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the PATCH of the one field, or None when it holds the value."""
        if same(reading.value, change.after):
            return None
        if change.object == ISSUES:
            return self._next_of_issue(change, reading)
        definition = self._definition(change) or {}
        body = {"fields": [{"id": definition.get("id"), "value": as_input(definition, change.after)}]}
        return Write(1, f"set {change.field}", "PATCH", self._path(change), body)

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return what the field holds instead of the value."""
        return None if same(reading.value, change.after) else f"{change.field} holds {reading.value!r}"

    def _next_of_issue(self, change: Change, reading: Reading) -> Write:
        if change.after == "closed" and not reading.parts.get("is_explained"):
            body = {"body": f"{change.reason}\n\nReopen this if the work is wanted all the same.\n\n{_mark(change)}"}
            return Write(1, "say why", "POST", f"{self._path(change)}/comments", body)
        state = {"state": "closed", "state_reason": "not_planned"} if change.after == "closed" else {"state": "open"}
        return Write(2, f"set {change.field}", "PATCH", self._path(change), state)

    def _read_item(self, change: Change) -> Reading:
        definition = self._definition(change)
        item = self._connection.get(self._path(change), {"fields": str((definition or {}).get("id", ""))})
        if not isinstance(item, dict) or "id" not in item:
            raise GarbageAnswer(f"GitHub did not show item {change.record_id}. Nothing was written there; try again later.")
        if item.get("archived_at"):
            return Reading(obstacle=f"this item is archived ({change.record_id})")
        when = by_and_on(None, item.get("updated_at"))
        told = f"{when} at the latest (GitHub keeps no history of project fields)" if when else None
        return Reading(value=item_value(item, definition), url=change.record_url, changed_by=told)

    def _read_issue(self, change: Change) -> Reading:
        issue = self._connection.get(self._path(change))
        if not isinstance(issue, dict) or issue.get("state") not in _STATES:
            raise GarbageAnswer(f"GitHub did not show issue {change.record_id}. Nothing was written there; try again later.")
        comments = self._pages(f"{self._path(change)}/comments", {}) if issue.get("comments") else ()
        is_explained = any(_mark(change) in str(comment.get("body")) for comment in comments)
        return Reading(
            value=issue["state"],
            parts={"is_explained": is_explained},
            url=issue.get("html_url"),
            changed_by=self.last_event(self._path(change)),
        )

    def last_event(self, issue_path: str) -> str | None:
        """Return who closed, reopened or renamed an issue last, and when. That GitHub does not tell is no reason to stop."""
        try:
            events = [row for row in self._pages(f"{issue_path}/events", {}) if row.get("event") in _TELLING]
        except VendorError:
            return None
        if not events:
            return None
        newest = max(events, key=lambda event: str(event.get("created_at")))
        return by_and_on((newest.get("actor") or {}).get("login"), newest.get("created_at"))

    def _project(self, change: Change) -> str:
        return str(change.record_id).partition("/")[0]

    def _path(self, change: Change) -> str:
        place, _, number = str(change.record_id).partition("/")
        if change.object == ISSUES:
            return f"/repos/{self._organisation}/{quote(place, safe='')}/issues/{quote(number, safe='')}"
        return f"/orgs/{self._organisation}/projectsV2/{quote(place, safe='')}/items/{quote(number, safe='')}"

    def _definition(self, change: Change) -> dict[str, Any] | None:
        project = self._project(change)
        if project not in self._known:
            path = f"/orgs/{self._organisation}/projectsV2/{quote(project, safe='')}/fields"
            self._known[project] = {row["name"]: row for row in self._pages(path, {"per_page": _PAGE})}
        return self._known[project].get(self._names.get(change.field or "", change.field or ""))


def _mark(change: Change) -> str:
    """Return the last line of the comment, by which an interrupted apply knows that it has been written."""
    return f"<!-- handoff:{change.change_id} -->"
