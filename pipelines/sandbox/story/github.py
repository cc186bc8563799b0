"""The invented GitHub organisation: the request board, the delivery board, and the issues on them."""

from __future__ import annotations

from typing import Any, Final

from pipelines.sandbox.state import GithubState, Json

ORGANIZATION: Final = "demo-org"
REQUESTS: Final = "bd-requests"
DELIVERY: Final = "delivery"
REQUEST_BOARD: Final = 60
DELIVERY_BOARD: Final = 57

_CREATED: Final = "2024-01-08T18:00:00Z"
_API: Final = "https://api.github.com"
_BOARDS: Final = (
    (REQUEST_BOARD, "BD requests to P&S", ("New", "Accepted", "Scheduled", "Done")),
    (DELIVERY_BOARD, "P&S board",
     ("Upcoming", "In flight", "Refined", "Up Next", "In Progress", "In Review/Blocked", "Done")),
)  # fmt: skip
_COLOURS: Final = ("GRAY", "BLUE", "PURPLE", "YELLOW", "ORANGE", "RED", "GREEN")


def _text(value: str) -> Json:
    return {"raw": value, "html": value}


def _options(board: int, names: tuple[str, ...]) -> list[Json]:
    return [
        {"id": f"{board:04d}{n:04d}", "name": _text(name), "description": _text(""), "color": _COLOURS[n]}
        for n, name in enumerate(names)
    ]


def _user(login: str) -> Json:
    return {"login": login, "id": 7001, "node_id": "U_boardkeeper", "type": "User", "site_admin": False}


def _seconds(moment: str) -> str:
    """GitHub sends instants without fractions."""
    return moment.replace(".000Z", "Z")


class Organization:
    """Collects the issues of the story and puts them on the boards."""

    def __init__(self) -> None:
        """Start with two empty boards and two empty repositories."""
        self._issues: dict[str, list[Json]] = {REQUESTS: [], DELIVERY: []}
        self._projects = {number: self._project(number, title, names) for number, title, names in _BOARDS}

    @staticmethod
    def _project(number: int, title: str, statuses: tuple[str, ...]) -> Json:
        url = f"{_API}/orgs/{ORGANIZATION}/projectsV2/{number}"
        owner = {"login": ORGANIZATION, "id": 7000, "node_id": "O_demoorg", "type": "Organization", "site_admin": False}
        kinds = (
            (1, "Title", "title", "PVTF"),
            (2, "Assignees", "assignees", "PVTF"),
            (3, "Status", "single_select", "PVTSSF"),
            (4, "HubSpot deal", "text", "PVTF"),
            (5, "Start date", "date", "PVTF"),
        )
        fields: list[Json] = [
            {
                "id": number * 1000 + position,
                "node_id": f"{prefix}_board{number}_{name.replace(' ', '')}",
                "project_url": url,
                "name": name,
                "data_type": data_type,
                "created_at": _CREATED,
                "updated_at": _CREATED,
            }
            | ({"options": _options(number, statuses)} if data_type == "single_select" else {})
            for position, name, data_type, prefix in kinds
        ]
        return {
            "id": 600000 + number,
            "node_id": f"PVT_board{number}",
            "owner": owner,
            "creator": _user("board-keeper"),
            "title": title,
            "description": None,
            "short_description": None,
            "public": False,
            "number": number,
            "state": "open",
            "html_url": f"https://github.com/orgs/{ORGANIZATION}/projects/{number}",
            "created_at": _CREATED,
            "updated_at": _CREATED,
            "closed_at": None,
            "deleted_at": None,
            "deleted_by": None,
            "is_template": False,
            "fields": fields,
            "items": [],
        }

    def issue(
        self, repository: str, title: str, body: str | None, created_at: str, *, done: bool = False, reason: str = "completed"
    ) -> Json:
        """Open an issue, closed for ``reason`` when ``done``, and return it."""
        number = len(self._issues[repository]) + 1
        path = f"{ORGANIZATION}/{repository}"
        created = _seconds(created_at)
        issue: Json = {
            "id": (800000 if repository == REQUESTS else 900000) + number,
            "node_id": f"I_{repository.replace('-', '')}{number:04d}",
            "number": number,
            "title": title,
            "body": body,
            "state": "closed" if done else "open",
            "state_reason": reason if done else None,
            "labels": [],
            "assignees": [],
            "assignee": None,
            "milestone": None,
            "locked": False,
            "comments": 0,
            "user": _user("board-keeper"),
            "author_association": "MEMBER",
            "url": f"{_API}/repos/{path}/issues/{number}",
            "repository_url": f"{_API}/repos/{path}",
            "labels_url": f"{_API}/repos/{path}/issues/{number}/labels{{/name}}",
            "comments_url": f"{_API}/repos/{path}/issues/{number}/comments",
            "events_url": f"{_API}/repos/{path}/issues/{number}/events",
            "html_url": f"https://github.com/{path}/issues/{number}",
            "created_at": created,
            "updated_at": created,
            "closed_at": created if done else None,
        }
        self._issues[repository].append(issue)
        return issue

    def put_on_board(
        self,
        board: int,
        issue: Json,
        *,
        status: str,
        deal_url: str | None = None,
        start_on: str | None = None,
        archived_at: str | None = None,
    ) -> None:
        """Add an issue to a board with its fields."""
        content = {
            key: issue[key]
            for key in ("id", "node_id", "number", "title", "body", "state", "html_url", "url", "repository_url", "created_at")
        }
        self._item(board, "Issue", content, status=status, deal_url=deal_url, start_on=start_on, archived_at=archived_at)

    def draft(self, board: int, title: str, created_at: str, *, status: str, deal_url: str | None = None) -> None:
        """Add a draft to a board: a note that never became an issue."""
        project = self._projects[board]
        number = len(project["items"]) + 1
        created = _seconds(created_at)
        content = {
            "id": 950000 + number,
            "node_id": f"DI_board{board}n{number:04d}",
            "title": title,
            "body": None,
            "user": _user("board-keeper"),
            "created_at": created,
            "updated_at": created,
        }
        self._item(board, "DraftIssue", content, status=status, deal_url=deal_url)

    def _item(
        self,
        board: int,
        content_type: str,
        content: Json,
        *,
        status: str,
        deal_url: str | None,
        start_on: str | None = None,
        archived_at: str | None = None,
    ) -> None:
        project = self._projects[board]
        number = len(project["items"]) + 1
        fields = {field["name"]: field for field in project["fields"]}
        option = next(option for option in fields["Status"]["options"] if option["name"]["raw"] == status)
        title: Json = _text(content["title"])
        if "number" in content:
            title |= {"number": content["number"], "url": content["html_url"]}
        values: dict[str, Any] = {
            "Title": title, "Assignees": [], "Status": dict(option), "HubSpot deal": deal_url, "Start date": start_on
        }  # fmt: skip
        item_url = f"{_API}/orgs/{ORGANIZATION}/projectsV2/{board}/items/{board * 10000 + number}"
        project["items"].append(
            {
                "id": board * 10000 + number,
                "node_id": f"PVTI_board{board}n{number:04d}",
                "project_url": f"{_API}/orgs/{ORGANIZATION}/projectsV2/{board}",
                "item_url": item_url,
                "content_type": content_type,
                "content": content,
                "creator": _user("board-keeper"),
                "created_at": content["created_at"],
                "updated_at": content["created_at"],
                "archived_at": _seconds(archived_at) if archived_at else None,
                "fields": [
                    {"id": fields[name]["id"], "name": name, "data_type": fields[name]["data_type"], "value": value}
                    for name, value in values.items()
                ],
            }
        )

    def state(self) -> GithubState:
        """Return the organisation as the sandbox serves it."""
        return GithubState(organization=ORGANIZATION, projects=list(self._projects.values()), issues=self._issues)
