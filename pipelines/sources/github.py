"""GitHub: the organisation's projects with every item, and the issues that they speak of.

    GET /orgs/{org}/projectsV2/{number}             -> projects
    GET /orgs/{org}/projectsV2/{number}/fields      -> project_fields, project_iterations (github_values.py)
    GET /orgs/{org}/projectsV2/{number}/items       -> project_items, archived ones too; their cells in item_values;
                                                       pull_requests and draft_issues behind them (github_issues.py)
    GET /repos/{owner}/{repository}/issues          -> issues of the repositories on the projects and of the delivery requests

In full at every run: editing an issue need not touch its project item, and items have no feed of removals. Pages are followed by the
cursor in the Link header alone, never by its address. https://docs.github.com/rest/projects
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from pipelines.errors import ConfigurationError, GarbageAnswer, NotFound, Refused
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.github_issues import land_draft, land_issues, land_pull_request, repository_of
from pipelines.sources.github_values import ProjectCells
from pipelines.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing
    from pipelines.transport import Response

Json = dict[str, Any]

API_VERSION: Final = "2022-11-28"
_PAGE: Final = 100
_NEXT: Final = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')
# The filter of the project's archive page; without it the list holds what is on the board.
_ARCHIVED: Final = "is:archived"
_IDS_SHOWN: Final = 50


@dataclass(frozen=True)
class GithubClient:
    """An opened organisation: which projects to read, and how to ask."""

    organization: str
    project_numbers: tuple[int, ...]
    transport: Transport
    token: str

    def get(self, path: str, **params: Any) -> Response:
        """Return the answer of a GET below the API's address. Raises VendorError."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
            "User-Agent": "handoff",
        }
        return self.transport.request("GET", f"{self.transport.base_url}{path}", headers=headers, params=params or None)

    def page(self, path: str, **params: Any) -> tuple[list[Json], dict[str, str] | None]:
        """Return one page of a list and the cursor of the next (None at the end). Raises VendorError."""
        answer = self.get(path, per_page=_PAGE, **params)
        items = answer.json()
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise GarbageAnswer(
                f"GitHub answered {path} without a list, so nothing was loaded from GitHub. "
                "Check GITHUB_BASE_URL, and run `handoff sync` again later."
            )
        following = _next_cursor(answer.headers.get("link", ""))
        if following == {}:
            raise GarbageAnswer(
                f"GitHub says that {path} has a further page and not how to ask for it, so nothing was loaded. "
                "Run `handoff sync` again later."
            )
        return items, following

    def pages(self, path: str, **params: Any) -> Iterator[list[Json]]:
        """Yield the pages of a list. A cursor that comes back ends it as GarbageAnswer."""
        cursor: dict[str, str] = {}
        seen: set[str] = set()
        while True:
            items, following = self.page(path, **params, **cursor)
            yield items
            if following is None:
                return
            if repr(following) in seen:
                raise GarbageAnswer(
                    f"GitHub leads in a circle through {path}: a cursor came back, so the end is never reached. "
                    "Nothing was loaded from GitHub; run `handoff sync` again later."
                )
            seen.add(repr(following))
            cursor = following


def open_github(
    settings: Settings, *, sandbox_url: str | None, sandbox_organization: str = "", sandbox_projects: tuple[int, ...] = ()
) -> GithubClient:
    """Open the configured organisation for reading, or the sandbox's; nothing is asked yet. Raises ConfigurationError."""
    if sandbox_url is not None:
        transport = Transport("github", base_url=f"{sandbox_url}/github")
        return GithubClient(sandbox_organization, sandbox_projects, transport, SANDBOX_TOKEN)
    organization = (settings.github_org or "").strip()
    if not organization:
        raise ConfigurationError(
            "GITHUB_TOKEN is set and GITHUB_ORG is not, so it is unknown whose projects to read. Set GITHUB_ORG to the organisation's login."
        )
    numbers = [part.strip() for part in settings.github_project_numbers.split(",") if part.strip()]
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise ConfigurationError(
            f"GITHUB_PROJECT_NUMBERS is {settings.github_project_numbers!r}, which names no projects. "
            "Set it to the numbers in the projects' addresses, separated by commas, such as 60,57."
        )
    secret = settings.github_token
    transport = Transport("github", base_url=settings.github_base_url)
    return GithubClient(
        organization, tuple(int(number) for number in numbers), transport, secret.get_secret_value().strip() if secret else ""
    )


def github_rows(client: GithubClient, rules: Rules, *, as_of: date, landing: Landing) -> None:  # noqa: ARG001 - every source is asked alike
    """Read the projects and the issues. Raises VendorError: a failure is never "no rows"."""
    requests = request_repository(client, rules)
    repositories = {requests.lower(): requests}
    for number in client.project_numbers:
        for repository in _read_project(client, landing, number):
            repositories.setdefault(repository.lower(), repository)
    for repository in repositories.values():
        _read_issues(client, landing, repository, is_configured=repository == requests)


def project_path(client: GithubClient, number: int) -> str:
    """Return where a project of the organisation is asked for."""
    return f"/orgs/{client.organization}/projectsV2/{number}"


def project_of(client: GithubClient, number: int) -> Json:
    """Return a project of the organisation. Raises ConfigurationError when this token is not shown it."""
    path = project_path(client, number)
    try:
        project: Json = client.get(path).json()
    except NotFound as error:
        raise ConfigurationError(
            f"GitHub shows no project {number} of the organisation {client.organization} to this token. Check GITHUB_ORG and "
            "GITHUB_PROJECT_NUMBERS, and give the token of GITHUB_TOKEN organization Projects: read."
        ) from error
    if not isinstance(project, dict) or not project.get("node_id"):
        raise GarbageAnswer(
            f"GitHub answered {path} without a project{_errors(project)}, so nothing was loaded from GitHub. Run `handoff sync` again later."
        )
    return project


def request_repository(client: GithubClient, rules: Rules) -> str:
    """Return the repository (owner/name) whose issues ask for delivery."""
    return f"{client.organization}/{rules.organisation['delivery_request_repository']}"


def no_repository(repository: str) -> ConfigurationError:
    """Return what to say when GitHub shows no such repository to this token."""
    return ConfigurationError(
        f"GitHub shows no repository {repository} to this token. Check delivery_request_repository in rule_organisation.csv and "
        "GITHUB_ORG, and give the token of GITHUB_TOKEN Issues: read on it."
    )


def _read_project(client: GithubClient, landing: Landing, number: int) -> set[str]:
    """Read one project and return the repositories (owner/name) whose issues are on it."""
    path = project_path(client, number)
    project = project_of(client, number)
    landing.add("projects", [_project_row(client.organization, number, project)], key=("number",))
    fields = [field for page in client.pages(f"{path}/fields") for field in page]
    landing.add("project_fields", (_field_row(number, field) for field in fields), key=("project_number", "id"))
    reading = _ProjectReading(number, landing, ProjectCells(number, fields, landing))
    reading.cells.iterations(fields)
    wanted = {"fields": ",".join(_id(field, "a field") for field in fields)} if fields else {}
    known = {item_id for (item_id,) in landing.earlier.tuples("project_items", "id", where=f"project_number = {number}")}
    for page in _item_pages(client, f"{path}/items", wanted):
        reading.take(page)
    if not known <= reading.seen:
        # An item that was there is not: it was taken off, or it moved from a page to come to one that was read. Looking again tells.
        for page in _item_pages(client, f"{path}/items", wanted):
            reading.take(page)
    reading.tell()
    return reading.repositories


class _ProjectReading:
    """The items of one project as they come, page by page."""

    def __init__(self, number: int, landing: Landing, cells: ProjectCells) -> None:
        self.cells = cells
        self.seen: set[str] = set()
        self.repositories: set[str] = set()
        self._number, self._landing = number, landing
        self._redacted: set[str] = set()

    def take(self, page: list[Json]) -> None:
        """Land a page of items with their cells and what is behind them."""
        rows = [_item_row(self._number, item) for item in page]
        self._landing.add("project_items", rows, key=("project_number", "id"))
        for item, row in zip(page, rows, strict=True):
            self.seen.add(row["id"])
            self.cells.land(row["id"], row["fields_json"])
            if row["is_redacted"]:
                self._redacted.add(row["id"])
            else:
                self._redacted.discard(row["id"])
                self._take_content(row["id"], str(item.get("content_type")), item["content"])

    def _take_content(self, item_id: str, kind: str, content: Json) -> None:
        if kind == "PullRequest":
            land_pull_request(self._landing, item_id, content)
        elif kind == "DraftIssue":
            land_draft(self._landing, self._number, item_id, content)
        elif kind == "Issue":
            if (repository := repository_of(content)) is not None:
                self.repositories.add(repository)
        else:
            self._landing.set_aside(
                "project_items", f"{self._number}/{item_id}", f"the item is a {kind}, which handoff does not know", content
            )

    def tell(self) -> None:
        """Name in the quarantine what this token is not shown, and what is of an unknown kind."""
        self.cells.tell_oddities()
        if self._redacted:
            self._landing.set_aside(
                "project_items",
                f"project {self._number}",
                f"{len(self._redacted)} of {len(self.seen)} items show nothing of what is behind them to this token. Give the token of "
                "GITHUB_TOKEN Issues: read and Pull requests: read on their repositories, or leave them as what others work on",
                {"items": sorted(self._redacted)[:_IDS_SHOWN]},
            )


def _item_pages(client: GithubClient, path: str, params: dict[str, str]) -> Iterator[list[Json]]:
    """Yield the items on the board, then the archived ones: an item that is archived meanwhile is seen there, at the latest."""
    yield from client.pages(path, **params)
    try:
        yield from client.pages(path, q=_ARCHIVED, **params)
    except Refused as error:
        if error.status != 422:
            raise
        # This GitHub has no such filter; then the plain list is all there is.


def _read_issues(client: GithubClient, landing: Landing, repository: str, *, is_configured: bool) -> None:
    try:
        land_issues(client, landing, repository)
    except NotFound as error:
        if not is_configured:
            raise
        raise no_repository(repository) from error


def _project_row(organization: str, number: int, project: Json) -> Json:
    return {
        "organization": organization,
        "number": number,
        "node_id": project.get("node_id"),
        "title": project.get("title"),
        "state": project.get("state") or ("closed" if project.get("closed_at") else "open"),
        # REST does not send the page's address; this is its form.
        "html_url": project.get("html_url") or f"https://github.com/orgs/{organization}/projects/{number}",
    }


def _field_row(number: int, field: Json) -> Json:
    return {
        "project_number": number,
        "id": _id(field, "a field"),
        "name": field.get("name"),
        "data_type": field.get("data_type"),
        "options_json": field.get("options") or field.get("configuration"),
    }


def _item_row(number: int, item: Json) -> Json:
    content = _content(item)
    fields = item.get("fields") or []
    title = content.get("title") or next(
        (_raw(field.get("value")) for field in fields if field.get("data_type") == "title"), None
    )
    return {
        "project_number": number,
        "id": _id(item, "an item"),
        "node_id": item.get("node_id"),
        "content_type": item.get("content_type"),
        "is_redacted": not content,
        "content_node_id": content.get("node_id"),
        "content_url": content.get("html_url"),
        "title": title,
        "fields_json": fields,
        "created_at": item.get("created_at"),
        "updated_at": item.get("updated_at"),
        "archived_at": item.get("archived_at"),
    }


def _content(item: Json) -> Json:
    """Return what an item shows; an item whose content the token may not see has none."""
    content = item.get("content")
    return content if isinstance(content, dict) else {}


def _raw(value: Any) -> str | None:
    found = value.get("raw") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _id(item: Json, what: str) -> str:
    found = item.get("id")
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise GarbageAnswer(
            f"GitHub sent {what} of a project without its id, so nothing was loaded. Run `handoff sync` again later."
        )
    return str(found)


def _errors(answer: Any) -> str:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    message = first.get("message") if isinstance(first, dict) else None
    return f" ({str(message)[:200]})" if message else ""


def _next_cursor(link: str) -> dict[str, str] | None:
    """Return the cursor of the next page from a Link header (None at the end); the address it stands in is not used."""
    match = _NEXT.search(link)
    if match is None:
        return None
    query = parse_qs(urlsplit(match[1]).query)
    return {name: query[name][-1] for name in ("after", "page") if name in query}
