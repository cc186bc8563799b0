"""What describes the sandbox's portal: properties, pipelines, owners, validations, and the account itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.sandbox.exchange import Answer, instant
from pipelines.sandbox.hubspot_errors import invalid, not_built, refused
from pipelines.sandbox.hubspot_portal import flag, following, listed, number

if TYPE_CHECKING:
    from pipelines.sandbox.exchange import Call
    from pipelines.sandbox.hubspot_portal import Portal
    from pipelines.sandbox.state import Json

DAILY: Final = "hubspot.daily_calls"
OWNERS_PAGE: Final = "hubspot.owners_page"
_OWNERS_MOST: Final = 500


def properties(portal: Portal, call: Call) -> Answer:
    """Return the properties of an object type, archived or not, of one sensitivity."""
    kind = portal.kind(call.parts["type"])
    archived, sensitivity = flag(call, "archived"), call.value("dataSensitivity", "non_sensitive")
    results = [
        _chosen(definition, call)
        for definition in portal.state.property_definitions[kind]
        if definition.get("archived", False) == archived and definition.get("dataSensitivity", "non_sensitive") == sensitivity
    ]
    return Answer(body={"results": results})


def one_property(portal: Portal, call: Call) -> Answer:
    """Return one property of an object type."""
    kind, name = portal.kind(call.parts["type"]), call.parts["name"]
    if name == "groups":
        raise not_built(call.method, f"/crm/properties/{call.parts['type']}/groups")
    definition = portal.definitions(kind).get(name)
    if definition is None or definition.get("archived", False) != flag(call, "archived"):
        raise refused(404, f"Property {name} does not exist on {portal.state.object_type_ids[kind]}", "OBJECT_NOT_FOUND")
    return Answer(body=_chosen(definition, call))


def _chosen(definition: Json, call: Call) -> Json:
    names = listed(call, "properties")
    return {name: value for name, value in definition.items() if name in names} if names else definition


def validations(portal: Portal, call: Call) -> Answer:
    """Return the validation rules of the properties of an object type that have some."""
    known = portal.state.property_validations.get(portal.kind(call.parts["type"]), {})
    return Answer(body={"results": [{"propertyName": name, "propertyValidationRules": rules} for name, rules in known.items()]})


def schemas(portal: Portal, call: Call) -> Answer:
    """Return the object types of the portal's own, with their properties and the pairs that they can be associated in."""
    flag(call, "archived")
    numbers = portal.state.object_type_ids
    results = []
    for kind, type_id in numbers.items():
        if not type_id.startswith("2-"):
            continue
        definitions = portal.state.property_definitions[kind]
        noun = kind.replace("_", " ").capitalize()
        results.append(
            {
                "id": type_id.partition("-")[2],
                "objectTypeId": type_id,
                "name": kind,
                "fullyQualifiedName": f"p{portal.state.portal_id}_{kind}",
                "labels": {"singular": noun, "plural": noun},
                "primaryDisplayProperty": "name",
                "secondaryDisplayProperties": [],
                "requiredProperties": [],
                "searchableProperties": [],
                "properties": definitions,
                "associations": [
                    {
                        "id": str(known["typeId"]),
                        "name": f"{known['from']}_to_{known['to']}",
                        "fromObjectTypeId": numbers[known["from"]],
                        "toObjectTypeId": numbers[known["to"]],
                    }
                    for known in portal.state.association_labels
                    if kind in {known["from"], known["to"]}
                ],
                "archived": False,
            }
        )
    return Answer(body={"results": results})


def pipelines(portal: Portal, call: Call) -> Answer:
    """Return the pipelines of an object type with their stages inline, all on one page."""
    return Answer(body={"results": _pipelines(portal, call)})


def one_pipeline(portal: Portal, call: Call) -> Answer:
    """Return one pipeline with its stages."""
    return Answer(body=_pipeline(portal, call))


def stages(portal: Portal, call: Call) -> Answer:
    """Return the stages of one pipeline."""
    return Answer(body={"results": _pipeline(portal, call)["stages"]})


def one_stage(portal: Portal, call: Call) -> Answer:
    """Return one stage of a pipeline."""
    stage = next((stage for stage in _pipeline(portal, call)["stages"] if stage["id"] == call.parts["stage"]), None)
    if stage is None:
        raise refused(404, f"Stage {call.parts['stage']} does not exist", "OBJECT_NOT_FOUND")
    return Answer(body=stage)


def _pipelines(portal: Portal, call: Call) -> list[Json]:
    """Return the pipelines as the dated API shows them: it also says who may change a stage."""
    return [
        {**pipeline, "stages": [{"writePermissions": "CRM_PERMISSIONS_ENFORCEMENT", **stage} for stage in pipeline["stages"]]}
        for pipeline in portal.state.pipelines.get(portal.kind(call.parts["type"]), [])
    ]


def _pipeline(portal: Portal, call: Call) -> Json:
    pipeline_id = call.parts["pipeline"]
    found = next((pipeline for pipeline in _pipelines(portal, call) if pipeline["id"] == pipeline_id), None)
    if found is None:
        raise refused(404, f"Pipeline {pipeline_id} does not exist", "OBJECT_NOT_FOUND")
    return found


def owners(portal: Portal, call: Call) -> Answer:
    """Return one page of the owners, active ones or (``archived``) those who left."""
    archived, email, after = flag(call, "archived"), call.value("email"), call.value("after")
    limit = min(number(call, "limit", 100, _OWNERS_MOST), portal.world.limit(OWNERS_PAGE, _OWNERS_MOST))
    if after and not after.isdecimal():
        raise invalid(f"The paging cursor {after!r} is not one that this list gave.")
    found = [
        owner
        for owner in sorted(portal.state.owners, key=lambda owner: int(owner["id"]))
        if owner["archived"] == archived
        and (not email or str(owner.get("email")).casefold() == email.casefold())
        and (not after or int(owner["id"]) > int(after))
    ]
    body: Json = {"results": found[:limit]}
    if len(found) > limit:
        body["paging"] = following(call, found[limit - 1]["id"])
    return Answer(body=body)


def one_owner(portal: Portal, call: Call) -> Answer:
    """Return an owner by id, or by user id with ``idProperty=userId``."""
    key = "userId" if call.value("idProperty", "id") == "userId" else "id"
    archived = flag(call, "archived")
    for owner in portal.state.owners:
        if str(owner.get(key)) == call.parts["id"] and owner["archived"] == archived:
            return Answer(body=owner)
    raise refused(404, "resource not found")


def account_details(portal: Portal, call: Call) -> Answer:  # noqa: ARG001 - handlers are called alike
    """Return which portal the token belongs to."""
    return Answer(
        body={
            "portalId": portal.state.portal_id,
            "accountType": "STANDARD",
            "timeZone": "US/Pacific",
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": "-08:00",
            "utcOffsetMilliseconds": -28_800_000,
            "uiDomain": "app-na2.hubspot.com",
            "dataHostingLocation": "na2",
        }
    )


def daily_usage(portal: Portal, limit: int, used: int) -> Answer:
    """Return how much of the day's calls is used."""
    now = instant(portal.world)
    usage = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": limit,
        "currentUsage": used,
        "collectedAt": now,
        "fetchStatus": "SUCCESS",
        "resetsAt": f"{now[:10]}T23:59:59.999Z",
    }
    return Answer(body={"results": [usage]})
