"""What the sandbox knows: the vendors' records as plain data that can be written to a file and read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class HubspotRecord:
    """One CRM record. ``properties`` holds strings or None; ``history`` newest first, as HubSpot sends it."""

    id: str
    properties: dict[str, str | None]
    created_at: str  # ISO 8601, Z
    updated_at: str
    archived: bool = False
    archived_at: str | None = None
    history: dict[str, list[Json]] = field(default_factory=dict)


@dataclass
class HubspotState:
    """A portal. Object words are deals, companies, contacts, communities, orders, line_items, notes, tasks."""

    portal_id: int
    object_type_ids: dict[str, str]  # deals -> 0-3, communities -> 2-4100, ...
    objects: dict[str, dict[str, HubspotRecord]]
    property_definitions: dict[str, list[Json]]  # as GET /crm/properties answers
    pipelines: dict[str, list[Json]]  # deals -> pipelines with stages inline, as the API answers
    owners: list[Json]
    association_labels: list[Json]  # {from, to, category, typeId, label}: both directions listed
    associations: list[Json]  # {from, fromId, to, toId, category, typeId}: both directions stored
    property_validations: dict[str, dict[str, list[Json]]] = field(default_factory=dict)  # deals -> property -> rules


@dataclass
class AirtableState:
    """A base: ``tables`` as the meta API answers them, ``records`` by table id with fields by field id."""

    base_id: str
    tables: list[Json]
    records: dict[str, list[Json]]  # tbl... -> [{id, createdTime, fields}]


@dataclass
class GithubState:
    """An organisation with its projects (fields, items) and its repositories (issues)."""

    organization: str
    projects: list[Json]  # {number, node_id, title, fields: [...], items: [...]}
    issues: dict[str, list[Json]]  # repository name -> issues as REST answers them


@dataclass
class AwsState:
    """A payer account: costs by day, linked account, service, record type; forecasts and budgets."""

    payer_account_id: str
    accounts: list[Json]  # {Id, Name, Status}
    costs: list[Json]  # {day, account, service, record_type, amount (decimal string), estimated} and, if any, tags {key: value}
    forecasts: list[Json]  # {account or null, mean, low, high} for the rest of the month
    budgets: dict[str, list[Json]]  # account id -> Budget shapes of the botocore model
    notifications: dict[str, list[Json]]  # account id -> {BudgetName, Notification, Subscribers}


@dataclass
class AsanaState:
    """A workspace. Records by gid, with other records named by their gid and cells of custom fields by the field's gid."""

    workspace: Json = field(default_factory=dict)  # {gid, name}
    users: dict[str, Json] = field(default_factory=dict)  # {gid, name, email}
    teams: dict[str, Json] = field(default_factory=dict)  # {gid, name}
    custom_fields: dict[str, Json] = field(default_factory=dict)  # {gid, name, resource_subtype, enum_options, ...}
    portfolios: dict[str, Json] = field(default_factory=dict)  # {gid, name, owner, items: [project gids]}
    projects: dict[str, Json] = field(default_factory=dict)
    tasks: dict[str, Json] = field(default_factory=dict)  # {..., project, parent, assignee}
    status_updates: dict[str, Json] = field(default_factory=dict)  # {..., parent, created_by}
    project_templates: dict[str, Json] = field(default_factory=dict)  # {gid, name, team, requested_dates, tasks: [names]}
    jobs: dict[str, Json] = field(default_factory=dict)  # {gid, template, request, polls, new_project}
    events: list[Json] = field(default_factory=list)  # {resource: gid, type, action, at}, oldest first


@dataclass
class SheetsState:
    """A spreadsheet: what was entered in each tab. Lines are ragged; a cell is null or what was entered, with how it is shown."""

    spreadsheet_id: str = ""
    title: str = ""
    # {sheetId, title, rowCount, columnCount, rows: [[null or {userEnteredValue: {...}, numberFormat: {type, pattern}}]]}
    tabs: list[Json] = field(default_factory=list)


@dataclass
class IntacctState:
    """The books of a company: records by object, each with its values by the path that a query names (``invoice.key``)."""

    objects: dict[str, list[Json]] = field(default_factory=dict)  # accounts-receivable/invoice -> [{key, invoiceNumber, ...}]


@dataclass
class PrometheusState:
    """The samples of a server: series with their labels, each with ``[Unix seconds, "value"]`` in the order of time."""

    series: list[Json] = field(default_factory=list)  # {metric: {__name__, namespace, ...}, values: [[seconds, value]]}
    warnings: list[str] = field(default_factory=list)  # what every answer says beside its data


@dataclass
class SandboxState:
    """Everything behind the sandbox's addresses. ``today`` is the story's frozen date (YYYY-MM-DD)."""

    today: str
    hubspot: HubspotState
    airtable: AirtableState
    github: GithubState
    aws: AwsState
    asana: AsanaState = field(default_factory=AsanaState)
    sheets: SheetsState = field(default_factory=SheetsState)
    intacct: IntacctState = field(default_factory=IntacctState)
    prometheus: PrometheusState = field(default_factory=PrometheusState)
