"""What is behind the items of GitHub's projects: issues by repository, pull requests and drafts as the items show them.

    GET /repos/{owner}/{repository}/issues  -> issues
    content of the items                    -> pull_requests, draft_issues

The list of issues is paged by number, so that an issue that is deleted or transferred while it is read would shift the next one past
its end. It is therefore read in the order of change, each page from the last second of the page before: what changes meanwhile comes
again at the end, and what goes shifts nothing. https://docs.github.com/rest/issues/issues#list-repository-issues
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import GarbageAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.sources.github import GithubClient
    from pipelines.sources.landing import Landing

Json = dict[str, Any]

_ADDRESS: Final = re.compile(r"/([^/]+/[^/]+)/(?:issues|pull)/\d+$")
# Whether `since` includes its own second is not documented; one second earlier is right either way.
_OVERLAP: Final = timedelta(seconds=1)


def repository_of(content: Json) -> str | None:
    """Return the repository (owner/name) that an issue or pull request is in, by its address."""
    match = _ADDRESS.search(str(content.get("html_url")))
    return match[1] if match else None


def land_issues(client: GithubClient, landing: Landing, repository: str) -> None:
    """Read every issue of a repository; the pull requests that GitHub lists among them are left out. Raises VendorError."""
    for page in _pages(client, f"/repos/{repository}/issues"):
        rows = (_issue_row(repository, issue) for issue in page if "pull_request" not in issue)
        landing.add("issues", rows, key=("repository", "number"))


def land_pull_request(landing: Landing, item_id: str, content: Json) -> None:
    """Keep a pull request as its item shows it; one that does not say which it is is set aside."""
    repository, number = repository_of(content), content.get("number")
    if repository is None or not isinstance(number, int):
        landing.set_aside(
            "pull_requests", item_id, "the pull request behind the item does not say its address and number", content
        )
        return
    row = _shared(content) | {
        "repository": repository,
        "number": number,
        "is_draft": content.get("draft"),
        "merged_at": content.get("merged_at") or (content.get("pull_request") or {}).get("merged_at"),
        "reviewers_json": [*(content.get("requested_reviewers") or []), *(content.get("requested_teams") or [])],
    }
    landing.add("pull_requests", [row], key=("repository", "number"))


def land_draft(landing: Landing, project_number: int, item_id: str, content: Json) -> None:
    """Keep a draft: a note on a project that never became an issue."""
    row = {
        "project_number": project_number,
        "item_id": item_id,
        "node_id": content.get("node_id"),
        "title": content.get("title"),
        "body": content.get("body"),
        "author_login": _login(content.get("user")),
        "created_at": content.get("created_at"),
        "updated_at": content.get("updated_at"),
    }
    landing.add("draft_issues", [row], key=("project_number", "item_id"))


def _pages(client: GithubClient, path: str) -> Iterator[list[Json]]:
    """Yield the pages of a list of issues, each beginning in the second in which the one before ended; issues come more than once.

    Where more issues changed in one second than a page holds, they are paged by number, and read twice: what a deletion shifted past
    the first reading is in the second.
    """
    since: datetime | None = None
    number = 1
    of_this_second: set[str] = set()  # pages that were seen without getting on in time
    while True:
        page, goes_on = _page(client, path, since, number)
        yield page
        reached = _changed_at(path, page) - _OVERLAP if goes_on else None
        if number > 1 and (reached is None or since is None or reached > since):
            for again in range(1, number + 1):
                yield _page(client, path, since, again)[0]
        if reached is None:
            return
        shown = repr([issue.get("number") for issue in page])
        if shown in of_this_second or (since is not None and reached < since):
            raise GarbageAnswer(
                f"GitHub leads in a circle through {path}: a page came back, so the end is never reached. "
                "Nothing was loaded from GitHub; run `handoff sync` again later."
            )
        if since is None or reached > since:
            since, number, of_this_second = reached, 1, set()
        else:
            number += 1
            of_this_second.add(shown)


def _page(client: GithubClient, path: str, since: datetime | None, number: int) -> tuple[list[Json], bool]:
    """Return the issues that changed at or after ``since``, the first ones or a further page, and whether there are more."""
    begins = {"since": f"{since:%Y-%m-%dT%H:%M:%SZ}"} if since else {}
    numbered = {"page": number} if number > 1 else {}
    page, following = client.page(path, state="all", sort="updated", direction="asc", **begins, **numbered)
    return page, following is not None


def _changed_at(path: str, page: list[Json]) -> datetime:
    """Return when the last issue of a page changed."""
    text = page[-1].get("updated_at") if page else None
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError as error:
        raise GarbageAnswer(
            f"GitHub says that {path} has a further page and not when the last issue of this one changed, so nothing was loaded. "
            "Run `handoff sync` again later."
        ) from error


def _issue_row(repository: str, issue: Json) -> Json:
    if not isinstance(issue.get("number"), int):
        raise GarbageAnswer(
            f"GitHub sent an issue of {repository} without its number, so nothing was loaded. Run `handoff sync` again later."
        )
    kind = issue.get("type")
    return _shared(issue) | {
        "repository": repository,
        "number": issue["number"],
        "body": issue.get("body"),
        "state_reason": issue.get("state_reason"),
        "issue_type": kind.get("name") if isinstance(kind, dict) else None,
    }


def _shared(content: Json) -> Json:
    """Return what issues and pull requests have in common."""
    milestone = content.get("milestone")
    return {
        "node_id": content.get("node_id"),
        "title": content.get("title"),
        "state": content.get("state"),
        "author_login": _login(content.get("user")),
        "labels_json": content.get("labels") or [],
        "assignees_json": content.get("assignees") or [],
        "milestone_title": milestone.get("title") if isinstance(milestone, dict) else None,
        "html_url": content.get("html_url"),
        "created_at": content.get("created_at"),
        "updated_at": content.get("updated_at"),
        "closed_at": content.get("closed_at"),
    }


def _login(user: Any) -> str | None:
    return user.get("login") if isinstance(user, dict) else None
