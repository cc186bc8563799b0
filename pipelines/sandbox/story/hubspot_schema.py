"""The invented portal's schema: properties, pipelines, owners and association labels, as HubSpot's API answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipelines.sandbox.state import Json

PORTAL_ID: Final = 4400001
PORTAL_CREATED: Final = "2023-02-01T18:00:00.000Z"

OBJECT_TYPE_IDS: Final = {
    "deals": "0-3",
    "companies": "0-2",
    "contacts": "0-1",
    "communities": "2-4100",
    "orders": "0-123",
    "line_items": "0-8",
    "notes": "0-46",
    "tasks": "0-27",
}

# Each pipeline: id, label, and per stage id, label, probability, closed.
Pipelines = tuple[tuple[str, str, tuple[tuple[str, str, str, bool], ...]], ...]
PIPELINES: Final[Pipelines] = (
    (
        "default",
        "New business",
        (
            ("1001", "Lead", "0.1", False),
            ("1002", "Qualified", "0.2", False),
            ("1003", "Proposal", "0.4", False),
            ("1004", "Negotiation", "0.6", False),
            ("1005", "Contract Admin", "0.9", False),
            ("1006", "Closed Won", "1.0", True),
            ("1007", "Closed Lost", "0.0", True),
        ),
    ),
    (
        "7001",
        "Renewals",
        (
            ("2001", "Watching", "0.6", False),
            ("2002", "Preparing", "0.6", False),
            ("2003", "Engaging", "0.8", False),
            ("2004", "Contracting", "0.9", False),
            ("2005", "Closed Won", "1.0", True),
            ("2006", "Closed Lost", "0.0", True),
        ),
    ),
    (
        "7002",
        "Gifts",
        (("3001", "Pledged", "0.5", False), ("3002", "Received", "1.0", True), ("3003", "Withdrawn", "0.0", True)),
    ),
)

# The last one has left: deals that still carry the id have no active owner.
_OWNERS: Final = (
    ("501", "Ysolde", "Varga-Thorn", False),
    ("502", "Bram", "Okonquist", False),
    ("503", "Linnea", "Marchbanks", False),
    ("504", "Corwin", "Halloway-Pike", True),
)
OWNER_WHO_LEFT: Final = "504"


@dataclass(frozen=True)
class LabelPair:
    """An association type and its opposite. HubSpot numbers the two directions apart."""

    from_object: str
    to_object: str
    type_id: int
    reverse_type_id: int
    label: str | None = None
    reverse_label: str | None = None
    category: str = "HUBSPOT_DEFINED"


def _role(from_object: str, label: str, type_id: int) -> LabelPair:
    return LabelPair(from_object, "contacts", type_id, type_id + 1, label, label, "USER_DEFINED")


LABEL_PAIRS: Final = (
    LabelPair("deals", "companies", 341, 342),
    LabelPair("deals", "companies", 5, 6, "Primary", "Primary"),
    LabelPair("deals", "contacts", 3, 4),
    _role("deals", "Buyer", 101),
    _role("deals", "Champion", 103),
    _role("deals", "Community Representative", 105),
    _role("deals", "Technical Contact", 107),
    _role("deals", "Technical Community Lead", 109),
    _role("deals", "Authorized PR Submitter", 111),
    LabelPair("deals", "communities", 211, 212, category="USER_DEFINED"),
    LabelPair("deals", "orders", 511, 512),
    LabelPair("deals", "line_items", 19, 20),
    LabelPair("deals", "deals", 451, 451),
    LabelPair("deals", "deals", 301, 302, "Renewal of", "Renewed by", "USER_DEFINED"),
    LabelPair("communities", "contacts", 221, 222, category="USER_DEFINED"),
    _role("communities", "Buyer", 223),
    _role("communities", "Champion", 225),
    _role("communities", "Community Representative", 227),
    _role("communities", "Technical Contact", 229),
    _role("communities", "Technical Community Lead", 231),
    _role("communities", "Authorized PR Submitter", 233),
    LabelPair("contacts", "companies", 279, 280),
    LabelPair("notes", "deals", 214, 213),
    LabelPair("notes", "companies", 190, 189),
    LabelPair("notes", "contacts", 202, 201),
    LabelPair("tasks", "deals", 216, 215),
    LabelPair("tasks", "companies", 192, 191),
    LabelPair("tasks", "contacts", 204, 203),
)


def _property(
    name: str,
    label: str,
    kind: str = "string",
    *,
    options: tuple[tuple[str, str], ...] = (),
    read_only: bool = False,
    standard: bool = False,
    field_type: str | None = None,
) -> Json:
    field_types = {
        "string": "text", "number": "number", "date": "date", "datetime": "date", "enumeration": "select", "bool": "booleancheckbox"
    }  # fmt: skip
    if kind == "bool":
        options = (("true", "Yes"), ("false", "No"))
    return {
        "name": name,
        "label": label,
        "type": kind,
        "fieldType": field_type or field_types[kind],
        "description": "",
        "groupName": "standard" if standard else "handoff",
        "options": [
            {"value": value, "label": text, "displayOrder": order, "hidden": False} for order, (value, text) in enumerate(options)
        ],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": name == "hs_object_id",
        "hidden": False,
        "hubspotDefined": standard,
        "formField": not read_only,
        "archived": False,
        "dataSensitivity": "non_sensitive",
        "modificationMetadata": {
            "archivable": not standard,
            "readOnlyDefinition": standard,
            "readOnlyValue": read_only,
        },
        "createdAt": PORTAL_CREATED,
        "updatedAt": PORTAL_CREATED,
    }


def _system(modified: str = "hs_lastmodifieddate") -> list[Json]:
    return [
        _property("hs_object_id", "Record ID", "number", read_only=True, standard=True),
        _property("createdate", "Create date", "datetime", read_only=True, standard=True),
        _property(modified, "Last modified date", "datetime", read_only=True, standard=True),
    ]


def _choices(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


def property_validations() -> dict[str, dict[str, list[Json]]]:
    """Return, per object, the rules that the portal's administrators set on the values of a property."""
    longest = {"ruleType": "MAX_LENGTH", "ruleArguments": ["500"], "shouldApplyNormalization": False}
    return {"deals": {"engagement_url": [longest]}}


def property_definitions(told: Pipelines = PIPELINES) -> dict[str, list[Json]]:
    """Return, per object, every property that a record of the story may have."""
    stages = tuple((stage[0], stage[1]) for _, _, listed in told for stage in listed)
    owner = _property("hubspot_owner_id", "Owner", "enumeration", standard=True)
    definitions = {
        "deals": [
            *_system(),
            _property("dealname", "Deal name", standard=True),
            _property("pipeline", "Pipeline", "enumeration", standard=True, options=tuple((p[0], p[1]) for p in told)),
            _property("dealstage", "Deal stage", "enumeration", standard=True, options=stages, field_type="radio"),
            _property("dealtype", "Deal type", "enumeration", standard=True,
                      options=(("newbusiness", "New business"), ("existingbusiness", "Existing business"))),
            _property("amount", "Amount", "number", standard=True),
            _property("deal_currency_code", "Currency", "enumeration", standard=True, options=_choices("USD", "EUR", "GBP")),
            _property("closedate", "Close date", "datetime", standard=True),
            owner,
            _property("notes_last_contacted", "Last contacted", "datetime", read_only=True, standard=True),
            _property("hs_merged_object_ids", "Merged record IDs", "enumeration", read_only=True, standard=True),
            _property("contract_start_date", "Contract start date", "date"),
            _property("contract_end_date", "Contract end date", "date"),
            _property("target_start_date", "Target start date", "date"),
            _property("target_end_date", "Target end date", "date"),
            _property("amended_end_date", "Amended end date", "date"),
            _property("next_break_date", "Next break date", "date"),
            _property("agreement_url", "Agreement link"),
            _property("agreement_executed", "Agreement executed", "bool"),
            _property("engagement_url", "Engagement URL"),
            _property("renewal_status", "Renewal status", "enumeration",
                      options=_choices("Undecided", "Will renew", "Will not renew", "Renewed")),
            _property("membership_level", "Membership level", "enumeration",
                      options=_choices("Starter", "Standard", "Premium")),
            _property("cloud_provider", "Cloud provider", "enumeration", options=_choices("AWS", "GCP", "Azure", "OVH")),
            _property("cloud_region", "Cloud region"),
            _property("cloud_paid_by", "Cloud paid by", "enumeration",
                      options=(("us", "Us"), ("community", "The community"))),
            _property("prepaid_cloud_amount", "Prepaid cloud amount", "number"),
            _property("prepaid_user_fees_amount", "Prepaid user fees amount", "number"),
            _property("collected_before_amount", "Collected before the imported invoices", "number"),
            _property("auto_renews", "Renews itself", "bool"),
            _property("closed_lost_reason", "Closed lost reason", standard=True, field_type="textarea"),
            _property("capacity_checked_date", "Capacity checked", "date"),
        ],
        "companies": [
            *_system(),
            _property("name", "Company name", standard=True),
            _property("domain", "Company domain", standard=True),
        ],
        "contacts": [
            *_system("lastmodifieddate"),
            _property("firstname", "First name", standard=True),
            _property("lastname", "Last name", standard=True),
            _property("email", "E-mail", standard=True),
            _property("github_username", "GitHub username"),
        ],
        "communities": [
            *_system(),
            _property("hs_createdate", "Object create date", "datetime", read_only=True, standard=True),
            _property("community_name", "Community name"),
            _property("community_id", "Community id"),
            _property("community_long_name", "Long name"),
            _property("website", "Website"),
            _property("github_organization", "GitHub organization"),
            _property("logo_url", "Logo"),
            _property("community_context", "Community context", field_type="textarea"),
            _property("context_goals", "What do they want to achieve", field_type="textarea"),
            _property("context_people", "Who is the community", field_type="textarea"),
            _property("context_mission", "How does open infrastructure help", field_type="textarea"),
            _property("context_data", "What and where is the data", field_type="textarea"),
        ],
        "orders": [
            *_system(),
            _property("hs_createdate", "Create date", "datetime", read_only=True, standard=True),
            _property("hs_order_name", "Name", standard=True),
            owner,
        ],
        "line_items": [
            *_system(),
            _property("name", "Name", standard=True),
            _property("quantity", "Quantity", "number", standard=True),
            _property("price", "Unit price", "number", standard=True),
            _property("amount", "Net price", "number", standard=True, read_only=True),
            _property("hs_product_type", "Product type", "enumeration", standard=True,
                      options=(("inventory", "Inventory"), ("non_inventory", "Non-inventory"), ("service", "Service"))),
        ],
        "notes": [
            *_system(),
            _property("hs_note_body", "Note body", standard=True, field_type="html"),
            _property("hs_timestamp", "Activity date", "datetime", standard=True),
            _property("hs_attachment_ids", "Attached content IDs", standard=True),
            owner,
        ],
        "tasks": [
            *_system(),
            _property("hs_task_subject", "Task title", standard=True),
            _property("hs_task_body", "Notes", standard=True, field_type="html"),
            _property("hs_task_status", "Task status", "enumeration", standard=True,
                      options=(("NOT_STARTED", "Not started"), ("IN_PROGRESS", "In progress"), ("COMPLETED", "Completed"))),
            _property("hs_task_priority", "Priority", "enumeration", standard=True,
                      options=(("NONE", "None"), ("LOW", "Low"), ("MEDIUM", "Medium"), ("HIGH", "High"))),
            _property("hs_task_type", "Task type", "enumeration", standard=True,
                      options=(("TODO", "To-do"), ("CALL", "Call"), ("EMAIL", "Email"))),
            _property("hs_timestamp", "Due date", "datetime", standard=True),
            owner,
        ],
    }  # fmt: skip
    owners = [
        {"value": owner_id, "label": f"{first} {last}", "displayOrder": order, "hidden": archived}
        for order, (owner_id, first, last, archived) in enumerate(_OWNERS)
    ]
    for listed in definitions.values():
        for definition in listed:
            if definition["name"] == "hubspot_owner_id":
                definition["options"] = [dict(option) for option in owners]
    return definitions


def pipelines(told: Pipelines = PIPELINES) -> dict[str, list[Json]]:
    """Return the deal pipelines with their stages inline."""
    return {
        "deals": [
            {
                "id": pipeline_id,
                "label": label,
                "displayOrder": order,
                "archived": False,
                "createdAt": PORTAL_CREATED,
                "updatedAt": PORTAL_CREATED,
                "stages": [
                    {
                        "id": stage_id,
                        "label": stage_label,
                        "displayOrder": stage_order,
                        "metadata": {"isClosed": "true" if closed else "false", "probability": probability},
                        "archived": False,
                        "createdAt": PORTAL_CREATED,
                        "updatedAt": PORTAL_CREATED,
                    }
                    for stage_order, (stage_id, stage_label, probability, closed) in enumerate(stages)
                ],
            }
            for order, (pipeline_id, label, stages) in enumerate(told)
        ]
    }


def pipeline_of_stage() -> dict[str, str]:
    """Return the pipeline id of each stage id."""
    return {stage[0]: pipeline_id for pipeline_id, _, stages in PIPELINES for stage in stages}


def owners() -> list[Json]:
    """Return the people who own deals; one of them has left."""
    return [
        {
            "id": owner_id,
            "email": f"{first.lower()}@bd.example",
            "type": "PERSON",
            "firstName": first,
            "lastName": last,
            "userId": int(owner_id) + 90000,
            "userIdIncludingInactive": int(owner_id) + 90000,
            "createdAt": PORTAL_CREATED,
            "updatedAt": "2026-09-30T18:00:00.000Z" if archived else PORTAL_CREATED,
            "archived": archived,
            "teams": [{"id": "61", "name": "Business Development", "primary": True}],
        }
        for owner_id, first, last, archived in _OWNERS
    ]


def association_labels() -> list[Json]:
    """Return every association type of the portal, one row for each direction."""
    rows: list[Json] = []
    for pair in LABEL_PAIRS:
        there = {"from": pair.from_object, "to": pair.to_object, "category": pair.category, "typeId": pair.type_id}
        back = {"from": pair.to_object, "to": pair.from_object, "category": pair.category, "typeId": pair.reverse_type_id}
        rows.append(there | {"label": pair.label})
        if pair.type_id != pair.reverse_type_id:
            rows.append(back | {"label": pair.reverse_label})
    return rows
