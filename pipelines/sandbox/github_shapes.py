"""How GitHub's REST API shows users, issues and repositories, how it pages, and how it says no.

Evidence: the REST description that GitHub publishes (https://github.com/github/rest-api-description) and, for words of errors,
https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from pipelines.sandbox.exchange import Answer, Call, Refusal, instant, misfit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.sandbox.world import World

Json = dict[str, Any]

API: Final = "https://api.github.com"
DOCS: Final = "https://docs.github.com/rest"
_USER_LINKS: Final = {
    "url": "",
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_OF_ISSUES_ALONE: Final = frozenset(
    {"pull_request", "state_reason", "closed_by", "repository_url", "labels_url", "events_url", "timeline_url", "comments"}
)
_REPOSITORY_LINKS: Final = {
    "url": "",
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def refuse(status: int, message: str, *, page: str = "", errors: list[Json] | None = None, **headers: str) -> Refusal:
    """Return GitHub's error body; ``page`` is the part of the documentation that it names."""
    body: Json = {"message": message, "documentation_url": f"{DOCS}{page}", "status": str(status)}
    if errors is not None:
        body["errors"] = errors
    return Refusal(Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()}))


def not_found(page: str = "") -> Refusal:
    """Return the 404 that GitHub sends for what is not there and for what a token may not see."""
    return refuse(404, "Not Found", page=page)


def invalid(resource: str, field: str, code: str, message: str = "", *, page: str = "") -> Refusal:
    """Return the 422 of a request that names or holds something wrong."""
    error = {"resource": resource, "field": field, "code": code} | ({"message": message} if message else {})
    return refuse(422, "Validation Failed", page=page, errors=[error])


def not_built(what: str) -> Refusal:
    """Return the sandbox's own answer to what GitHub has and it has not."""
    return refuse(501, f"The handoff sandbox does not have {what}.")


def json_object(call: Call, shape: Json) -> Json:
    """Return the JSON object of a body, checked against a shape. Raises GitHub's 400 or 422."""
    try:
        body: Json = call.json()
    except ValueError as error:
        raise refuse(400, "Problems parsing JSON") from error
    if not isinstance(body, dict):
        raise refuse(400, "Body should be a JSON object")
    place = misfit(body, shape)
    if place is not None:
        raise refuse(422, f"Invalid request.\n\nFor '{place}', the value is of the wrong type.")
    return body


def seconds(world: World) -> str:
    """Return the present instant of the story as GitHub writes it, without fractions."""
    return f"{instant(world)[:19]}Z"


def user(known: Json) -> Json:
    """Return a simple-user from the few parts that the state keeps."""
    login = known["login"]
    links = {name: f"{API}/users/{login}{path}" for name, path in _USER_LINKS.items()}
    shown = {
        "avatar_url": f"https://avatars.example/u/{known['id']}",
        "gravatar_id": "",
        "html_url": f"https://github.com/{login}",
    }
    return {**links, **shown, "type": "User", "site_admin": False, **known}


def issue(held: Json) -> Json:
    """Return an issue as REST sends it; what the sandbox keeps for itself begins with an underscore and stays here."""
    shown = {name: value for name, value in held.items() if not name.startswith("_")}
    shown["user"] = user(held["user"])
    shown["assignees"] = [user(person) for person in held["assignees"]]
    shown["assignee"] = shown["assignees"][0] if shown["assignees"] else None
    shown["closed_by"] = user(held["user"]) if held["closed_at"] else None
    return {**shown, "active_lock_reason": None, "timeline_url": f"{held['url']}/timeline", "performed_via_github_app": None}


def pull_request(world: World, held: Json) -> Json:
    """Return a pull request as an item of a project shows it (pull-request-simple); the state keeps it among the issues."""
    shown = {name: value for name, value in issue(held).items() if name not in _OF_ISSUES_ALONE}
    owner_and_name = held["repository_url"].removeprefix(f"{API}/repos/")
    url = f"{held['repository_url']}/pulls/{held['number']}"
    name = owner_and_name.rpartition("/")[2]
    shown_repository = repository(world, name) if name in world.state.github.issues else None
    side = {"label": f"{owner_and_name}:main", "ref": "main", "repo": shown_repository, "sha": "0" * 40, "user": shown["user"]}
    links = {
        "self": url,
        "html": held["html_url"],
        "issue": held["url"],
        "comments": held["comments_url"],
        "review_comments": f"{url}/comments",
        "review_comment": f"{url}/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{held['repository_url']}/statuses/{'0' * 40}",
    }
    return {
        **shown,
        "url": url,
        "issue_url": held["url"],
        "diff_url": f"{held['html_url']}.diff",
        "patch_url": f"{held['html_url']}.patch",
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "statuses_url": links["statuses"],
        "merged_at": held["pull_request"].get("merged_at"),
        "merge_commit_sha": None,
        "draft": held.get("draft", False),
        "requested_reviewers": [user(person) for person in held.get("_reviewers", [])],
        "requested_teams": [],
        "head": side,
        "base": side,
        "auto_merge": None,
        "_links": {name: {"href": address} for name, address in links.items()},
    }


def repository(world: World, name: str) -> Json:
    """Return a repository as REST sends it."""
    github = world.state.github
    full_name, issues = f"{github.organization}/{name}", github.issues[name]
    links = {key: f"{API}/repos/{full_name}{path}" for key, path in _REPOSITORY_LINKS.items()}
    created = "2024-01-08T18:00:00Z"
    open_count = sum(held["state"] == "open" for held in issues)
    flags = dict.fromkeys(("fork", "archived", "disabled", "has_downloads", "has_wiki", "has_pages", "is_template"), False)
    nothing = dict.fromkeys(("description", "homepage", "language", "mirror_url", "license"))
    counts = dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "size"), 0)
    number = 5000 + sorted(github.issues).index(name)
    return {
        "id": number,
        "node_id": f"R_{name.replace('-', '')}",
        "name": name,
        "full_name": full_name,
        "owner": user({"login": github.organization, "id": 7000, "node_id": "O_demoorg", "type": "Organization"}),
        "private": True,
        "visibility": "private",
        "html_url": f"https://github.com/{full_name}",
        **links,
        **flags,
        **nothing,
        **counts,
        "has_issues": True,
        "has_projects": True,
        "open_issues": open_count,
        "open_issues_count": open_count,
        "default_branch": "main",
        "clone_url": f"https://github.com/{full_name}.git",
        "git_url": f"git://github.com/{full_name}.git",
        "ssh_url": f"git@github.com:{full_name}.git",
        "svn_url": f"https://github.com/{full_name}",
        "topics": [],
        "created_at": created,
        "updated_at": created,
        "pushed_at": created,
    }


def page_size(world: World, call: Call) -> int:
    """Return how many rows a page has: per_page, 30 unless told, 100 at most."""
    asked = call.value("per_page")
    size = int(asked) if asked.isdecimal() and int(asked) > 0 else 30
    return min(size, 100, max(1, world.limit("github.page_size", 100)))


def numbered_page(world: World, call: Call, rows: list[Json], show: Callable[[Json], Json]) -> Answer:
    """Return the page that ``page`` names, with the Link header of lists that are paged by number."""
    size = page_size(world, call)
    asked = call.value("page")
    number = int(asked) if asked.isdecimal() and int(asked) > 0 else 1
    last = max(1, -(-len(rows) // size))
    links = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
    if number <= 1:
        links = {name: page for name, page in links.items() if name in {"next", "last"}}
    if number >= last:
        links = {name: page for name, page in links.items() if name in {"prev", "first"}}
    header = _link_header(call, {name: {"page": str(page)} for name, page in links.items()})
    return Answer(200, [show(row) for row in rows[(number - 1) * size : number * size]], header)


def cursor_page(world: World, call: Call, rows: list[Json], show: Callable[[Json], Json]) -> Answer:
    """Return the rows after or before a cursor, with the Link header of lists that are paged by cursor. Rows ascend by id."""
    size = page_size(world, call)
    after, before = call.value("after"), call.value("before")
    chosen = [row for row in rows if not after or row["id"] > _position(after)]
    chosen = [row for row in chosen if not before or row["id"] < _position(before)]
    chosen = chosen[-size:] if before and not after else chosen[:size]
    links: dict[str, dict[str, str]] = {}
    if chosen and chosen[-1] is not rows[-1]:
        links["next"] = {"after": _cursor(chosen[-1])}
    if chosen and chosen[0] is not rows[0]:
        links["prev"] = {"before": _cursor(chosen[0])}
    return Answer(200, [show(row) for row in chosen], _link_header(call, links))


def _cursor(row: Json) -> str:
    return base64.urlsafe_b64encode(f"row:{row['id']}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        position = int(number)
    except (ValueError, binascii.Error) as error:
        raise invalid("Cursor", "after", "invalid", "The cursor is not one of a Link header.") from error
    if word != "row":
        raise invalid("Cursor", "after", "invalid", "The cursor is not one of a Link header.")
    return position


def _link_header(call: Call, links: dict[str, dict[str, str]]) -> dict[str, str]:
    kept = [(name, value) for name, value in call.query if name not in {"page", "after", "before"}]
    shown = [f'<{call.url}?{urlencode([*kept, *change.items()])}>; rel="{name}"' for name, change in links.items()]
    return {"link": ", ".join(shown)} if shown else {}
