"""GitHub of the sandbox: tokens, limits and versions for every call, repositories, issues and comments. Projects: github_projects.py.

Evidence: the REST description that GitHub publishes, and https://docs.github.com/rest for what stands in prose (limits, headers, 404
for what a token may not see). GraphQL is not built: POST /graphql answers 501.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox import github_events
from pipelines.sandbox.exchange import Answer, Call, Refusal, Routes, serve
from pipelines.sandbox.github_projects import Projects
from pipelines.sandbox.github_shapes import (
    API,
    invalid,
    issue,
    json_object,
    not_built,
    not_found,
    numbered_page,
    refuse,
    repository,
    seconds,
    user,
)
from pipelines.sandbox.world import token_kind

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pipelines.sandbox.world import World

Json = dict[str, Any]

# What ``world.limits`` may change.
LIMITS: Final = {
    "github.page_size": 100,
    "github.rate_limit": 5000,  # calls an hour and token
    "github.secondary_refusals": 0,  # so many coming calls meet the secondary limit
    "github.retry_after_seconds": 60,
    "github.redacted_items": 0,  # so many first items of each project show no content
    "github.push_access": 0,  # 1: labels and assignees are kept
}
_VERSIONS: Final = ("2022-11-28", "2026-03-10")
_HOUR: Final = 3600
_ISSUES: Final = "/issues/issues"
_STATES: Final = {"open": {"open"}, "closed": {"closed"}, "all": {"open", "closed"}}
_REASONS: Final = frozenset({"completed", "not_planned", "duplicate", "reopened"})
_SORTED_BY: Final = {"created": "created_at", "updated": "updated_at", "comments": "comments"}
# Parameters of the issue list that narrow it and are not built: to ignore one would answer with too much.
_NOT_BUILT_FILTERS: Final = ("milestone", "type", "mentioned", "issue_field_values")
_NOTHING: Final = type(None)
_TEXT: Final = (str, _NOTHING)
_ISSUE: Final[Json] = {"title": (str, int, _NOTHING), "body": _TEXT, "state": _TEXT, "state_reason": _TEXT, "assignee": _TEXT}
# What is dropped in silence from the issue of somebody who cannot push, as GitHub documents it.
_NEEDS_PUSH: Final = frozenset({"labels", "assignees", "assignee", "milestone", "type"})


def app(world: World) -> ASGIApp:
    """Return GitHub's REST API over ``world``."""
    return serve(_Github(world).answer)


@dataclass
class _Budget:
    """The calls of one token in the present hour."""

    resets_at: int = 0
    used: int = 0


class _Github:
    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state
        self._budgets: dict[str, _Budget] = {}
        one = "/repos/{owner}/{repository}"
        self._routes = Routes(
            ("GET", "/rate_limit", self._rate_limit),
            *Projects(world).rows(),
            ("GET", one, self._repository),
            ("GET", f"{one}/issues", self._list),
            ("POST", f"{one}/issues", self._create),
            ("GET", f"{one}/issues/{{number}}", self._one),
            ("PATCH", f"{one}/issues/{{number}}", self._update),
            ("GET", f"{one}/issues/{{number}}/events", self._events),
            ("GET", f"{one}/issues/{{number}}/comments", self._comments),
            ("POST", f"{one}/issues/{{number}}/comments", self._comment),
        )

    def _limit(self, name: str) -> int:
        return self._world.limit(f"github.{name}", LIMITS[f"github.{name}"])

    def answer(self, call: Call) -> Answer:
        """Answer one call with the headers that every answer of GitHub carries."""
        with self._world.lock:
            if self._state is not self._world.state:  # the sandbox was reset
                self._state, self._budgets = self._world.state, {}
            try:
                answer = self._checked(call)
            except Refusal as refusal:
                answer = refusal.answer
            budget = self._budgets.get(call.bearer or "", _Budget())
        limit = self._limit("rate_limit")
        headers = {
            "x-github-request-id": uuid.uuid4().hex.upper(),
            "x-github-media-type": "github.v3; format=json",
            "x-github-api-version-selected": call.headers.get("x-github-api-version", _VERSIONS[0]),
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - budget.used)),
            "x-ratelimit-used": str(budget.used),
            "x-ratelimit-reset": str(budget.resets_at),
            "x-ratelimit-resource": "core",
        }
        return Answer(answer.status, answer.body, {**headers, **answer.headers}, answer.content_type)

    def _checked(self, call: Call) -> Answer:
        if not call.headers.get("user-agent"):
            raise refuse(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
        kind = token_kind(call.bearer)
        if kind is None:
            raise refuse(401, "Bad credentials")
        if call.headers.get("x-github-api-version", _VERSIONS[0]) not in _VERSIONS:
            raise refuse(400, f"The API version is not supported. Supported versions: {', '.join(_VERSIONS)}.")
        if call.path != "/rate_limit":
            self._spend(call.bearer or "")
        found = self._routes.find(call)
        if found is None:
            what = "GitHub's GraphQL API (POST /graphql); use REST" if call.path == "/graphql" else f"{call.method} {call.path}"
            raise not_built(what)
        handler, call = found
        if call.method != "GET" and kind != "write":
            raise refuse(403, "Resource not accessible by personal access token")
        return handler(call)

    def _spend(self, token: str) -> None:
        """Count a call. Raises the 403 of the primary limit, or of the secondary one while it is switched on."""
        now = int(time.time())
        budget = self._budgets.setdefault(token, _Budget())
        if budget.resets_at <= now:
            budget.resets_at, budget.used = now + _HOUR, 0
        if budget.used >= self._limit("rate_limit"):
            raise refuse(
                403, "API rate limit exceeded for user ID 7001.", page="/using-the-rest-api/rate-limits-for-the-rest-api"
            )
        budget.used += 1
        refusals = self._limit("secondary_refusals")
        if refusals > 0:
            self._world.limits["github.secondary_refusals"] = refusals - 1
            raise refuse(
                403,
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                page="/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
                retry_after=str(self._limit("retry_after_seconds")),
            )

    def _rate_limit(self, call: Call) -> Answer:
        budget = self._budgets.get(call.bearer or "", _Budget())
        limit = self._limit("rate_limit")
        core = {
            "limit": limit,
            "used": budget.used,
            "remaining": max(0, limit - budget.used),
            "reset": budget.resets_at or int(time.time()) + _HOUR,
        }
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": core["reset"]}  # search is not built: nothing uses it up
        return Answer(200, {"resources": {"core": core, "search": search}, "rate": core})

    # Repositories and issues

    def _name(self, call: Call) -> str:
        """Return the repository of a path as it is spelt. Raises 404."""
        github = self._world.state.github
        if call.parts["owner"].lower() == github.organization.lower():
            for name in github.issues:
                if name.lower() == call.parts["repository"].lower():
                    return name
        raise not_found("/repos/repos#get-a-repository")

    def _repository(self, call: Call) -> Answer:
        return Answer(200, repository(self._world, self._name(call)))

    def _list(self, call: Call) -> Answer:
        rows = self._world.state.github.issues[self._name(call)]
        state = call.value("state", "open")
        if state not in _STATES:
            raise invalid("Issue", "state", "invalid", page=_ISSUES)
        for parameter in _NOT_BUILT_FILTERS:
            if call.value(parameter):
                raise not_built(f"the filter {parameter} of issues")
        since = _moment(call.value("since"), "since")
        labels = {part.strip().lower() for part in call.value("labels").split(",") if part.strip()}
        creator, assignee = call.value("creator").lower(), call.value("assignee").lower()
        chosen = [
            held
            for held in rows
            if held["state"] in _STATES[state]
            and (since is None or datetime.fromisoformat(held["updated_at"]) >= since)
            and labels <= {label["name"].lower() for label in held["labels"]}
            and creator in {"", held["user"]["login"].lower()}
            and _is_assigned(held, assignee)
        ]
        column = _SORTED_BY.get(call.value("sort", "created"))
        if column is None:
            raise invalid("Issue", "sort", "invalid", page=_ISSUES)
        chosen.sort(key=lambda held: (held[column], held["number"]), reverse=call.value("direction", "desc") != "asc")
        return numbered_page(self._world, call, chosen, issue)

    def _held(self, call: Call) -> Json:
        for held in self._world.state.github.issues[self._name(call)]:
            if str(held["number"]) == call.parts["number"]:
                return held
        raise not_found(f"{_ISSUES}#get-an-issue")

    def _one(self, call: Call) -> Answer:
        return Answer(200, issue(self._held(call)))

    def _create(self, call: Call) -> Answer:
        name = self._name(call)
        body = json_object(call, _ISSUE)
        title = body.get("title")
        if title is None or not str(title).strip():
            raise invalid("Issue", "title", "missing_field", page=f"{_ISSUES}#create-an-issue")
        github, now = self._world.state.github, seconds(self._world)
        number = 1 + max((held["number"] for held in github.issues[name]), default=0)
        path = f"{API}/repos/{github.organization}/{name}"
        url = f"{path}/issues/{number}"
        held: Json = {
            # above every id of the story, whatever the repository
            "id": 1 + max([990000, *(held["id"] for listed in github.issues.values() for held in listed)]),
            "node_id": f"I_{name.replace('-', '')}{number:04d}",
            "number": number,
            "title": str(title),
            "body": body.get("body"),
            "state": "open",
            "state_reason": None,
            "labels": [],
            "assignees": [],
            "assignee": None,
            "milestone": None,
            "locked": False,
            "comments": 0,
            "user": self._writer(),
            "author_association": "MEMBER",
            "url": url,
            "repository_url": path,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": f"https://github.com/{github.organization}/{name}/issues/{number}",
            "created_at": now,
            "updated_at": now,
            "closed_at": None,
        }
        self._set_pushed(held, body)
        github.issues[name].append(held)
        self._world.changed()
        return Answer(201, issue(held), {"location": url})

    def _update(self, call: Call) -> Answer:
        held = self._held(call)
        body = json_object(call, _ISSUE)
        state, reason, title = body.get("state"), body.get("state_reason"), body.get("title")
        if state is not None and state not in {"open", "closed"}:
            raise invalid("Issue", "state", "invalid", page=f"{_ISSUES}#update-an-issue")
        if reason is not None and reason not in _REASONS:
            raise invalid("Issue", "state_reason", "invalid", page=f"{_ISSUES}#update-an-issue")
        if title is not None and not str(title).strip():
            raise invalid("Issue", "title", "missing_field", page=f"{_ISSUES}#update-an-issue")
        now = seconds(self._world)
        self._set_pushed(held, body)
        who = github_events.actor(call, self._writer())
        if title is not None and str(title) != held["title"]:
            github_events.note(held, "renamed", who, now, rename={"from": held["title"], "to": str(title)})
            held["title"] = str(title)
        if "body" in body:
            held["body"] = body["body"]
        if state is not None and state != held["state"]:
            github_events.note(held, {"closed": "closed"}.get(state, "reopened"), who, now, state_reason=reason)
            held["state"] = state
            held["state_reason"] = (reason or "completed") if state == "closed" else "reopened"
            held["closed_at"] = now if state == "closed" else None
        held["updated_at"] = now
        self._world.changed()
        return Answer(200, issue(held))

    def _set_pushed(self, held: Json, body: Json) -> None:
        """Set what only those who can push may set; from others it is dropped in silence."""
        if not self._limit("push_access") or not _NEEDS_PUSH & set(body):
            return
        for refused in ("milestone", "type"):
            if body.get(refused) is not None:
                raise not_built(f"the {refused} of issues")
        if "labels" in body:
            held["labels"] = [_label(held, name) for name in _names(body, "labels", "name")]
        if "assignees" in body or body.get("assignee"):
            logins = _names(body, "assignees" if "assignees" in body else "assignee", "login")
            held["assignees"] = [{"login": login, "id": 7100 + len(login), "node_id": f"U_{login}"} for login in logins]

    def _writer(self) -> Json:
        return {"login": "handoff-sandbox", "id": 7002, "node_id": "U_handoffsandbox"}

    def _events(self, call: Call) -> Answer:
        return numbered_page(self._world, call, github_events.listed(self._held(call)), dict)

    # Comments, kept with the issue

    def _comments(self, call: Call) -> Answer:
        rows: list[Json] = self._held(call).get("_comments", [])
        since = _moment(call.value("since"), "since")
        rows = [row for row in rows if since is None or datetime.fromisoformat(row["updated_at"]) >= since]
        return numbered_page(self._world, call, rows, dict)

    def _comment(self, call: Call) -> Answer:
        held = self._held(call)
        text = json_object(call, {"body": str}).get("body", "")
        if not text.strip():
            raise invalid("IssueComment", "body", "missing_field", page="/issues/comments#create-an-issue-comment")
        held["comments"] += 1
        number = held["id"] * 1000 + held["comments"]
        now = seconds(self._world)
        comment = {
            "id": number,
            "node_id": f"IC_{number}",
            "url": f"{held['repository_url']}/issues/comments/{number}",
            "html_url": f"{held['html_url']}#issuecomment-{number}",
            "issue_url": held["url"],
            "body": text,
            "user": user(self._writer()),
            "author_association": "MEMBER",
            "created_at": now,
            "updated_at": now,
        }
        held.setdefault("_comments", []).append(comment)
        held["updated_at"] = now
        self._world.changed()
        return Answer(201, comment, {"location": str(comment["url"])})


def _names(body: Json, field: str, part: str) -> list[str]:
    """Return what a list names, as texts or as objects with a ``part``. Raises the 422."""
    given = body[field] if isinstance(body[field], list) else [body[field]]
    named = [item.get(part) if isinstance(item, dict) else item for item in given]
    names = [name for name in named if isinstance(name, str) and name]
    if len(names) != len(named):
        raise invalid("Issue", field, "invalid", page=_ISSUES)
    return names


def _is_assigned(held: Json, login: str) -> bool:
    """Return whether an issue fits the assignee filter, which knows ``none`` and ``*`` beside logins."""
    logins = {person["login"].lower() for person in held["assignees"]}
    return {"": True, "none": not logins, "*": bool(logins)}.get(login, login in logins)


def _label(held: Json, name: str) -> Json:
    url = f"{held['repository_url']}/labels/{name}"
    number = 6000 + sum(map(ord, name))
    return {
        "id": number, "node_id": f"LA_{number}", "url": url, "name": name, "description": None, "color": "ededed", "default": False
    }  # fmt: skip


def _moment(text: str, field: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("Issue", field, "invalid", f"{field} must be a time like 2026-11-16T09:00:00Z.", page=_ISSUES) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
