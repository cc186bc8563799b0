"""HubSpot tasks: one for each deal, on the deal and for its owner, kept up to date and never repeated.

    POST  /crm/associations/<version>/deals/tasks/batch/read   the tasks of the deal
    POST  /crm/objects/<version>/tasks/batch/read              which of them is ours: its last line names the deal
    POST  /crm/objects/<version>/tasks                         1. the task, with its link to the deal
    PATCH /crm/objects/<version>/tasks/{id}                    2. another list, or another owner; or its status, once nothing is missing

The last line of the body also holds a hash of the text above it: a list that a person has edited is theirs, and left alone. HubSpot
may dress the body in HTML of its own, so that only its text is compared. The properties are HubSpot's own and the same in every
portal. https://developers.hubspot.com/docs/api-reference/crm-tasks-v3/guide
"""

from __future__ import annotations

import hashlib
import html
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pipelines.actions.hubspot_labels import linked_records, unlabelled_type
from pipelines.actions.records import same
from pipelines.actions.target import Connection, Reading, Write, deal_key
from pipelines.errors import GarbageAnswer
from pipelines.transport_adapters import HUBSPOT_API_VERSION as API_VERSION

if TYPE_CHECKING:
    from pipelines.actions.records import Change
    from pipelines.rules import Rules

OBJECT: Final = "tasks"
_PROPERTIES: Final = ("hs_task_subject", "hs_task_body", "hs_task_status", "hubspot_owner_id")
_BATCH: Final = 100
STATUS: Final = "status"
_OPEN, _DONE = "NOT_STARTED", "COMPLETED"
_STATUSES: Final = frozenset({_OPEN, _DONE, "IN_PROGRESS", "WAITING", "DEFERRED"})
_LAST_LINE: Final = re.compile(r"handoff keeps this list \(deal (?P<deal_id>\d+), (?P<hash>[0-9a-f]{10})\)")


class HubspotTasks:
    """The tasks of a portal, as far as changes go."""

    def __init__(self, connection: Connection, rules: Rules, app_url: str) -> None:
        """Use ``connection``; ``app_url`` is where people open the portal's records."""
        self._connection = connection
        self._rules = rules
        self._app_url = app_url
        self._link_type: dict[str, Any] | None = None

    def objection(self, change: Change) -> str | None:
        """Return why no task can be made of this change, or why its status cannot be set."""
        if not change.is_creation:
            is_known = change.field == STATUS and change.after in _STATUSES
            return (
                None
                if is_known
                else f"handoff only completes and reopens tasks, and does not set {change.field} to {change.after!r}"
            )
        if deal_key(change.natural_key, self._rules) is None:
            return "the change names no deal for whose owner the task would be"
        lacking = [name for name in ("subject", "body", "due_on", "owner_id") if not change.values.get(name)]
        return f"the task has no {lacking[0]}" if lacking else None

    def read(self, change: Change, made_id: str | None = None) -> Reading:
        """Return the one task that handoff keeps on the deal, or none; or the status of the task that a change names."""
        if not change.is_creation:
            return self._read_status(change)
        key = deal_key(change.natural_key, self._rules)
        if key is None:
            return Reading(obstacle="the change names no deal")
        ids = [made_id] if made_id else list(linked_records(self._connection, "deals", key.deal_id, OBJECT))
        ours = []
        for task in self._tasks(ids):
            last_line = _LAST_LINE.search(_text(task["properties"].get("hs_task_body")))
            if last_line is not None and last_line["deal_id"] in key.ids:
                ours.append((task, last_line["hash"]))
        if len(ours) > 1:
            urls = ", ".join(self._url(task) for task, _ in ours)
            return Reading(obstacle=f"{len(ours)} tasks on this deal hold such a list ({urls}); keep one of them")
        if not ours:
            return Reading()
        task, written_hash = ours[0]
        if _hash(_list_of(task)) != written_hash:
            return Reading(obstacle=f"somebody has edited the task ({self._url(task)}); it is theirs now")
        return Reading(value=_status(task), parts={"task": task}, url=self._url(task))

    def _read_status(self, change: Change) -> Reading:
        tasks = self._tasks([str(change.record_id)])
        if not tasks:
            return Reading(obstacle=f"HubSpot no longer has this task ({change.record_id})")
        return Reading(value=_status(tasks[0]), url=self._url(tasks[0]))

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the POST of the task, or the PATCH of a list, owner or status that is to change; None when it is up to date."""
        if not change.is_creation:
            if same(reading.value, change.after):
                return None
            body = {"properties": {"hs_task_status": change.after}}
            return Write(1, f"set {change.field}", "PATCH", self._path(str(change.record_id)), body)
        values, task = change.values, reading.parts.get("task")
        if task is None:
            properties = {
                "hs_task_subject": values["subject"],
                "hs_task_body": self._body(change),
                "hs_task_status": _OPEN,
                "hs_task_type": "TODO",
                "hs_timestamp": f"{values['due_on']}T12:00:00Z",
                "hubspot_owner_id": values["owner_id"],
            }
            key = deal_key(change.natural_key, self._rules)
            link = {"to": {"id": key.deal_id if key else ""}, "types": [self._link()]}
            return Write(
                1,
                "make the task",
                "POST",
                f"/crm/objects/{API_VERSION}/{OBJECT}",
                {"properties": properties, "associations": [link]},
            )
        held = task["properties"]
        wanted: dict[str, str] = {}
        if _list_of(task) != _text(values["body"]):
            # what is new on the list is to be done, even if the old list was ticked off
            wanted |= {"hs_task_body": self._body(change), "hs_task_status": _OPEN}
        if held.get("hs_task_status") != _DONE and held.get("hubspot_owner_id") != values["owner_id"]:
            wanted |= {"hubspot_owner_id": values["owner_id"]}
        if not wanted:
            return None
        return Write(2, "bring the task up to date", "PATCH", self._path(str(task["id"])), {"properties": wanted})

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return what the task holds otherwise than asked for."""
        if not change.is_creation:
            return None if same(reading.value, change.after) else f"{change.field} holds {reading.value!r}"
        task = reading.parts.get("task")
        if task is None:
            return "there is no such task"
        if _list_of(task) != _text(change.values["body"]):
            return "the task holds another list"
        return None

    def _path(self, task_id: str) -> str:
        return f"/crm/objects/{API_VERSION}/{OBJECT}/{quote(task_id, safe='')}"

    def _body(self, change: Change) -> str:
        key = deal_key(change.natural_key, self._rules)
        body = change.values["body"]
        return f"{body}<br><br>handoff keeps this list (deal {key.deal_id if key else ''}, {_hash(_text(body))})"

    def _tasks(self, ids: list[str]) -> list[dict[str, Any]]:
        found = []
        for start in range(0, len(ids), _BATCH):
            body = {"properties": list(_PROPERTIES), "inputs": [{"id": task_id} for task_id in ids[start : start + _BATCH]]}
            answer = self._connection.ask(f"/crm/objects/{API_VERSION}/{OBJECT}/batch/read", body)
            results = answer.get("results") if isinstance(answer, dict) else None
            if not isinstance(results, list) or any(not isinstance(row.get("properties"), dict) for row in results):
                raise GarbageAnswer("HubSpot did not show the tasks of the deal. Nothing was written there; try again later.")
            found += [row for row in results if not row.get("archived")]
        return found

    def _link(self) -> dict[str, Any]:
        if self._link_type is None:
            self._link_type = unlabelled_type(self._connection, OBJECT, "deals")
        return self._link_type

    def _url(self, task: dict[str, Any]) -> str:
        return f"{self._app_url}/record/0-27/{task['id']}"


def _status(task: dict[str, Any]) -> str | None:
    held = task["properties"].get("hs_task_status")
    return None if held is None else str(held)


def _text(body: object) -> str:
    """Return the words of an HTML text, one space between them."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", str(body or ""))).split())


def _list_of(task: dict[str, Any]) -> str:
    return _LAST_LINE.sub("", _text(task["properties"].get("hs_task_body"))).strip()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
