"""HubSpot: the CRM as handoff needs it, complete after every run.

    GET  /crm/properties/{version}/{type}                -> properties (non-sensitive ones)
    GET  /crm/objects/{version}/{type} and POST .../search, .../batch/read (hubspot_records.py)
                                                         -> deals, companies, contacts, communities, orders, line_items,
                                                            property_histories, readings
    POST /crm/associations/{version}/{a}/{b}/batch/read  -> associations (every pair of map_associations.csv, with its labels)
    GET  /crm/associations/{version}/{a}/{b}/labels      -> association_labels
    GET  /crm/pipelines/{version}/{deals,orders}         -> pipelines, pipeline_stages
    GET  /crm/owners/{version}, archived too             -> owners

Only the objects that the rule tables name. Links are read in full every time, because linking does not touch a record's modification
time, so that no cursor sees it. Pages are followed by their ``after`` alone: a ``next`` link would take the token to whatever host it
names. Never loaded: properties of contacts other than those of map_fields.csv, sensitive properties, and e-mail
addresses in clear (people.py). https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError, GarbageAnswer, NotFound
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.hubspot_answers import (
    Json,
    batch_sentence,
    errors_of,
    id_of,
    loop_sentence,
    next_cursor,
    paged,
    results_of,
)
from pipelines.sources.hubspot_records import PAGE, HubspotClient, Mode, ObjectKind, RecordReading
from pipelines.sources.people import email_hash
from pipelines.transport import Transport
from pipelines.transport_adapters import HubspotApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.landing import Landing

# HubSpot's own ids of its object types; the community's is this portal's and stands in rule_organisation.csv.
OBJECT_TYPE_IDS: Final = {"deals": "0-3", "companies": "0-2", "contacts": "0-1", "orders": "0-123", "line_items": "0-8"}
OBJECTS: Final = ("deals", "companies", "contacts", "communities", "orders", "line_items")
WITH_PIPELINES: Final = ("deals", "orders")
# People's data is asked for by name only: these, and what map_fields.csv says of contacts.
_CONTACT_PROPERTIES: Final = ("hs_object_id", "lastmodifieddate", "hs_merged_object_ids")

_ASSOCIATIONS_PAGE: Final = 1_000
# What HubSpot calls "nothing is linked to this record"
_NO_ASSOCIATIONS: Final = frozenset({"OBJECT_NOT_FOUND", "NO_ASSOCIATIONS_FOUND"})


def open_hubspot(settings: Settings, *, sandbox_url: str | None) -> HubspotClient:
    """Open HubSpot for reading, or the sandbox's when ``sandbox_url`` is given; nothing is asked yet."""
    if sandbox_url is not None:
        base_url, token = f"{sandbox_url}/hubspot", SANDBOX_TOKEN
    else:
        secret = settings.hubspot_access_token
        base_url, token = settings.hubspot_base_url, secret.get_secret_value().strip() if secret else ""
    transport = Transport("hubspot", base_url=base_url)
    return HubspotClient(
        HubspotApi(transport, token),
        transport,
        email_hash(settings),
        full_list_records=settings.hubspot_full_list_records,
        full_sweep_days=settings.hubspot_full_sweep_days,
        reads_history=settings.hubspot_stage_history,
    )


def hubspot_rows(client: HubspotClient, rules: Rules, *, as_of: date, landing: Landing) -> None:  # noqa: ARG001 - every source is asked alike
    """Read the portal into ``landing``. Raises VendorError: a failure is never "no rows"."""
    _Reading(client, rules, landing).run()


def objects_read(rules: Rules) -> list[str]:
    """Return the objects that the rules speak of; no call is spent on others."""
    named = {word for system, word in rules.fields if system == "hubspot"}
    named |= {word for pair in rules.associations for word in (pair.from_object, pair.to_object)}
    return [word for word in OBJECTS if word in named]


def object_path(word: str, rules: Rules) -> str:
    """Return how an object is called in a path: HubSpot's own by name, this portal's by id."""
    return word if word in OBJECT_TYPE_IDS else rules.organisation["community_object_type"]


def property_definitions(api: HubspotApi, word: str, rules: Rules) -> list[Json]:
    """Return the properties that the portal has on an object. Raises VendorError."""
    path = object_path(word, rules)
    try:
        return results_of(api.properties(path), "property definitions")
    except NotFound as error:
        if word != "communities":
            raise
        raise ConfigurationError(
            f"HubSpot knows no object type {path}, which rule_organisation.csv gives as community_object_type. "
            "Write the id of this portal's community object there (HubSpot: Settings > Objects)."
        ) from error


class _Reading:
    """One reading of the portal, from top to bottom."""

    def __init__(self, client: HubspotClient, rules: Rules, landing: Landing) -> None:
        self._api, self._hashed, self._rules = client.api, client.hashed, rules
        self._client, self._landing = client, landing
        self._link_kinds: set[tuple[Any, ...]] = set()

    def run(self) -> None:
        words = objects_read(self._rules)
        modes = {word: self._read_object(word) for word in words}
        for word in WITH_PIPELINES:
            if word in words:
                self._read_pipelines(word)
        self._read_owners(is_calm="full" not in modes.values())
        for pair in self._rules.associations:
            self._read_associations(pair.from_object, pair.to_object)
        self._read_labels(is_calm="full" not in modes.values())

    def _path_word(self, word: str) -> str:
        return object_path(word, self._rules)

    def _read_object(self, word: str) -> Mode:
        definitions = property_definitions(self._api, word, self._rules)
        self._landing.add("properties", (_property_row(word, item) for item in definitions), key=("object_type", "name"))
        path = self._path_word(word)
        type_id = OBJECT_TYPE_IDS.get(word, path)
        kind = ObjectKind(word, path, type_id, self._requested(word, definitions))
        return RecordReading(self._client, kind, self._landing).run()

    def _requested(self, word: str, definitions: list[Json]) -> list[str]:
        known = [
            id_of(item, "property definitions", "name")
            for item in definitions
            if item.get("dataSensitivity") in {None, "non_sensitive"}
        ]
        if word != "contacts":
            return known
        allowed = {*self._rules.fields.get(("hubspot", "contacts"), {}).values(), *_CONTACT_PROPERTIES}
        return [name for name in known if name in allowed]

    # What describes the records

    def _read_pipelines(self, word: str) -> None:
        pipelines = results_of(self._api.pipelines(self._path_word(word)), f"pipelines of {word}")
        for item in pipelines:
            self._landing.add("pipelines", [_pipeline_row(word, item)], key=("object_type", "id"))
            stages = (_stage_row(word, item, stage) for stage in item.get("stages") or [])
            self._landing.add("pipeline_stages", stages, key=("object_type", "pipeline_id", "id"))

    def _read_owners(self, *, is_calm: bool) -> None:
        """Read the owners; those who left are asked for again only when somebody else left, or when records are read in full."""
        known = {row[0] for row in self._landing.earlier.tuples("owners", "id", where="not archived")}
        lists = (False,) if is_calm and known else (True, False)
        if lists == (False,):
            self._landing.keep("owners", "archived")
        for archived in lists:  # somebody who came back is in both lists: the active one is read last and stays

            def page(after: str | None, *, archived: bool = archived) -> Any:
                return self._api.owners(limit=PAGE, after=after, archived=archived)

            for owners in paged(page, "owners"):
                self._landing.add("owners", (self._owner_row(owner, archived=archived) for owner in owners))
        if lists == (False,) and known - set(self._landing.values("owners", "id")):
            self._landing.replace("owners")
            self._read_owners(is_calm=False)

    def _owner_row(self, owner: Json, *, archived: bool) -> Json:
        return {
            "id": id_of(owner, "owners"),
            "user_id": owner.get("userId"),
            "email": self._hashed(owner.get("email")),
            "first_name": owner.get("firstName"),
            "last_name": owner.get("lastName"),
            "archived": owner.get("archived", archived),
            "teams_json": owner.get("teams"),
            "created_at": owner.get("createdAt"),
            "updated_at": owner.get("updatedAt"),
        }

    def _read_labels(self, *, is_calm: bool) -> None:
        """Read what the labels are called. In a calm reading the known ones stay, unless a link carries one that is not known."""
        names = ("from_object", "to_object", "category", "type_id")
        known = set(self._landing.earlier.tuples("association_labels", *names))
        pairs = [(pair.from_object, pair.to_object) for pair in self._rules.associations]
        if is_calm and known and {row[:2] for row in known} >= set(pairs) and self._link_kinds <= known:
            self._landing.keep("association_labels")
            return
        for source, target in pairs:
            labels = results_of(
                self._api.association_labels(self._path_word(source), self._path_word(target)), "association labels"
            )
            rows = (
                {
                    "from_object": source,
                    "to_object": target,
                    "category": item.get("category"),
                    "type_id": id_of(item, "association labels", "typeId"),
                    "label": item.get("label"),
                }
                for item in labels
            )
            self._landing.add("association_labels", rows, key=names)

    # Links

    def _read_associations(self, source: str, target: str) -> None:
        """Read every link of every live record of ``source``; an id whose links fill more than a page is asked again from there."""
        waiting: deque[Json] = deque({"id": record_id} for record_id in self._landing.ids_after_load(source, "not archived"))
        asked: set[tuple[str, str | None]] = set()
        while waiting:
            inputs = [waiting.popleft() for _ in range(min(len(waiting), _ASSOCIATIONS_PAGE))]
            for item in inputs:
                place = (item["id"], item.get("after"))
                if place in asked:
                    raise GarbageAnswer(loop_sentence(f"the {target} of {source} {item['id']}"))
                asked.add(place)
            answer = self._api.read_associations(self._path_word(source), self._path_word(target), {"inputs": inputs})
            for error in errors_of(answer):
                words = {str(error.get("category")), str(error.get("subCategory")).rsplit(".", 1)[-1]}
                if not words & _NO_ASSOCIATIONS:
                    raise GarbageAnswer(batch_sentence(f"links from {source} to {target}", error))
            for item in results_of(answer, f"links from {source} to {target}"):
                from_id = id_of(item.get("from") or {}, f"links from {source} to {target}")
                links = list(_link_rows(source, from_id, target, item.get("to") or []))
                self._link_kinds.update((source, target, link["category"], link["type_id"]) for link in links)
                self._landing.add(
                    "associations",
                    links,
                    key=("from_object", "from_id", "to_object", "to_id", "category", "type_id"),
                )
                after = next_cursor(item)
                if after is not None:
                    waiting.append({"id": from_id, "after": after})


def _link_rows(source: str, from_id: str, target: str, links: list[Json]) -> Iterator[Json]:
    for link in links:
        to_id = link.get("toObjectId", link.get("id"))
        if to_id is None:
            raise GarbageAnswer(
                f"HubSpot sent a link of {source} {from_id} that leads nowhere, so nothing was loaded from HubSpot. Run `handoff sync` again later."
            )
        for kind in link.get("associationTypes") or []:
            yield {
                "from_object": source,
                "from_id": from_id,
                "to_object": target,
                "to_id": str(to_id),
                "category": kind.get("category"),
                "type_id": kind.get("typeId"),
                "label": kind.get("label"),
            }


def _property_row(word: str, item: Json) -> Json:
    modification = item.get("modificationMetadata") or {}
    return {
        "object_type": word,
        "name": item["name"],
        "label": item.get("label"),
        "type": item.get("type"),
        "field_type": item.get("fieldType"),
        "is_calculated": item.get("calculated", False),
        "is_read_only": modification.get("readOnlyValue", False),
        "options_json": item.get("options"),
        "archived": item.get("archived", False),
    }


def _pipeline_row(word: str, item: Json) -> Json:
    return {
        "object_type": word,
        "id": id_of(item, "pipelines"),
        "label": item.get("label"),
        "display_order": item.get("displayOrder"),
        "archived": item.get("archived", False),
    }


def _stage_row(word: str, pipeline: Json, stage: Json) -> Json:
    metadata = stage.get("metadata") or {}
    return {
        "object_type": word,
        "pipeline_id": str(pipeline["id"]),
        "id": id_of(stage, "stages"),
        "label": stage.get("label"),
        "display_order": stage.get("displayOrder"),
        "is_closed": metadata.get("isClosed"),
        "probability": metadata.get("probability"),
        "archived": stage.get("archived", False),
    }
