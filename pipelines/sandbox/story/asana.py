"""The same engagements as they stand in Asana, the store of an organisation that has moved there from Airtable.

An engagement is a project of the portfolio "Active Engagements"; what Airtable keeps in a field is the project's own name, dates and
owner, its status update, or a custom field. A deliverable is a task with its hours.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.asana import new_task
from pipelines.sandbox.asana_shapes import SITE
from pipelines.sandbox.state import AsanaState
from pipelines.sandbox.story.airtable import DELIVERABLES, ENGAGEMENTS, PROJECTS

if TYPE_CHECKING:
    from pipelines.sandbox.state import AirtableState, Json

WORKSPACE: Final = "1200000000000001"
TEAM: Final = "1200000000000002"
PORTFOLIO: Final = "1200000000000003"
TEMPLATE: Final = "1200000000000004"
_STATUS_TYPES: Final = {"Green": "on_track", "Amber": "at_risk", "Red": "off_track"}
# gid, name, type, the field of Airtable that it takes the place of
_ENGAGEMENT_FIELDS: Final = (
    ("1200000000000101", "HubSpot Deal URL", "text", "fldEngDealUrl0000"),
    ("1200000000000102", "Engagement status", "enum", "fldEngStatus00000"),
    ("1200000000000103", "Contract Value", "number", "fldEngValue000000"),
    ("1200000000000104", "Community", "text", "fldEngCommunity00"),
    ("1200000000000105", "Monthly cloud budget", "number", "fldEngBudget00000"),
    ("1200000000000106", "Cloud provider", "enum", "fldEngCloud000000"),
    ("1200000000000107", "Cloud region", "text", "fldEngRegion00000"),
    ("1200000000000108", "Expiry notice sent", "date", "fldEngNotice00000"),
    ("1200000000000109", "Extended until", "date", "fldEngExtended000"),
    ("1200000000000110", "Decommissioned on", "date", "fldEngDecommiss00"),
    ("1200000000000111", "Off-boarding task", "text", "fldEngOffboard000"),
    ("1200000000000112", "Action", "text", "fldEngAction00000"),
    ("1200000000000113", "Admin access given", "date", "fldEngAdmin000000"),
    ("1200000000000114", "Confirmed by the community", "date", "fldEngConfirmed00"),
    ("1200000000000115", "Confirmed by", "text", "fldEngConfirmBy00"),
    ("1200000000000116", "BD notified", "date", "fldEngNotified000"),
)
_TASK_FIELDS: Final = (
    ("1200000000000201", "GitHub issue", "text", "fldDlvGithub00000"),
    ("1200000000000202", "Deliverable status", "enum", "fldDlvStatus00000"),
    ("1200000000000203", "Estimate (hours)", "number", "fldDlvEstimate000"),
    ("1200000000000204", "HubSpot line item", "text", "fldDlvLineItem000"),
)
_COLOURS: Final = ("blue", "cyan", "aqua", "green", "yellow", "red")


def moved_ids(base: AirtableState) -> dict[str, str]:
    """Return the project's gid of each engagement of ``base``, by its record's id."""
    return {row["id"]: f"12100000{number:08d}" for number, row in enumerate(base.records[ENGAGEMENTS], 1)}


def moved_items(base: AirtableState) -> dict[str, str]:
    """Return the task's gid of each deliverable of ``base``, by its record's id."""
    return {row["id"]: f"12200000{number:08d}" for number, row in enumerate(base.records[DELIVERABLES], 1)}


def project_url(gid: str) -> str:
    """Return the address at which people open a project."""
    return f"{SITE}/{gid}/list"


def moved(base: AirtableState) -> AsanaState:
    """Return the workspace that holds what ``base`` holds, the same at every call."""
    engagements, deliverables = base.records[ENGAGEMENTS], base.records[DELIVERABLES]
    owners = {row["fields"].get("fldEngOwner000000") for row in engagements} - {None}
    users = _users(owners)
    by_name = {user["name"]: gid for gid, user in users.items()}
    state = AsanaState(
        workspace={"gid": WORKSPACE, "name": "Demo organisation"},
        users=users,
        teams={TEAM: {"gid": TEAM, "name": "Product & Services"}},
        custom_fields={
            gid: _definition(gid, name, subtype, field, base)
            for gid, name, subtype, field in (*_ENGAGEMENT_FIELDS, *_TASK_FIELDS)
        },
    )
    projects = moved_ids(base)
    updates = count(1)
    for row in engagements:
        gid, fields = projects[row["id"]], row["fields"]
        state.projects[gid] = {
            "gid": gid,
            "name": fields.get("fldEngName0000000", ""),
            "archived": False,
            "completed": fields.get("fldEngStatus00000") == "Complete",
            "completed_at": None,
            "created_at": row["createdTime"],
            "modified_at": row["createdTime"],
            "start_on": fields.get("fldEngStart000000"),
            "due_on": fields.get("fldEngEnd00000000"),
            "notes": "",
            "owner": by_name.get(fields.get("fldEngOwner000000")),
            "team": TEAM,
            "created_from_template": TEMPLATE,
            "custom_fields": _cells(state, _ENGAGEMENT_FIELDS, fields),
        }
        if fields.get("fldEngUpdated0000"):
            update, at = f"12300000{next(updates):08d}", f"{fields['fldEngUpdated0000']}T12:00:00.000Z"
            state.status_updates[update] = {
                "gid": update,
                "title": f"Status of {fields.get('fldEngName0000000', '')}",
                "text": fields.get("fldEngAction00000", "All is well."),
                "status_type": _STATUS_TYPES[fields.get("fldEngRag00000000", "Green")],
                "created_at": at,
                "modified_at": at,
                "created_by": state.projects[gid]["owner"] or next(iter(users)),
                "parent": gid,
            }
    state.project_templates[TEMPLATE] = _template()
    state.portfolios[PORTFOLIO] = {
        "gid": PORTFOLIO,
        "name": "Active Engagements",
        "owner": next(iter(users)),
        "items": list(state.projects),
    }
    engagement_of = {
        row["id"]: projects[row["fields"]["fldPrjEngagement0"][0]]
        for row in base.records[PROJECTS]
        if row["fields"].get("fldPrjEngagement0")
    }
    tasks = moved_items(base)
    for row in deliverables:
        gid, fields = tasks[row["id"]], row["fields"]
        home = next((engagement_of[link] for link in fields.get("fldDlvProject0000", []) if link in engagement_of), None)
        if home is None:
            continue  # in Asana there is no task of an engagement outside of it
        spent = fields.get("fldDlvSpent000000")
        state.tasks[gid] = new_task(gid, home, fields.get("fldDlvName0000000", ""), row["createdTime"]) | {
            "completed": fields.get("fldDlvStatus00000") == "Done",
            "due_on": fields.get("fldDlvDue00000000"),
            "actual_time_minutes": None if spent is None else round(spent * 60),
            "custom_fields": _cells(state, _TASK_FIELDS, fields),
        }
    return state


def _users(names: set[Any]) -> dict[str, Json]:
    """Return the people; the first one is who the token belongs to."""
    listed = ["Handoff Robot", *sorted(names)]
    return {
        f"12000000{number:08d}": {
            "gid": f"12000000{number:08d}",
            "name": name,
            "email": f"{name.lower().replace(' ', '.')}@demo-org.example",
        }
        for number, name in enumerate(listed, 1001)
    }


def _template() -> Json:
    return {
        "gid": TEMPLATE,
        "name": "Engagement",
        "description": "What every engagement begins with.",
        "html_description": "<body>What every engagement begins with.</body>",
        "public": True,
        "team": TEAM,
        "requested_dates": [
            {"gid": "1", "name": "Start Date", "description": "First day of the agreement"},
            {"gid": "2", "name": "Due Date", "description": "Last day of the agreement"},
        ],
        "requested_roles": [],
        "custom_fields": [gid for gid, *_ in _ENGAGEMENT_FIELDS],
        "tasks": ["Kick-off with the community", "Hand over to support"],
    }


def _definition(gid: str, name: str, subtype: str, field: str, base: AirtableState) -> Json:
    definition: Json = {"gid": gid, "name": name, "resource_subtype": subtype, "enabled": True, "is_global_to_workspace": True}
    if subtype == "number":
        definition["precision"] = 2
    if subtype == "enum":
        choices = next(item["options"]["choices"] for table in base.tables for item in table["fields"] if item["id"] == field)
        definition["enum_options"] = [
            {"gid": f"{gid}{number:02d}", "name": choice["name"], "enabled": True, "color": colour}
            for number, (choice, colour) in enumerate(zip(choices, _COLOURS, strict=False), 1)
        ]
    return definition


def _cells(state: AsanaState, fields: tuple[tuple[str, str, str, str], ...], values: Json) -> Json:
    """Return the cells of a record; one of a choice holds the option's gid."""
    cells = {}
    for gid, _, subtype, field in fields:
        value = values.get(field)
        if subtype == "enum" and value is not None:
            value = next(option["gid"] for option in state.custom_fields[gid]["enum_options"] if option["name"] == value)
        cells[gid] = value
    return cells
