"""What the vendors have: pipelines, stages, properties, tables, fields and labels, without any record.

Each is asked with the token for reading, or the sandbox where none is set.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipelines.access.inquiry import get, secret
from pipelines.errors import ConfigurationError
from pipelines.likeness import Thing
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.airtable import base_tables, open_airtable
from pipelines.sources.asana import open_asana
from pipelines.sources.github import open_github, project_path
from pipelines.sources.hubspot import OBJECTS, open_hubspot, property_definitions
from pipelines.sources.hubspot_answers import results_of
from pipelines.sources.registry import sandbox_arguments
from pipelines.transport_adapters import HUBSPOT_API_VERSION

if TYPE_CHECKING:
    from pipelines.rules import Rules
    from pipelines.settings import Settings

Json = dict[str, Any]
_CUSTOM: Final = "communities"


@dataclass
class Portal:
    """A HubSpot portal. ``properties`` by our word for the object; ``problems`` says what could not be read."""

    account: Json
    pipelines: list[Json]
    properties: dict[str, list[Thing]] = field(default_factory=dict)
    object_types: list[Thing] = field(default_factory=list)
    contact_labels: list[Thing] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Base:
    """An Airtable base: its tables, and the fields of each by its id. ``options`` are the choices of a field by its id."""

    tables: list[Thing]
    fields: dict[str, list[Thing]]
    options: dict[str, list[str]]


def portal(settings: Settings, rules: Rules, sandbox_url: str | None) -> Portal:
    """Return what HubSpot has. Raises VendorError."""
    client = open_hubspot(settings.model_copy(update={"store_emails": True}), sandbox_url=sandbox_url)
    token = SANDBOX_TOKEN if sandbox_url is not None else secret(settings.hubspot_access_token)
    with closing(client.transport):
        account = get(client.transport, f"/account-info/{HUBSPOT_API_VERSION}/details", token).json()
        found = Portal(account, results_of(client.api.pipelines("deals"), "pipelines of deals"))
        for word in OBJECTS:
            if word == _CUSTOM:
                continue
            found.properties[word] = _properties(property_definitions(client.api, word, rules))
        try:
            found.properties[_CUSTOM] = _properties(property_definitions(client.api, _CUSTOM, rules))
        except ConfigurationError:
            schemas = get(client.transport, f"/crm-object-schemas/{HUBSPOT_API_VERSION}/schemas", token).json()
            for schema in results_of(schemas, "object types"):
                labels = schema.get("labels") or {}
                found.object_types.append(Thing(str(schema["objectTypeId"]), str(labels.get("plural") or schema.get("name"))))
        labels = results_of(client.api.association_labels("deals", "contacts"), "association labels")
        names = dict.fromkeys(str(item["label"]) for item in labels if item.get("label"))
        found.contact_labels = [Thing(name, name) for name in names]
        owners = results_of(client.api.owners(limit=100, archived=False), "owners")
        found.owners = sorted(f"{item.get('firstName') or ''} {item.get('lastName') or ''}".strip() for item in owners)
    return found


def community_properties(settings: Settings, sandbox_url: str | None, object_type: str) -> list[Thing]:
    """Return the properties of another object type. Raises VendorError."""
    client = open_hubspot(settings.model_copy(update={"store_emails": True}), sandbox_url=sandbox_url)
    with closing(client.transport):
        return _properties(results_of(client.api.properties(object_type), "property definitions"))


def base(settings: Settings, sandbox_url: str | None) -> Base:
    """Return what the Airtable base has. Raises VendorError."""
    client = open_airtable(settings, sandbox_url=sandbox_url, **sandbox_arguments("airtable", sandbox_url))
    with closing(client.transport):
        tables = base_tables(client)
    fields = {
        str(table["id"]): [Thing(str(item["id"]), str(item["name"]), str(item.get("type") or "")) for item in table["fields"]]
        for table in tables
    }
    options = {
        str(item["id"]): [str(choice["name"]) for choice in (item.get("options") or {}).get("choices") or []]
        for table in tables
        for item in table["fields"]
    }
    return Base([Thing(str(table["id"]), str(table["name"])) for table in tables], fields, options)


def project_fields(settings: Settings, sandbox_url: str | None) -> list[Thing]:
    """Return the fields of the configured GitHub projects, by name, each once. Raises VendorError."""
    client = open_github(settings, sandbox_url=sandbox_url, **sandbox_arguments("github", sandbox_url))
    with closing(client.transport):
        pages = [page for number in client.project_numbers for page in client.pages(f"{project_path(client, number)}/fields")]
    names = dict.fromkeys(str(item.get("name")) for page in pages for item in page)
    return [Thing(name, name) for name in names]


def custom_fields(settings: Settings, sandbox_url: str | None) -> list[Thing]:
    """Return the custom fields of the Asana workspace. Raises VendorError."""
    client = open_asana(settings, sandbox_url=sandbox_url, **sandbox_arguments("asana", sandbox_url))
    with closing(client.transport):
        listed = client.listed(f"/workspaces/{client.workspace_id}/custom_fields", "name,resource_subtype")
        return [Thing(str(item.get("gid")), str(item.get("name")), str(item.get("resource_subtype") or "")) for item in listed]


def _properties(definitions: list[Json]) -> list[Thing]:
    return [Thing(str(item["name"]), str(item.get("label") or ""), str(item.get("type") or "")) for item in definitions]
