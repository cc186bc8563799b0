"""HubSpot: which portal the key opens, what the key may do, and whether the rule tables speak of what the portal has.

    GET  /account-info/{version}/details                  -> the portal
    POST /oauth/v2/private-apps/get/access-token-info     -> the key's scopes, where HubSpot tells them
    GET  /crm/properties/{version}/{type}, one record, one record's links, labels, pipelines, owners

https://developers.hubspot.com/docs/api-reference/overview
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from pipelines.access.inquiry import bearer, get, secret
from pipelines.errors import VendorError
from pipelines.sources.hubspot import (
    OBJECTS,
    WITH_PIPELINES,
    object_path,
    open_hubspot,
    property_definitions,
)
from pipelines.sources.hubspot_answers import results_of
from pipelines.transport_adapters import HUBSPOT_API_VERSION

if TYPE_CHECKING:
    from pipelines.access.inquiry import Inquiry, Json
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.hubspot_records import HubspotClient


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:
    """Return what is fine about the access to HubSpot; ``inquiry`` keeps the rest. Raises HandoffError."""
    # The key that hashes addresses is not needed to look at access, so none is made here.
    client = open_hubspot(settings.model_copy(update={"store_emails": True}), sandbox_url=None)
    token = secret(settings.hubspot_access_token)
    with closing(client.transport):
        portal = _portal(client, token, rules, inquiry)
        writing = _writing(client, token, inquiry)
        known = _objects(client, rules, inquiry)
        _links(client, rules, inquiry, known)
        inquiry.ask(lambda: results_of(client.api.owners(limit=1), "owners"))
        _pipelines(client, rules, inquiry)
    names = {word: fields for (system, word), fields in rules.fields.items() if system == "hubspot" and word in known}
    unmatched = [
        f"{word}.{field} ({name})" for word, fields in names.items() for field, name in fields.items() if name not in known[word]
    ]
    inquiry.note_unmatched(
        unmatched, "HubSpot properties", "the internal name that HubSpot shows for the property (Settings > Properties)"
    )
    if not known:
        return ""
    matched = sum(map(len, names.values())) - len(unmatched)
    return (
        f"the key opens portal {portal}: {len(known)} of {len(OBJECTS)} objects with {matched} fields of map_fields.csv can be read, "
        f"and {writing}."
    )


def _portal(client: HubspotClient, token: str, rules: Rules, inquiry: Inquiry) -> str:
    """Return the portal behind the key, noting one that is not the organisation's."""
    details = inquiry.ask(partial(get, client.transport, f"/account-info/{HUBSPOT_API_VERSION}/details", token))
    if details is None:
        return "(not told)"
    inquiry.compare_clocks(details.headers.get("date"))
    portal, expected = str(details.json().get("portalId") or "(not told)"), rules.organisation["hubspot_portal_id"]
    if portal != expected:
        inquiry.note(
            f"The key of HUBSPOT_ACCESS_TOKEN opens portal {portal}, and rule_organisation.csv says that {expected} is ours "
            "(hubspot_portal_id). Correct that row, or set a key of the right portal."
        )
    return portal


def _writing(client: HubspotClient, token: str, inquiry: Inquiry) -> str:
    """Say whether the key may write, from its scopes where HubSpot tells them.

    It does for private apps (https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview); whether for service keys
    as well is not written down. The key travels in the body, to the host that gets it with every request.
    """
    url = f"{client.transport.base_url}/oauth/v2/private-apps/get/access-token-info"
    try:
        answer = client.transport.request("POST", url, headers=bearer(token), json={"tokenKey": token}, idempotent=True).json()
        scopes = answer.get("scopes") if isinstance(answer, dict) else None
    except VendorError:
        scopes = None  # the portal has answered by now: this question alone is not answered for keys of this kind
    if not isinstance(scopes, list):
        return "whether it may also write cannot be asked (HubSpot shows its scopes under Development > Keys)"
    may_write = sorted(str(scope) for scope in scopes if str(scope).endswith(".write"))
    if not may_write:
        return "none of its scopes allows writing"
    inquiry.note(
        f"The key of HUBSPOT_ACCESS_TOKEN may also write ({', '.join(may_write)}), and a sync only reads. Take these scopes away from it "
        "in HubSpot (Development > Keys); `handoff apply` has HUBSPOT_WRITE_TOKEN."
    )
    return "it may also write"


def _objects(client: HubspotClient, rules: Rules, inquiry: Inquiry) -> dict[str, set[str]]:
    """Return the names of the properties of each object that can be read."""
    known: dict[str, set[str]] = {}
    for word in OBJECTS:
        definitions = inquiry.ask(partial(property_definitions, client.api, word, rules))
        if definitions is not None and inquiry.ask(partial(_first_id, client, rules, word)) is not None:
            known[word] = {str(item.get("name")) for item in definitions}
    return known


def _first_id(client: HubspotClient, rules: Rules, word: str) -> str:
    """Return the id of some record of an object; empty when there is none."""
    page = client.api.list_objects(object_path(word, rules), limit=1, properties=["hs_object_id"])
    return next((str(record.get("id")) for record in results_of(page, word)), "")


def _links(client: HubspotClient, rules: Rules, inquiry: Inquiry, known: dict[str, set[str]]) -> None:
    """Ask for the labels and one record's links of each pair, and note the labels that rules go by and the portal does not have."""
    labels: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for pair in rules.associations:
        source, target = pair.from_object, pair.to_object
        if not {source, target} <= known.keys():
            continue
        ends = object_path(source, rules), object_path(target, rules)
        found = inquiry.ask(partial(_labels, client, *ends))
        if found is not None:
            labels.setdefault(target, set()).update(found)
        if source not in first:
            first[source] = _first_id(client, rules, source)
        if first[source]:
            inquiry.ask(partial(client.api.read_associations, *ends, body={"inputs": [{"id": first[source]}]}))
    roles = {row["label"] for row in rules.table("rule_contact_roles")}
    renewals = {rules.organisation[key] for key in ("renewal_of_label", "renewed_by_label")}
    for target, wanted, table in (("contacts", roles, "rule_contact_roles.csv"), ("deals", renewals, "rule_organisation.csv")):
        missing = sorted(wanted - labels[target]) if target in labels else []
        if missing:
            inquiry.note(
                f"{table} names labels of links to {target} that the portal does not have: {', '.join(missing)}. Make them in HubSpot "
                "(Settings > Objects > Associations), or write the portal's own labels there."
            )


def _labels(client: HubspotClient, source: str, target: str) -> set[str]:
    return {str(item.get("label")) for item in results_of(client.api.association_labels(source, target), "association labels")}


def _pipelines(client: HubspotClient, rules: Rules, inquiry: Inquiry) -> None:
    """Ask for the pipelines, and note those and the stages of the rule tables that the portal does not have."""
    found = {word: inquiry.ask(partial(_pipelines_of, client, word)) for word in WITH_PIPELINES}["deals"]
    if found is None:
        return
    pipelines = {str(item.get("id")) for item in found}
    stages = {str(stage.get("id")) for item in found for stage in item.get("stages") or []}
    for table, column, there in (("rule_pipelines", "pipeline_id", pipelines), ("rule_stages", "stage_id", stages)):
        missing = [row[column] for row in rules.table(table) if row[column] not in there]
        if missing:
            inquiry.note(
                f"{table}.csv names what the portal does not have ({column} {', '.join(missing)}). Write this portal's own ids there "
                "(HubSpot: Settings > Objects > Deals > Pipelines); a deal in any other stage is judged by no rule."
            )


def _pipelines_of(client: HubspotClient, word: str) -> list[Json]:
    return results_of(client.api.pipelines(word), f"pipelines of {word}")
