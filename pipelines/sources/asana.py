"""Asana: the projects of one workspace, and what stands in those that are engagements, whole, at every run.

    GET /users, /workspaces/{gid}/custom_fields, /project_templates   -> users, custom_fields, project_templates
    GET /portfolios/{gid}, /portfolios/{gid}/items                    -> portfolios, portfolio_items
    GET /projects?archived=...                                        -> projects (open ones, then archived ones)
    GET /tasks?project=..., /status_updates?parent=...                -> tasks, status_updates

Tasks and status updates are read of the projects in ASANA_PORTFOLIO_IDS, or of every open project where no portfolio is named. In full,
because Asana tells of no deletion: what is gone is simply absent. Pages move, so projects are listed once more when one of the last load is not
there. Never loaded: notes, comments, texts of status updates, attachments. By plain REST, because the vendor's client hides lost events
and repeats what it should not. https://developers.asana.com/reference/rest-api-reference
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError, Forbidden, GarbageAnswer, NotFound, Refused
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.people import EmailHash, email_hash
from pipelines.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing

Json = dict[str, Any]

_PAGE: Final = 100
# An offset dies after some time, which a long wait can cause; then the list is read anew.
_RESTARTS: Final = 3
_CELLS: Final = ",".join(
    f"custom_fields.{part}"
    for part in (
        "name",
        "resource_subtype",
        "text_value",
        "number_value",
        "date_value",
        "enum_value.name",
        "multi_enum_values.name",
        "people_value.name",
        "display_value",
    )
)
_PROJECT: Final = (
    "name,archived,completed,completed_at,start_on,due_on,created_at,modified_at,owner.name,team.name,created_from_template,"
    "permalink_url,current_status_update.status_type,current_status_update.title,current_status_update.created_at," + _CELLS
)
_TASK: Final = (
    "name,completed,completed_at,start_on,due_on,created_at,modified_at,assignee.name,parent,actual_time_minutes,permalink_url,"
    + _CELLS
)


@dataclass(frozen=True)
class AsanaClient:
    """A workspace and how to ask it, and how e-mail addresses are kept."""

    transport: Transport
    token: str
    workspace_id: str
    portfolio_ids: tuple[str, ...]
    hashed: EmailHash

    def get(self, path: str, **params: str) -> Any:
        """Return the whole JSON of a GET. Raises VendorError."""
        url = f"{self.transport.base_url}{path}"
        return self.transport.request("GET", url, headers={"Authorization": f"Bearer {self.token}"}, params=params or None).json()

    def record(self, path: str, opt_fields: str) -> Json:
        """Return one record. Raises VendorError."""
        answer = self.get(path, opt_fields=opt_fields)
        found = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise _garbage("an answer without its data")
        return found

    def listed(self, path: str, opt_fields: str, **params: str) -> Iterator[Json]:
        """Yield a list whole: when its offset dies on the way, the reading starts again, and records come again."""
        for restart in range(_RESTARTS + 1):
            try:
                yield from self._pages(path, {**params, "opt_fields": opt_fields, "limit": str(_PAGE)})
            except Refused as error:
                if "offset" not in repr(error.answer) or restart == _RESTARTS:
                    raise
            else:
                return

    def _pages(self, path: str, params: dict[str, str]) -> Iterator[Json]:
        offsets: set[str] = set()
        asked = params
        while True:
            answer = self.get(path, **asked)
            records = answer.get("data") if isinstance(answer, dict) else None
            if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
                raise _garbage(f"no list for {path}")
            yield from records
            following = answer.get("next_page")
            if following is None:
                return
            offset = following.get("offset") if isinstance(following, dict) else None
            if not isinstance(offset, str) or not offset or offset in offsets:
                raise _garbage(f"a next page of {path} that leads nowhere or in a circle")
            offsets.add(offset)
            asked = {**params, "offset": offset}


def open_asana(
    settings: Settings,
    *,
    sandbox_url: str | None,
    sandbox_workspace_id: str = "",
    sandbox_portfolio_ids: tuple[str, ...] = (),
) -> AsanaClient:
    """Open the configured workspace for reading, or the sandbox's; nothing is asked yet. Raises ConfigurationError without its gid."""
    if sandbox_url is not None:
        transport = Transport("asana", base_url=f"{sandbox_url}/asana/api/1.0")
        return AsanaClient(transport, SANDBOX_TOKEN, sandbox_workspace_id, sandbox_portfolio_ids, email_hash(settings))
    workspace_id = workspace_of(settings)
    portfolio_ids = tuple(
        _checked("ASANA_PORTFOLIO_IDS", part.strip()) for part in settings.asana_portfolio_ids.split(",") if part.strip()
    )
    secret = settings.asana_access_token
    token = secret.get_secret_value().strip() if secret else ""
    return AsanaClient(
        Transport("asana", base_url=settings.asana_base_url), token, workspace_id, portfolio_ids, email_hash(settings)
    )


def workspace_of(settings: Settings) -> str:
    """Return the gid of the configured workspace. Raises ConfigurationError where there is none."""
    workspace_id = (settings.asana_workspace_id or "").strip()
    if not workspace_id:
        raise ConfigurationError(
            "ASANA_ACCESS_TOKEN is set and ASANA_WORKSPACE_ID is not, so it is unknown which workspace holds the engagements. "
            "Set ASANA_WORKSPACE_ID to its gid; https://app.asana.com/api/1.0/workspaces shows it to whoever is signed in."
        )
    return _checked("ASANA_WORKSPACE_ID", workspace_id)


def _checked(what: str, gid: str) -> str:
    if not gid.isdecimal():
        raise ConfigurationError(f"{what} holds {gid!r}, which is no gid: it is a number, as in an address of Asana. Correct it.")
    return gid


def asana_rows(client: AsanaClient, rules: Rules, *, as_of: date, landing: Landing) -> None:  # noqa: ARG001 - every source is asked alike
    """Read the workspace. Raises VendorError: a failure is never "no rows"."""
    workspace = {"workspace": client.workspace_id}
    landing.add("users", (_user_row(client, user) for user in client.listed("/users", "name,email", **workspace)))
    fields = f"/workspaces/{client.workspace_id}/custom_fields"
    landing.add(
        "custom_fields",
        (_field_row(field) for field in client.listed(fields, "name,resource_subtype,enum_options.name,enum_options.enabled")),
    )
    landing.add(
        "project_templates",
        (_template_row(template) for template in client.listed("/project_templates", "name,team,requested_dates", **workspace)),
    )
    projects = _Projects(client, landing)
    projects.read()
    if not {row[0] for row in landing.earlier.tuples("projects", "id")} <= projects.archived.keys():
        projects.read()
    engagements: list[str] = []
    for portfolio_id in client.portfolio_ids:
        portfolio = client.record(f"/portfolios/{portfolio_id}", "name,owner")
        landing.add(
            "portfolios", [{"id": _gid(portfolio), "name": portfolio.get("name"), "owner_id": _below(portfolio, "owner")}]
        )
        items = [_gid(item) for item in client.listed(f"/portfolios/{portfolio_id}/items", "name")]
        landing.add(
            "portfolio_items",
            ({"portfolio_id": portfolio_id, "project_id": item} for item in items),
            key=("portfolio_id", "project_id"),
        )
        engagements += items
    if not client.portfolio_ids:
        engagements = [gid for gid, is_archived in projects.archived.items() if not is_archived]
    for gid in dict.fromkeys(engagements):
        if gid in projects.archived or projects.read_one(gid):
            _read_work(client, landing, gid)


class _Projects:
    """The projects that were seen, with whether each is archived."""

    def __init__(self, client: AsanaClient, landing: Landing) -> None:
        self._client, self._landing = client, landing
        self.archived: dict[str, bool] = {}

    def read(self) -> None:
        """Land every project; of one that comes again the later sight counts."""
        for is_archived in ("false", "true"):
            found = self._client.listed("/projects", _PROJECT, workspace=self._client.workspace_id, archived=is_archived)
            self._landing.add("projects", map(self._row, found))

    def read_one(self, gid: str) -> bool:
        """Land a project that a portfolio names and the list did not show; name it when the token may not see it."""
        try:
            self._landing.add("projects", [self._row(self._client.record(f"/projects/{gid}", _PROJECT))])
        except (Forbidden, NotFound) as error:
            reason = "a portfolio names this project, and it is gone or not for this token; let the token's owner see it"
            self._landing.set_aside("projects", gid, reason, error.sentence)
            return False
        return True

    def _row(self, project: Json) -> Json:
        gid = _gid(project)
        self.archived[gid] = project.get("archived") is True
        status = project.get("current_status_update") or {}
        kept = (
            "name",
            "archived",
            "completed",
            "completed_at",
            "start_on",
            "due_on",
            "created_at",
            "modified_at",
            "permalink_url",
        )
        return {name: project.get(name) for name in kept} | {
            "id": gid,
            "workspace_id": self._client.workspace_id,
            "owner_id": _below(project, "owner"),
            "owner_name": self._client.hashed(_below(project, "owner", "name")),
            "team_name": _below(project, "team", "name"),
            "template_id": _below(project, "created_from_template"),
            "status_type": status.get("status_type"),
            "status_title": self._client.hashed(status.get("title")),
            "status_at": status.get("created_at"),
            "custom_fields_json": self._client.hashed(_cells(self._landing, "projects", project)),
        }


def _read_work(client: AsanaClient, landing: Landing, project_id: str) -> None:
    """Land the tasks of a project and its status updates."""

    def row(task: Json) -> Json:
        kept = ("name", "completed", "completed_at", "start_on", "due_on", "created_at", "modified_at")
        return {name: task.get(name) for name in (*kept, "actual_time_minutes", "permalink_url")} | {
            "id": _gid(task),
            "project_id": project_id,
            "parent_id": _below(task, "parent"),
            "assignee_id": _below(task, "assignee"),
            "assignee_name": client.hashed(_below(task, "assignee", "name")),
            "custom_fields_json": client.hashed(_cells(landing, "tasks", task)),
        }

    # a task may stand in several projects, and is then a row of each
    landing.add("tasks", map(row, client.listed("/tasks", _TASK, project=project_id)), key=("project_id", "id"))
    landing.add(
        "status_updates",
        (
            {
                "id": _gid(update),
                "project_id": project_id,
                "status_type": update.get("status_type"),
                "title": client.hashed(update.get("title")),
                "author_name": client.hashed(_below(update, "author", "name")),
                "created_at": update.get("created_at"),
            }
            for update in client.listed("/status_updates", "status_type,title,created_at,author.name", parent=project_id)
        ),
    )


def _cells(landing: Landing, table: str, record: Json) -> Json:
    """Return {field gid: value} of the cells that hold one. A cell of a type that is not known keeps what Asana displays, and is named."""
    found: Json = {}
    for cell in record.get("custom_fields") or []:
        subtype = cell.get("resource_subtype")
        reader = _READERS.get(subtype)
        if reader is None:
            value = cell.get("display_value")
            if value is not None:
                reason = (
                    f"custom field {cell.get('name')!r} has the type {subtype!r}, which is not known; loaded as it is displayed"
                )
                landing.set_aside(table, f"{record['gid']}/{_gid(cell)}", reason, cell)
        else:
            try:
                value = reader(cell)
            except (AttributeError, KeyError, TypeError):
                reason = f"custom field {cell.get('name')!r} does not hold what its type {subtype!r} promises; not loaded"
                landing.set_aside(table, f"{record['gid']}/{_gid(cell)}", reason, cell)
                continue
        if value is not None and value != []:
            found[_gid(cell)] = value
    return found


_READERS: Final[dict[Any, Callable[[Json], Any]]] = {
    "text": lambda cell: cell.get("text_value"),
    "number": lambda cell: cell.get("number_value"),
    "date": lambda cell: (cell.get("date_value") or {}).get("date"),
    "enum": lambda cell: (cell.get("enum_value") or {}).get("name"),
    "multi_enum": lambda cell: [option["name"] for option in cell.get("multi_enum_values") or []],
    "people": lambda cell: [person["name"] for person in cell.get("people_value") or []],
}


def _user_row(client: AsanaClient, user: Json) -> Json:
    return {"id": _gid(user), "name": client.hashed(user.get("name")), "email": client.hashed(user.get("email"))}


def _field_row(field: Json) -> Json:
    options = field.get("enum_options")
    return {"id": _gid(field), "name": field.get("name"), "type": field.get("resource_subtype"), "enum_options_json": options}


def _template_row(template: Json) -> Json:
    dates = template.get("requested_dates")
    return {
        "id": _gid(template),
        "name": template.get("name"),
        "team_id": _below(template, "team"),
        "requested_dates_json": dates,
    }


def _below(record: Json, name: str, part: str = "gid") -> Any:
    """Return a part of a nested record, None when there is no such record."""
    nested = record.get(name)
    return nested.get(part) if isinstance(nested, dict) else None


def _gid(record: Json) -> str:
    gid = record.get("gid")
    if not isinstance(gid, str) or not gid:
        raise _garbage("a record without its gid")
    return gid


def _garbage(what: str) -> GarbageAnswer:
    return GarbageAnswer(
        f"Asana sent {what}, so nothing was loaded from Asana. Check ASANA_BASE_URL, and run `handoff sync` again later."
    )
