"""Asana: an engagement is a project of one workspace; its name, days and cells are changed with one PUT, and read back by gid.

    GET /projects/{gid}     the project as it is
    PUT /projects/{gid}     one field

https://developers.asana.com/reference/updateproject. How a project is made is told by asana_projects.py, what fields take by
asana_values.py. Asana says when a project was last changed, and not by whom.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pipelines.actions.asana_projects import MAKING, Projects
from pipelines.actions.asana_values import (
    CELLS,
    DAYS,
    OWN,
    cell_of,
    day_objection,
    days_objection,
    objection_to,
    spelled,
    typed,
)
from pipelines.actions.asana_workspace import Workspace
from pipelines.actions.records import Change, Place, is_blank, same
from pipelines.actions.target import Answer, Connection, Reading, Write
from pipelines.errors import ConfigurationError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.rules import Rules

Json = dict[str, Any]

OBJECT: Final = "engagements"
_FIELDS: Final = f"name,start_on,due_on,modified_at,permalink_url,{CELLS}"


class AsanaTarget:
    """An Asana workspace, as far as changes go."""

    def __init__(
        self,
        connection: Connection,
        rules: Rules,
        workspace_id: str,
        *,
        is_sandbox: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Use ``connection`` for the workspace ``workspace_id``; field gids come from the rule tables. ``sleep`` waits for jobs."""
        self._workspace = Workspace(connection, workspace_id)
        self._rules = rules
        self._is_sandbox = is_sandbox
        self._projects = Projects(self._workspace, rules, sleep)

    @property
    def place(self) -> Place:
        """The workspace, once it has shown its custom fields to the token."""
        self._workspace.fields()
        return Place("asana", "Asana workspace", self._workspace.gid, self._is_sandbox)

    def objection(self, change: Change) -> str | None:
        """Return why the workspace would refuse this change, from its custom fields and its template."""
        if change.object != OBJECT:
            return f"handoff writes no Asana {change.object}"
        for name, value in change.values.items():
            objection = None if change.is_creation and name in MAKING else self._field_objection(name, value)
            if objection is not None:
                return objection
        return self._projects.objection(change) if change.is_creation else None

    def read(self, change: Change, made_id: str | None = None) -> Reading:
        """Return the field's live value, or the project that names the deal."""
        if change.is_creation:
            return self._projects.read(change, made_id)
        try:
            project = self._workspace.record(self._path(change), _FIELDS)
        except NotFound:
            return Reading(obstacle=f"Asana no longer has this project ({change.record_id})")
        name = change.field or ""
        if name in OWN:
            value = project.get(OWN[name])
        else:
            cell = cell_of(project, self._gid(name))
            if cell is None:
                return Reading(obstacle=f"the project has no field {name} ({self._gid(name)}); add that field to it in Asana")
            value = spelled(cell)
        obstacle = None
        if name in DAYS and not same(value, change.after):
            days = {"start_on": project.get("start_on"), "end_on": project.get("due_on")} | {name: change.after}
            obstacle = days_objection(days["start_on"], days["end_on"])
        return Reading(
            value=value,
            parts={"due_on": project.get("due_on")},
            url=change.record_url,
            changed_by=_when(project.get("modified_at")),
            obstacle=obstacle,
        )

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the PUT of the field or the next request of a creation, or None when it is there."""
        if change.is_creation:
            return self._projects.next_write(change, reading)
        if same(reading.value, change.after):
            return None
        name = change.field or ""
        after = None if is_blank(change.after) else change.after
        if name not in OWN:
            gid = self._gid(name)
            content: Json = {"custom_fields": {gid: typed(self._workspace.fields()[gid], change.after)}}
        elif name == "start_on":  # Asana takes no start in a request without the end
            content = {"start_on": after, "due_on": reading.parts["due_on"]}
        else:
            content = {OWN[name]: after}
        return Write(1, f"set {name}", "PUT", self._path(change), {"data": content})

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return the fields that hold something else than was asked for."""
        if change.is_creation:
            return self._projects.difference(change, reading)
        return None if same(reading.value, change.after) else f"{change.field} holds {reading.value!r}"

    def send(self, write: Write) -> Answer:
        """Send one write, once; of a job, wait until it is done. Raises VendorError."""
        return self._projects.send(write)

    def _field_objection(self, name: str, value: str) -> str | None:
        if name in OWN:
            return day_objection(name, value) if name in DAYS and not is_blank(value) else None
        gid = self._rules.fields.get(("asana", OBJECT), {}).get(name)
        if gid is None:
            return f"map_fields.csv names no Asana field for {OBJECT}.{name}"
        definition = self._workspace.fields().get(gid)
        if definition is None:
            return f"the workspace has no custom field {gid} ({OBJECT}.{name})"
        return objection_to(definition, value)

    def _gid(self, name: str) -> str:
        gid = self._rules.fields.get(("asana", OBJECT), {}).get(name)
        if gid is None:
            raise ConfigurationError(f"map_fields.csv names no Asana field for {OBJECT}.{name}. Add its row there.")
        return gid

    def _path(self, change: Change) -> str:
        return f"/projects/{quote(str(change.record_id), safe='')}"


def _when(moment: object) -> str | None:
    """Return when a project was last changed; Asana does not say by whom, nor which field."""
    if not isinstance(moment, str):
        return None
    return f"on {moment[:16].replace('T', ' ')} UTC (the last change of that project; Asana does not say by whom)"
