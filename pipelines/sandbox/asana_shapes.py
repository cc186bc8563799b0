"""The records of Asana's sandbox as the API shows them: whole, compact, or the fields that ``opt_fields`` names.

    state (others by gid) -> whole record (others compact) -> what was asked for

Evidence: the published OpenAPI (https://github.com/Asana/openapi) for names and types; what ``opt_fields`` returns beside ``gid`` is
from https://developers.asana.com/docs/inputoutput-options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.sandbox.state import AsanaState

Json = dict[str, Any]

# What a record shows where nothing else is asked for, beside gid and resource_type
_COMPACT: Final = {
    "user": ("name",),
    "workspace": ("name",),
    "team": ("name",),
    "portfolio": ("name",),
    "project": ("name",),
    "task": ("name", "resource_subtype"),
    "status_update": ("title", "resource_subtype"),
    "project_template": ("name",),
    "enum_option": ("name", "enabled", "color"),
    "job": ("resource_subtype", "status", "new_project"),
}
SITE: Final = "https://app.asana.com/0"


class Shapes:
    """Builds whole records out of the state; every nested record is whole as well until ``shown`` cuts it down."""

    def __init__(self, state: AsanaState) -> None:
        """Read ``state`` at each call; nothing is kept."""
        self._state = state

    def named(self, kind: str, gid: str | None) -> Json | None:
        """Return a record of a kind by its gid, None for none."""
        builders: dict[str, Callable[[str], Json]] = {
            "user": self.user,
            "team": lambda found: {"resource_type": "team", **self._state.teams[found]},
            "portfolio": self.portfolio,
            "project": self.project,
            "task": self.task,
            "status_update": self.status_update,
            "project_template": self.template,
            "custom_field": self.custom_field,
            "job": self.job,
        }
        return None if gid is None else builders[kind](gid)

    def workspace(self) -> Json:
        """Return the one workspace."""
        return {"resource_type": "workspace", "is_organization": True, **self._state.workspace}

    def user(self, gid: str) -> Json:
        """Return a user."""
        return {"resource_type": "user", **self._state.users[gid], "workspaces": [self.workspace()]}

    def custom_field(self, gid: str) -> Json:
        """Return the definition of a custom field."""
        definition = self._state.custom_fields[gid]
        options = [{"resource_type": "enum_option", **option} for option in definition.get("enum_options", [])]
        shown = {"resource_type": "custom_field", "type": definition["resource_subtype"], **definition}
        return shown | ({"enum_options": options} if options else {})

    def portfolio(self, gid: str) -> Json:
        """Return a portfolio, without its items: those have a list of their own."""
        kept = {name: value for name, value in self._state.portfolios[gid].items() if name != "items"}
        return {
            "resource_type": "portfolio",
            **kept,
            "owner": self.user(kept["owner"]),
            "workspace": self.workspace(),
            "permalink_url": f"{SITE}/portfolio/{gid}/list",
        }

    def project(self, gid: str) -> Json:
        """Return a project with its latest status and a cell for each of its custom fields."""
        kept = self._state.projects[gid]
        latest = max(
            (update for update in self._state.status_updates.values() if update["parent"] == gid),
            key=lambda update: (update["created_at"], update["gid"]),
            default=None,
        )
        status = None
        if latest is not None:
            status = {"resource_type": "status_update", "resource_subtype": "project_status_update", **latest}
            status |= {"created_by": self.user(latest["created_by"]), "author": self.user(latest["created_by"])}
            del status["parent"]  # the project itself
        return {
            "resource_type": "project",
            **kept,
            "owner": self.named("user", kept["owner"]),
            "team": self.named("team", kept["team"]),
            "workspace": self.workspace(),
            "created_from_template": self.named("project_template", kept["created_from_template"]),
            "current_status_update": status,
            "custom_fields": [self._cell(field, value) for field, value in kept["custom_fields"].items()],
            "permalink_url": f"{SITE}/{gid}/list",
        }

    def task(self, gid: str) -> Json:
        """Return a task."""
        kept = self._state.tasks[gid]
        parent = kept["parent"]
        children = sum(other["parent"] == gid for other in self._state.tasks.values())
        return {
            "resource_type": "task",
            "resource_subtype": "default_task",
            **{name: value for name, value in kept.items() if name != "project"},
            "assignee": self.named("user", kept["assignee"]),
            "parent": None if parent is None else self.task(parent),
            "projects": [] if kept["project"] is None else [self._compact_project(kept["project"])],
            "num_subtasks": children,
            "custom_fields": [self._cell(field, value) for field, value in kept["custom_fields"].items()],
            "workspace": self.workspace(),
            "permalink_url": f"{SITE}/{kept['project'] or 0}/{gid}",
        }

    def status_update(self, gid: str) -> Json:
        """Return a status update of a project."""
        kept = self._state.status_updates[gid]
        person = self.user(kept["created_by"])
        return {
            "resource_type": "status_update",
            "resource_subtype": "project_status_update",
            **kept,
            "created_by": person,
            "author": person,
            "parent": self._compact_project(kept["parent"]),
        }

    def template(self, gid: str) -> Json:
        """Return a project template."""
        kept = {
            name: value for name, value in self._state.project_templates[gid].items() if name not in {"tasks", "custom_fields"}
        }
        return {"resource_type": "project_template", **kept, "team": self.named("team", kept["team"])}

    def job(self, gid: str) -> Json:
        """Return a job; it has a project once it succeeded."""
        kept = self._state.jobs[gid]
        told = {"resource_type": "job", "resource_subtype": "instantiate_project", "gid": gid, "status": kept["status"]}
        made = kept["new_project"]
        return told if made is None else told | {"new_project": self._compact_project(made)}

    def _compact_project(self, gid: str) -> Json:
        return {"gid": gid, "resource_type": "project", "name": self._state.projects[gid]["name"]}

    def _cell(self, field: str, value: Any) -> Json:
        """Return a custom field with what a record holds in it, in the member that its type uses."""
        cell = self.custom_field(field)
        match cell["resource_subtype"]:
            case "enum":
                chosen = next((option for option in cell["enum_options"] if option["gid"] == value), None)
                return cell | {"enum_value": chosen, "display_value": chosen["name"] if chosen else None}
            case "multi_enum":
                picked = [option for option in cell["enum_options"] if option["gid"] in (value or [])]
                return cell | {
                    "multi_enum_values": picked,
                    "display_value": ", ".join(option["name"] for option in picked) or None,
                }
            case "number":
                return cell | {"number_value": value, "display_value": None if value is None else f"{value:g}"}
            case "date":
                day = None if value is None else {"date": value, "date_time": None}
                return cell | {"date_value": day, "display_value": value}
            case "people":
                people = [self.user(gid) for gid in value or []]
                return cell | {"people_value": people, "display_value": ", ".join(person["name"] for person in people) or None}
        return cell | {"text_value": value, "display_value": value}


def shown(record: Json, opt_fields: str, *, is_listed: bool) -> Json:
    """Return what an answer shows of a whole record: the fields that were asked for; else all of it, or the compact form in lists."""
    if opt_fields:
        return _picked(record, [path.strip().split(".") for path in opt_fields.split(",") if path.strip()])
    if is_listed and record["resource_type"] in _COMPACT:
        return _compact(record)
    return {name: _nested(value) for name, value in record.items()}


def _picked(record: Json, paths: list[list[str]]) -> Json:
    found: Json = {"gid": record["gid"]} if "gid" in record else {}
    for name in dict.fromkeys(path[0] for path in paths):
        if name not in record:
            continue  # a field that no such record has is left out, without a word
        below = [path[1:] for path in paths if path[0] == name and len(path) > 1]
        value = record[name]
        if not below:
            found[name] = _nested(value)
        elif isinstance(value, list):
            found[name] = [_picked(item, below) for item in value]
        else:
            found[name] = _picked(value, below) if isinstance(value, dict) else value
    return found


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return [_nested(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("resource_type") in _COMPACT:
        return _compact(value)
    return {name: _nested(item) for name, item in value.items()}


def _compact(record: Json) -> Json:
    names = ("gid", "resource_type", *_COMPACT[record["resource_type"]])
    return {name: _nested(record[name]) for name in names if name in record}
