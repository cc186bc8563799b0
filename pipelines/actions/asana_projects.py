"""Makes the project of an engagement from its template, in as many requests as Asana needs, each found again when its answer was lost.

    GET  /projects                                           does one name the deal already, or did we begin one?
    POST /project_templates/{gid}/instantiateProject  1      a job, which makes the project under a marked name
    GET  /jobs/{gid}                                         until it is done
    POST /portfolios/{gid}/addItem                    2      the portfolio of the engagements, whose fields the project then has
    POST /status_updates                              3      the first status, unless somebody has posted one
    PUT  /projects/{gid}                              4      the deal's address and the other fields, and the name without the mark

A template takes no custom field, so until the last request the mark in the name says whose project it is: ``Name (handoff DEAL)``. From
then on the deal's address says it, and the project is people's. https://developers.asana.com/reference/instantiateproject
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipelines.actions.asana_values import CELLS, OWN, cell_of, days_objection, spelled, typed
from pipelines.actions.asana_workspace import data_of
from pipelines.actions.records import Change, is_blank, same
from pipelines.actions.target import Answer, Reading, Write, deal_key
from pipelines.errors import (
    DeadlineExceeded,
    Forbidden,
    GarbageAnswer,
    HostRefused,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.actions.asana_workspace import Workspace
    from pipelines.actions.target import DealKey
    from pipelines.rules import Rules

Json = dict[str, Any]

# What a creation says beside the fields of the project: from which template, into which portfolio, with which first status
MAKING: Final = frozenset({"template", "portfolio", "status_type"})
# The dates that a template may ask for: those of the project itself
_REQUESTED: Final = {"1": "start_on", "2": "end_on"}
_STATUS_TYPES: Final = frozenset({"on_track", "at_risk", "off_track", "on_hold", "complete", "dropped"})
_INSTANTIATE: Final = "/instantiateProject"
_FOUND: Final = "name,custom_fields.text_value,custom_fields.enum_value.name"
_WHOLE: Final = f"name,start_on,due_on,permalink_url,current_status_update.status_type,{CELLS}"
_JOB: Final = "status,new_project"
# A job takes seconds; one that takes longer than all of these is left to itself and asked about later
_JOB_WAITS: Final = (0.0, 0.5, 1.0, *(2.0,) * 30)
# Asana has said no: no job was begun
_REFUSALS: Final = (Unauthorized, Forbidden, NotFound, RateLimited, Refused, HostRefused)


class Projects:
    """Makes projects of one workspace."""

    def __init__(self, workspace: Workspace, rules: Rules, sleep: Callable[[float], None]) -> None:
        """Ask through ``workspace``; ``sleep`` waits between two looks at a job."""
        self._workspace, self._rules, self._sleep = workspace, rules, sleep
        # marked name -> the job that was asked to make that project and has not ended; None while its answer has not come
        self._jobs: dict[str, str | None] = {}

    def objection(self, change: Change) -> str | None:
        """Return why the project could not be made: no deal to find it by, or a template or portfolio that does not fit."""
        values = change.values
        if deal_key(change.natural_key, self._rules) is None:
            return "the change names no deal by which an existing project could be found"
        if "template" not in values:
            return "rule_engagement_templates.csv names no template for this pipeline; add its row"
        if values.get("status_type", "on_track") not in _STATUS_TYPES:
            return f"Asana has no status {values['status_type']!r}; correct it in rule_engagement_templates.csv"
        objection = days_objection(values.get("start_on"), values.get("end_on"))
        return objection or self._template_objection(values) or self._portfolio_objection(values.get("portfolio"))

    def read(self, change: Change, made_id: str | None) -> Reading:
        """Return the project that names the deal, the one that was begun for it, none, or what keeps one from being made.

        Raises Unavailable while the job that makes it runs.
        """
        marked = self._marked(change)
        made_id = made_id or self._made_by_job(marked)
        if made_id is not None:
            return self._reading_of(change, made_id)
        key, gid = self._key(change), self._gid("deal_url")
        named, misnamed, begun = [], [], []
        for project in self._workspace.listed("/projects", _FOUND, workspace=self._workspace.gid):
            text = _text(project, gid)
            if key.is_named_in(text):
                if not self._is_called_off(project):
                    named.append(project["gid"])
            elif key.is_misnamed_in(text):
                misnamed.append((project["gid"], text))
            elif is_blank(text) and project.get("name") == marked:
                begun.append(project["gid"])
        if len(named) > 1:
            return Reading(obstacle=f"{len(named)} projects name this deal already ({', '.join(named)}); keep one of them")
        if not named and misnamed:
            address = self._reading_of(change, misnamed[0][0]).url
            return Reading(
                obstacle=f"{address} names this deal in another portal ({misnamed[0][1]}); correct that address instead of adding a project"
            )
        if not named and len(begun) > 1:
            return Reading(obstacle=f"{len(begun)} projects were begun for this deal ({', '.join(begun)}); keep one of them")
        found = named or begun
        if found:
            return self._reading_of(change, found[0])
        if marked in self._jobs:  # asked for without an answer: the job may be running
            raise Unavailable("Asana did not say whether it began to make the project.")
        return Reading()

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the next of the four requests, or None when a project names the deal."""
        values, project = change.values, reading.parts.get("project")
        if project is None:
            path = f"/project_templates/{values['template']}{_INSTANTIATE}"
            days = [{"gid": gid, "value": values[name]} for gid, name in _REQUESTED.items() if name in values]
            body = {"name": self._marked(change), "requested_dates": days, "is_strict": True}
            return Write(1, "make the project from its template", "POST", path, {"data": body})
        if self._key(change).is_named_in(_text(project, self._gid("deal_url"))):
            return None
        if "portfolio" in values and not reading.parts["is_in_portfolio"]:
            path = f"/portfolios/{values['portfolio']}/addItem"
            return Write(2, "put it into the portfolio", "POST", path, {"data": {"item": project["gid"]}})
        if "status_type" in values and project.get("current_status_update") is None:
            said = {
                "parent": project["gid"],
                "status_type": values["status_type"],
                "title": values["engagement_name"],
                "text": f"Made by handoff for {values['deal_url']}",
            }
            return Write(3, "post its first status", "POST", "/status_updates", {"data": said})
        return Write(4, "set its fields", "PUT", f"/projects/{project['gid']}", {"data": self._content(values)})

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return the fields that hold something else than was asked for."""
        project, other = reading.parts.get("project") or {}, []
        for name, value in change.values.items():
            if name in MAKING:
                continue
            held = project.get(OWN[name]) if name in OWN else spelled(cell_of(project, self._gid(name)) or {})
            if not same(held, value):
                other.append(f"{name} holds {held!r}")
        return "; ".join(other) or None

    def send(self, write: Write) -> Answer:
        """Send one write, once; of a job, wait until it is done. Raises VendorError when it fails or takes too long."""
        if not write.path.endswith(_INSTANTIATE):
            gid = data_of(self._workspace.connection.write(write), "a write").get("gid")
            return Answer(gid, gid)
        marked = write.body["data"]["name"]
        self._jobs[marked] = None
        try:
            told = data_of(self._workspace.connection.write(write), "the making of a project")
        except _REFUSALS:
            del self._jobs[marked]
            raise
        job = told.get("gid")
        if not isinstance(job, str):
            raise GarbageAnswer("Asana began to make a project and named no job.")
        self._jobs[marked] = job
        for wait in _JOB_WAITS:
            self._sleep(wait)
            made = self._ended(marked)
            if made is not None:
                return Answer(job, made)
        raise DeadlineExceeded(f"Asana's job {job} has not made the project yet.")

    def _made_by_job(self, marked: str) -> str | None:
        """Return the project of a job that this process has begun, None when it has begun none. Raises while the job runs."""
        job = self._jobs.get(marked)
        if job is None:
            return None
        try:
            made = self._ended(marked)
        except Refused:
            return None  # it failed, and made nothing
        if made is None:
            raise Unavailable(f"Asana's job {job} has not made the project yet.")
        return made

    def _ended(self, marked: str) -> str | None:
        """Return the project that a job has made, None while it runs. Raises Refused when the job failed."""
        job = self._jobs[marked]
        told = self._workspace.record(f"/jobs/{job}", _JOB, as_writer=True)
        match told.get("status"):
            case "not_started" | "in_progress":
                return None
            case "succeeded":
                del self._jobs[marked]
                return str(data_of({"data": told.get("new_project")}, f"the job {job}")["gid"])
        del self._jobs[marked]
        raise Refused(
            f"Asana's job {job} ended as {told.get('status')!r}, so no project was made. Try the template by hand in Asana.",
            status=409,
        )

    def _reading_of(self, change: Change, gid: str) -> Reading:
        project = self._workspace.record(f"/projects/{gid}", _WHOLE)
        portfolio = change.values.get("portfolio")
        parts: Json = {"project": project, "is_in_portfolio": True}
        if portfolio is not None and not self._key(change).is_named_in(_text(project, self._gid("deal_url"))):
            items = self._workspace.listed(f"/portfolios/{portfolio}/items", "name")
            parts["is_in_portfolio"] = any(item["gid"] == gid for item in items)
        return Reading(parts=parts, url=project.get("permalink_url"))

    def _content(self, values: dict[str, str]) -> Json:
        own = {OWN[name]: value for name, value in values.items() if name in OWN}
        definitions = self._workspace.fields()
        cells = {self._gid(name): value for name, value in values.items() if name not in OWN and name not in MAKING}
        return {**own, "custom_fields": {gid: typed(definitions[gid], value) for gid, value in cells.items()}}

    def _template_objection(self, values: dict[str, str]) -> str | None:
        path = f"/project_templates/{values['template']}"
        try:
            template = self._workspace.record(path, "name,requested_dates")
        except (NotFound, Forbidden):
            return f"the template {values['template']} of rule_engagement_templates.csv is not there, or not for this token"
        for asked in template.get("requested_dates") or []:
            name = _REQUESTED.get(str(asked.get("gid")))
            if name is None:
                return f"the template asks for {asked.get('name')!r}, which handoff does not know; take that date out of the template"
            if name not in values:
                return f"the template asks for {asked.get('name')!r}, and the deal has no such day; fill it in on the deal"
        return None

    def _portfolio_objection(self, portfolio: str | None) -> str | None:
        if portfolio is None:
            return None
        try:
            self._workspace.record(f"/portfolios/{portfolio}", "name")
        except (NotFound, Forbidden):
            return f"the portfolio {portfolio} of rule_engagement_templates.csv is not there, or not for this token"
        return None

    def _is_called_off(self, project: Json) -> bool:
        """Return whether an engagement has ended without having begun: it does not stand in the way of a new one."""
        cell = cell_of(project, self._rules.fields["asana", "engagements"].get("status")) or {}
        status = (cell.get("enum_value") or {}).get("name")
        return any(
            row["status"] == status and row["is_started"] == "false" and row["is_active"] == "false"
            for row in self._rules.table("rule_engagement_statuses")
            if row["store"] == "asana"
        )

    def _gid(self, name: str) -> str:
        return self._rules.fields["asana", "engagements"][name]

    def _marked(self, change: Change) -> str:
        """Return the name that a project bears until it is finished."""
        return f"{change.values['engagement_name']} (handoff {self._key(change).deal_id})"

    def _key(self, change: Change) -> DealKey:
        key = deal_key(change.natural_key, self._rules)
        if key is None:
            raise GarbageAnswer(f"{change.change_id} names no deal. Make a new plan with `handoff plan`.")
        return key


def _text(project: Json, gid: str) -> str | None:
    value = (cell_of(project, gid) or {}).get("text_value")
    return value if isinstance(value, str) else None
