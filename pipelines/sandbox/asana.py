"""Asana of the sandbox: one workspace with its projects, portfolios, tasks, status updates, templates, jobs and events.

Evidence: the published OpenAPI (https://github.com/Asana/openapi) for paths, parameters and shapes, against which every answer is
tested; https://developers.asana.com/docs/rate-limits, /docs/errors and /docs/pagination for the rest. docs/sandbox.md says which is
which. Shapes are in asana_shapes.py. Limits on calls are off unless set, so that a demonstration does not wait.
"""

from __future__ import annotations

import re
import secrets
import time
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from pipelines.sandbox.asana_shapes import Shapes, shown
from pipelines.sandbox.exchange import Answer, Call, Refusal, Routes, instant, serve
from pipelines.sandbox.world import token_kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp

    from pipelines.sandbox.world import World

Json = dict[str, Any]

_BELOW: Final = "/api/1.0"
_MOST: Final = 100
_EVENTS: Final = 100
_HELP: Final = "For more information on API status codes and how to handle them, read the docs on errors: https://developers.asana.com/docs/errors"
# What ``world.limits`` may change. -1: off.
LIMITS: Final = {
    "asana.page_size": 100,  # never more on a page, whatever was asked for
    "asana.offset_expiries": 0,  # so many coming pages find their offset expired
    "asana.requests_per_minute": -1,  # Asana's own is 150, or 1,500 with a paid plan
    "asana.retry_after_seconds": 1,  # what a 429 tells to wait
    "asana.job_polls": 1,  # so often a job answers in_progress before it has succeeded
    "asana.job_seconds": 5,  # after so long a job has succeeded whether or not somebody asked
    "asana.failing_jobs": 0,  # so many coming jobs fail
    "asana.is_free": 0,  # 1: custom fields, portfolios and templates answer 402
}
_PAID: Final = re.compile(r"/(portfolios|project_templates|custom_fields|jobs)(/|$)|/custom_fields$")
# What PUT /projects takes, with the type of each
_WRITABLE: Final[dict[str, Any]] = {
    "name": str,
    "archived": bool,
    "notes": str,
    "due_on": (str, type(None)),
    "start_on": (str, type(None)),
    "owner": (str, type(None)),
    "custom_fields": dict,
}
_STATUS_TYPES: Final = frozenset({"on_track", "at_risk", "off_track", "on_hold", "complete"})


def app(world: World) -> ASGIApp:
    """Return Asana's REST API over ``world``."""
    return serve(_Asana(world).answer)


def refuse(status: int, message: str, **more: Any) -> Refusal:
    """Return a refusal in Asana's shape; a server error carries a phrase instead of help."""
    word = {"phrase": "6 sad squid snuggle softly"} if status >= 500 else {"help": _HELP}
    return Refusal(Answer(status, {"errors": [{"message": message, **word}], **more}))


class _Asana:
    def __init__(self, world: World) -> None:
        self._world = world
        self._recent: list[float] = []
        self._offsets: dict[str, int] = {}  # offset token -> where the next page begins
        self._begun: dict[str, float] = {}  # job -> when it began, for this process
        self._syncs: dict[str, tuple[str, int]] = {}  # sync token -> resource, position in the events
        self._routes = Routes(
            ("GET", f"{_BELOW}/users/me", self._me),
            ("GET", f"{_BELOW}/users", self._users),
            ("GET", f"{_BELOW}/workspaces", self._workspaces),
            ("GET", f"{_BELOW}/workspaces/{{gid}}/custom_fields", self._custom_fields),
            ("GET", f"{_BELOW}/custom_fields/{{gid}}", self._custom_field),
            ("GET", f"{_BELOW}/portfolios", self._portfolios),
            ("GET", f"{_BELOW}/portfolios/{{gid}}", self._portfolio),
            ("GET", f"{_BELOW}/portfolios/{{gid}}/items", self._items),
            ("POST", f"{_BELOW}/portfolios/{{gid}}/addItem", self._add_item),
            ("GET", f"{_BELOW}/projects", self._projects),
            ("GET", f"{_BELOW}/projects/{{gid}}", self._project),
            ("PUT", f"{_BELOW}/projects/{{gid}}", self._change_project),
            ("GET", f"{_BELOW}/tasks", self._tasks),
            ("GET", f"{_BELOW}/status_updates", self._status_updates),
            ("POST", f"{_BELOW}/status_updates", self._post_status),
            ("GET", f"{_BELOW}/project_templates", self._templates),
            ("GET", f"{_BELOW}/project_templates/{{gid}}", self._template),
            ("POST", f"{_BELOW}/project_templates/{{gid}}/instantiateProject", self._instantiate),
            ("GET", f"{_BELOW}/jobs/{{gid}}", self._job),
            ("GET", f"{_BELOW}/events", self._events),
        )

    @property
    def _state(self) -> Any:
        return self._world.state.asana

    @property
    def _shapes(self) -> Shapes:
        return Shapes(self._state)

    def answer(self, call: Call) -> Answer:
        kind = token_kind(call.bearer)
        if kind is None:
            raise refuse(401, "Not Authorized")
        self._count()
        found = self._routes.find(call)
        if found is None:
            if call.path.startswith(f"{_BELOW}/"):
                raise refuse(501, f"The sandbox has no {call.method} {call.path}; see docs/sandbox.md.")
            raise refuse(404, "Not Found")
        if call.method != "GET" and kind == "read":
            raise refuse(403, "Forbidden: the token has not the scope that this request needs.")
        if self._limit("is_free") and _PAID.search(call.path.removeprefix(_BELOW)):
            raise refuse(402, "Payment Required: this feature is not part of the plan of this workspace.")
        handler, routed = found
        with self._world.lock:
            self._go_on_with_jobs()
            return handler(routed)

    def _limit(self, name: str) -> int:
        return self._world.limit(f"asana.{name}", LIMITS[f"asana.{name}"])

    def _count(self) -> None:
        rate = self._limit("requests_per_minute")
        now = time.monotonic()
        self._recent = [moment for moment in self._recent if now - moment < 60]
        if 0 <= rate <= len(self._recent):
            self._recent.clear()  # whoever waited as told goes on
            refusal = refuse(
                429, "You've made too many requests and hit a rate limit. Please retry after the given amount of time."
            )
            wait = {"Retry-After": str(self._limit("retry_after_seconds"))}
            raise Refusal(Answer(429, refusal.answer.body, wait))
        self._recent.append(now)

    def _page(self, call: Call, records: Iterable[Json]) -> Answer:
        """Answer a list. Pages, and ``next_page`` with them, exist only where a limit was asked for."""
        listed = [shown(record, call.value("opt_fields"), is_listed=True) for record in records]
        asked = call.value("limit")
        if not asked:
            return Answer(200, {"data": listed})
        if not asked.isdecimal() or not 1 <= int(asked) <= _MOST:
            raise refuse(400, f"limit: Must be between 1 and {_MOST}: {asked}")
        start, offset = 0, call.value("offset")
        if offset:
            expiries = self._limit("offset_expiries")
            if offset not in self._offsets or expiries > 0:
                self._world.limits["asana.offset_expiries"] = max(0, expiries - 1)
                raise refuse(400, "offset: Your pagination token has expired.")
            start = self._offsets[offset]
        end = start + min(int(asked), self._limit("page_size"))
        following = None
        if end < len(listed):
            token = secrets.token_urlsafe(16)
            self._offsets[token] = end
            query = urlencode([(name, value) for name, value in call.query if name != "offset"] + [("offset", token)])
            path = call.path.removeprefix(_BELOW)
            following = {"offset": token, "path": f"{path}?{query}", "uri": f"{call.url}?{query}"}
        return Answer(200, {"data": listed[start:end], "next_page": following})

    def _one(self, call: Call, record: Json, status: int = 200) -> Answer:
        return Answer(status, {"data": shown(record, call.value("opt_fields"), is_listed=False)})

    def _known(self, kind: str, records: Json, gid: str) -> str:
        if gid not in records:
            raise refuse(404, f"{kind}: Unknown object: {gid}")
        return gid

    def _of_workspace(self, call: Call) -> None:
        gid = call.value("workspace")
        if not gid:
            raise refuse(400, "workspace: Missing input")
        if gid != self._state.workspace.get("gid"):
            raise refuse(404, f"workspace: Unknown object: {gid}")

    # Reading

    def _me(self, call: Call) -> Answer:
        return self._one(call, self._shapes.user(next(iter(self._state.users))))

    def _users(self, call: Call) -> Answer:
        self._of_workspace(call)
        return self._page(call, map(self._shapes.user, self._state.users))

    def _workspaces(self, call: Call) -> Answer:
        return self._page(call, [self._shapes.workspace()])

    def _custom_fields(self, call: Call) -> Answer:
        if call.parts["gid"] != self._state.workspace.get("gid"):
            raise refuse(404, f"workspace: Unknown object: {call.parts['gid']}")
        return self._page(call, map(self._shapes.custom_field, self._state.custom_fields))

    def _custom_field(self, call: Call) -> Answer:
        return self._one(
            call, self._shapes.custom_field(self._known("custom_field", self._state.custom_fields, call.parts["gid"]))
        )

    def _portfolios(self, call: Call) -> Answer:
        self._of_workspace(call)
        owner = call.value("owner")
        if not owner:
            raise refuse(400, "owner: Missing input")
        if owner == "me":
            owner = next(iter(self._state.users))
        mine = [gid for gid, portfolio in self._state.portfolios.items() if portfolio["owner"] == owner]
        return self._page(call, map(self._shapes.portfolio, mine))

    def _portfolio(self, call: Call) -> Answer:
        return self._one(call, self._shapes.portfolio(self._known("portfolio", self._state.portfolios, call.parts["gid"])))

    def _items(self, call: Call) -> Answer:
        gid = self._known("portfolio", self._state.portfolios, call.parts["gid"])
        there = [item for item in self._state.portfolios[gid]["items"] if item in self._state.projects]
        return self._page(call, map(self._shapes.project, there))

    def _projects(self, call: Call) -> Answer:
        self._of_workspace(call)
        wanted = call.value("archived")
        if wanted not in {"", "true", "false"}:
            raise refuse(400, f"archived: Value is not true or false: {wanted}")
        listed = [gid for gid, project in self._state.projects.items() if not wanted or project["archived"] == (wanted == "true")]
        return self._page(call, map(self._shapes.project, listed))

    def _project(self, call: Call) -> Answer:
        return self._one(call, self._shapes.project(self._known("project", self._state.projects, call.parts["gid"])))

    def _tasks(self, call: Call) -> Answer:
        gid = call.value("project")
        if not gid:
            raise refuse(400, "You should specify one of workspace, project, tag, section, user_task_list")
        self._known("project", self._state.projects, gid)
        since = call.value("modified_since")
        listed = [
            task["gid"]
            for task in self._state.tasks.values()
            if task["project"] == gid and (not since or task["modified_at"] >= since)
        ]
        return self._page(call, map(self._shapes.task, listed))

    def _status_updates(self, call: Call) -> Answer:
        parent = call.value("parent")
        if not parent:
            raise refuse(400, "parent: Missing input")
        self._known("parent", self._state.projects, parent)
        since = call.value("created_since")
        listed = [
            update
            for update in self._state.status_updates.values()
            if update["parent"] == parent and (not since or update["created_at"] >= since)
        ]
        listed.sort(key=lambda update: (update["created_at"], update["gid"]), reverse=True)
        return self._page(call, (self._shapes.status_update(update["gid"]) for update in listed))

    def _templates(self, call: Call) -> Answer:
        self._of_workspace(call)
        return self._page(call, map(self._shapes.template, self._state.project_templates))

    def _template(self, call: Call) -> Answer:
        gid = self._known("project_template", self._state.project_templates, call.parts["gid"])
        return self._one(call, self._shapes.template(gid))

    def _job(self, call: Call) -> Answer:
        gid = self._known("job", self._state.jobs, call.parts["gid"])
        job = self._state.jobs[gid]
        if job["status"] == "in_progress":
            job["polls"] += 1
            if job["polls"] > self._limit("job_polls"):
                self._finish(job)
            self._world.changed()
        return self._one(call, self._shapes.job(gid))

    def _go_on_with_jobs(self) -> None:
        """Finish what has run long enough; a job does not wait for whoever began it, and one of an earlier process is over."""
        now = time.monotonic()
        for gid, job in self._state.jobs.items():
            if job["status"] == "in_progress" and now - self._begun.get(gid, 0.0) >= self._limit("job_seconds"):
                self._finish(job)

    def _events(self, call: Call) -> Answer:
        """Answer what happened to a project since a sync token; the first call, and a token that is not known, get a new one with 412."""
        resource = call.value("resource")
        if not resource:
            raise refuse(400, "resource: Missing input")
        self._known("resource", self._state.projects, resource)
        given = self._syncs.get(call.value("sync"))
        token = secrets.token_hex(16)
        if given is None or given[0] != resource:
            self._syncs[token] = (resource, len(self._state.events))
            raise refuse(
                412,
                "Sync token invalid or too old. If you are attempting to keep resources in sync, you must fetch the full dataset "
                "for this query now and use the new sync token for the next sync.",
                sync=token,
            )
        position = given[1]
        found: list[Json] = []
        while position < len(self._state.events) and len(found) < _EVENTS:
            event = self._state.events[position]
            position += 1
            if resource in {event["resource"], event["project"]}:
                found.append(
                    {
                        "action": event["action"],
                        "type": event["type"],
                        "created_at": event["at"],
                        "resource": {"gid": event["resource"], "resource_type": event["type"]},
                    }
                )
        self._syncs[token] = (resource, position)
        return Answer(200, {"data": found, "sync": token, "has_more": position < len(self._state.events)})

    # Writing

    def _data(self, call: Call) -> Json:
        try:
            data = call.json()["data"]
        except (ValueError, TypeError, KeyError):
            data = None
        if not isinstance(data, dict):
            raise refuse(400, "data: Missing input")
        return data

    def _happened(self, kind: str, gid: str, action: str, project: str) -> None:
        self._state.events.append(
            {"resource": gid, "type": kind, "action": action, "project": project, "at": instant(self._world)}
        )
        self._world.changed()

    def _add_item(self, call: Call) -> Answer:
        portfolio = self._state.portfolios[self._known("portfolio", self._state.portfolios, call.parts["gid"])]
        item = self._known("item", self._state.projects, str(self._data(call).get("item") or ""))
        if item not in portfolio["items"]:
            portfolio["items"].append(item)
            self._world.changed()
        return Answer(200, {"data": {}})

    def _change_project(self, call: Call) -> Answer:
        gid = self._known("project", self._state.projects, call.parts["gid"])
        data, project = self._data(call), self._state.projects[gid]
        for name, value in data.items():
            if name not in _WRITABLE:
                raise refuse(400, f"{name}: The sandbox does not write this field; see docs/sandbox.md.")
            if not isinstance(value, _WRITABLE[name]):
                raise refuse(400, f"{name}: Not a recognized value: {value}")
            if name in {"due_on", "start_on"} and value is not None:
                self._day(name, value)
        begins, ends = data.get("start_on", project["start_on"]), data.get("due_on", project["due_on"])
        if (begins and not ends) or ("start_on" in data and "due_on" not in data):
            raise refuse(400, "start_on: You must set a due date when a start date is set.")
        if begins and {"start_on", "due_on"} & set(data) and begins >= ends:
            raise refuse(400, f"start_on: The start date must be before the due date: {begins}, {ends}")
        if data.get("owner"):
            self._known("owner", self._state.users, data["owner"])
        cells = {field: self._checked(project, field, value) for field, value in data.get("custom_fields", {}).items()}
        project.update({name: value for name, value in data.items() if name != "custom_fields"})
        project["custom_fields"].update(cells)
        project["modified_at"] = instant(self._world)
        self._happened("project", gid, "changed", gid)
        return self._one(call, self._shapes.project(gid))

    def _day(self, name: str, value: Any) -> None:
        try:
            date.fromisoformat(value)
        except (ValueError, TypeError):
            raise refuse(400, f"{name}: Value is not a date: {value}") from None

    def _checked(self, project: Json, field: str, value: Any) -> Any:
        """Return what a cell will hold: options and people by gid, days as text or as ``{"date": ...}``."""
        if field not in project["custom_fields"]:
            raise refuse(400, f"custom_fields: Custom field with ID {field} is not on given object")
        definition = self._state.custom_fields[field]
        if value is None:
            return None
        subtype = definition["resource_subtype"]
        options = {option["gid"] for option in definition.get("enum_options", [])}
        if subtype == "date":
            day = value.get("date") if isinstance(value, dict) else value
            self._day(f"custom_fields.{field}", day)
            return day
        fits = {
            "text": isinstance(value, str),
            "number": isinstance(value, int | float) and not isinstance(value, bool),
            "enum": isinstance(value, str) and value in options,
            "multi_enum": isinstance(value, list) and set(map(str, value)) <= options,
            "people": isinstance(value, list) and set(map(str, value)) <= set(self._state.users),
        }
        if not fits[subtype]:
            raise refuse(400, f"custom_fields: Not a recognized value for the {subtype} field {field}: {value}")
        return value

    def _post_status(self, call: Call) -> Answer:
        data = self._data(call)
        parent = self._known("parent", self._state.projects, str(data.get("parent") or ""))
        if data.get("status_type") not in _STATUS_TYPES:
            raise refuse(400, f"status_type: Not a recognized value: {data.get('status_type')}")
        if not isinstance(data.get("text"), str):
            raise refuse(400, "text: Missing input")
        gid = self._new_gid()
        self._state.status_updates[gid] = {
            "gid": gid,
            "title": str(data.get("title") or ""),
            "text": data["text"],
            "status_type": data["status_type"],
            "created_at": instant(self._world),
            "modified_at": instant(self._world),
            "created_by": next(iter(self._state.users)),
            "parent": parent,
        }
        self._happened("status_update", gid, "added", parent)
        return self._one(call, self._shapes.status_update(gid), 201)

    def _instantiate(self, call: Call) -> Answer:
        gid = self._known("project_template", self._state.project_templates, call.parts["gid"])
        data, template = self._data(call), self._state.project_templates[gid]
        if not isinstance(data.get("name"), str) or not data["name"]:
            raise refuse(400, "name: Missing input")
        dates = {str(item.get("gid")): item.get("value") for item in data.get("requested_dates") or []}
        missing = [wanted["name"] for wanted in template["requested_dates"] if not dates.get(wanted["gid"])]
        if missing and data.get("is_strict", True):
            raise refuse(400, f"requested_dates: Missing value for {', '.join(missing)}")
        for value in filter(None, dates.values()):
            self._day("requested_dates", str(value)[:10])
        job = self._new_gid()
        self._state.jobs[job] = {
            "template": gid,
            "name": data["name"],
            "dates": dates,
            "polls": 0,
            "status": "in_progress",
            "new_project": None,
        }
        self._begun[job] = time.monotonic()
        self._world.changed()
        return self._one(call, self._shapes.job(job), 201)

    def _finish(self, job: Json) -> None:
        failing = self._limit("failing_jobs")
        if failing > 0:
            self._world.limits["asana.failing_jobs"] = failing - 1
            job["status"] = "failed"
            return
        template, gid = self._state.project_templates[job["template"]], self._new_gid()
        days = {name: str(job["dates"][key])[:10] for key, name in (("1", "start_on"), ("2", "due_on")) if job["dates"].get(key)}
        self._state.projects[gid] = {
            "gid": gid,
            "name": job["name"],
            "archived": False,
            "completed": False,
            "completed_at": None,
            "created_at": instant(self._world),
            "modified_at": instant(self._world),
            "start_on": days.get("start_on"),
            "due_on": days.get("due_on"),
            "notes": "",
            "owner": None,
            "team": template["team"],
            "created_from_template": template["gid"],
            "custom_fields": dict.fromkeys(template["custom_fields"]),
        }
        for name in template["tasks"]:
            task = self._new_gid()
            self._state.tasks[task] = new_task(task, gid, name, instant(self._world))
        job["status"], job["new_project"] = "succeeded", gid
        self._happened("project", gid, "added", gid)

    def _new_gid(self) -> str:
        taken = (*self._state.projects, *self._state.tasks, *self._state.status_updates, *self._state.jobs)
        return str(max(map(int, taken), default=1_200_000_000_000_000) + 1)


def new_task(gid: str, project: str, name: str, at: str) -> Json:
    """Return a task as it is when it was just made."""
    return {
        "gid": gid,
        "project": project,
        "parent": None,
        "name": name,
        "completed": False,
        "completed_at": None,
        "created_at": at,
        "modified_at": at,
        "start_on": None,
        "due_on": None,
        "assignee": None,
        "notes": "",
        "actual_time_minutes": None,
        "custom_fields": {},
    }
