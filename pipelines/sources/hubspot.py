"""HubSpot: the whole CRM as handoff needs it, read in full at every run.

    GET  /crm/properties/{version}/{type}                -> properties (non-sensitive ones)
    GET  /crm/objects/{version}/{type}, archived too     -> deals (with history), companies, contacts, communities, orders, line_items
    POST /crm/objects/{version}/{type}/batch/read        ... instead, when the list of properties does not fit into an address
    POST /crm/associations/{version}/{a}/{b}/batch/read  -> associations (every pair of map_associations.csv, with its labels)
    GET  /crm/associations/{version}/{a}/{b}/labels      -> association_labels
    GET  /crm/pipelines/{version}/{deals,orders}         -> pipelines, pipeline_stages
    GET  /crm/owners/{version}, archived too             -> owners

In full, because archiving, merging and linking do not touch a record's modification time, so that no cursor sees them; at the size of
a few thousand records that is a few dozen calls. Pages are followed by their ``after`` alone: a ``next`` link would take the token to
whatever host it names. Never loaded: properties of contacts other than those of map_fields.csv, sensitive properties, and e-mail
addresses in clear (people.py). https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigurationError, GarbageAnswer, NotFound
from pipelines.settings import SANDBOX_TOKEN
from pipelines.sources.landing import Landing
from pipelines.sources.people import EmailHash, email_hash
from pipelines.transport import Transport
from pipelines.transport_adapters import HubspotApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from pipelines.rules import Rules
    from pipelines.settings import Settings

Json = dict[str, Any]

# HubSpot's own ids of its object types; the community's is this portal's and stands in rule_organisation.csv.
OBJECT_TYPE_IDS: Final = {"deals": "0-3", "companies": "0-2", "contacts": "0-1", "orders": "0-123", "line_items": "0-8"}
OBJECTS: Final = ("deals", "companies", "contacts", "communities", "orders", "line_items")
WITH_PIPELINES: Final = ("deals", "orders")
_WITH_HISTORY: Final = {"deals": ("dealstage", "pipeline", "amount", "closedate", "hubspot_owner_id")}
# People's data is asked for by name only: these, and what map_fields.csv says of contacts.
_CONTACT_PROPERTIES: Final = ("hs_object_id", "lastmodifieddate", "hs_merged_object_ids")

_PAGE: Final = 100
_PAGE_WITH_HISTORY: Final = 50
_ASSOCIATIONS_PAGE: Final = 1_000
# Well below the length at which HubSpot answers 414
_QUERY_CHARACTERS: Final = 6_000
_PAGES_WITHOUT_NEWS: Final = 2
# What HubSpot calls "nothing is linked to this record"
_NO_ASSOCIATIONS: Final = frozenset({"OBJECT_NOT_FOUND", "NO_ASSOCIATIONS_FOUND"})


@dataclass(frozen=True)
class HubspotClient:
    """An opened portal: how to ask it, and how e-mail addresses are kept."""

    api: HubspotApi
    transport: Transport
    hashed: EmailHash


def open_hubspot(settings: Settings, *, sandbox_url: str | None) -> HubspotClient:
    """Open HubSpot for reading, or the sandbox's when ``sandbox_url`` is given; nothing is asked yet."""
    if sandbox_url is not None:
        base_url, token = f"{sandbox_url}/hubspot", SANDBOX_TOKEN
    else:
        secret = settings.hubspot_access_token
        base_url, token = settings.hubspot_base_url, secret.get_secret_value().strip() if secret else ""
    transport = Transport("hubspot", base_url=base_url)
    return HubspotClient(HubspotApi(transport, token), transport, email_hash(settings))


def hubspot_rows(client: HubspotClient, rules: Rules, *, as_of: date) -> Landing:  # noqa: ARG001 - every source is asked alike
    """Read the portal. Raises VendorError: a failure is never "no rows"."""
    return _Reading(client, rules).run()


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

    def __init__(self, client: HubspotClient, rules: Rules) -> None:
        self._api, self._hashed, self._rules = client.api, client.hashed, rules
        self._landing = Landing("hubspot")
        self._types = OBJECT_TYPE_IDS | {"communities": rules.organisation["community_object_type"]}

    def run(self) -> Landing:
        for word in OBJECTS:
            self._read_object(word)
        for word in WITH_PIPELINES:
            self._read_pipelines(word)
        self._read_owners()
        for pair in self._rules.associations:
            self._read_labels(pair.from_object, pair.to_object)
            self._read_associations(pair.from_object, pair.to_object)
        return self._landing

    def _path_word(self, word: str) -> str:
        return object_path(word, self._rules)

    # Records

    def _read_object(self, word: str) -> None:
        definitions = property_definitions(self._api, word, self._rules)
        names = self._requested(word, definitions)
        self._landing.add("properties", (_property_row(word, item) for item in definitions), key=("object_type", "name"))
        for archived in (False, True):
            for page in self._record_pages(word, names, archived=archived):
                self._landing.add(word, (self._record_row(word, record) for record in page))

    def _requested(self, word: str, definitions: list[Json]) -> list[str]:
        known = [
            _id_of(item, "property definitions", "name")
            for item in definitions
            if item.get("dataSensitivity") in {None, "non_sensitive"}
        ]
        if word != "contacts":
            return known
        allowed = {*self._rules.fields.get(("hubspot", "contacts"), {}).values(), *_CONTACT_PROPERTIES}
        return [name for name in known if name in allowed]

    def _record_pages(self, word: str, names: list[str], *, archived: bool) -> Iterator[list[Json]]:
        history = list(_WITH_HISTORY.get(word, ()))
        limit = _PAGE_WITH_HISTORY if history else _PAGE
        fits = sum(len(name) + len("&properties=") for name in [*names, *history]) <= _QUERY_CHARACTERS

        def page(after: str | None) -> Any:
            return self._api.list_objects(
                self._path_word(word),
                limit=limit,
                after=after,
                archived=archived,
                properties=names if fits else None,
                properties_with_history=(history or None) if fits else None,
            )

        for records in _paged(page, word):
            yield records if fits or not records else self._read_batch(word, records, names, history, archived=archived)

    def _read_batch(self, word: str, records: list[Json], names: list[str], history: list[str], *, archived: bool) -> list[Json]:
        """Return the same records with their properties, asked for in a body because they do not fit into an address."""
        wanted = [_id_of(record, word) for record in records]
        body = {"inputs": [{"id": item} for item in wanted], "properties": names, "propertiesWithHistory": history}
        answer = self._api.read_objects(self._path_word(word), body, archived=archived)
        found = results_of(answer, word)
        for error in _errors(answer):
            # A record that was deleted between the two calls is gone; anything else is not understood and stops the reading.
            if error.get("category") != "OBJECT_NOT_FOUND":
                raise GarbageAnswer(_batch_sentence(word, error))
        gone = {str(item) for error in _errors(answer) for item in (error.get("context") or {}).get("ids", [])}
        lost = set(wanted) - {_id_of(record, word) for record in found} - gone
        if lost:
            raise GarbageAnswer(
                f"HubSpot left out {len(lost)} of {len(wanted)} {word} that it had listed (such as {min(lost)}), without a word. "
                "Nothing was loaded from HubSpot; run `handoff sync` again later."
            )
        return found

    def _record_row(self, word: str, record: Json) -> Json:
        properties, history = record.get("properties"), record.get("propertiesWithHistory")
        if not isinstance(properties, dict):
            raise GarbageAnswer(
                f"HubSpot sent {word} {record['id']} without properties, so nothing was loaded from HubSpot. "
                "Check HUBSPOT_BASE_URL, and run `handoff sync` again later."
            )
        return {
            "id": _id_of(record, word),
            "object_type_id": self._types[word],
            "properties_json": self._hashed(properties) if word == "contacts" else properties,
            "properties_with_history_json": history or None,
            "created_at": record.get("createdAt"),
            "updated_at": record.get("updatedAt"),
            "archived": record.get("archived", False),
            "archived_at": record.get("archivedAt"),
        }

    # What describes the records

    def _read_pipelines(self, word: str) -> None:
        pipelines = results_of(self._api.pipelines(self._path_word(word)), f"pipelines of {word}")
        for item in pipelines:
            self._landing.add("pipelines", [_pipeline_row(word, item)], key=("object_type", "id"))
            stages = (_stage_row(word, item, stage) for stage in item.get("stages") or [])
            self._landing.add("pipeline_stages", stages, key=("object_type", "pipeline_id", "id"))

    def _read_owners(self) -> None:
        for archived in (True, False):  # somebody who came back is in both lists: the active one is read last and stays

            def page(after: str | None, *, archived: bool = archived) -> Any:
                return self._api.owners(limit=_PAGE, after=after, archived=archived)

            for owners in _paged(page, "owners"):
                self._landing.add("owners", (self._owner_row(owner, archived=archived) for owner in owners))

    def _owner_row(self, owner: Json, *, archived: bool) -> Json:
        return {
            "id": _id_of(owner, "owners"),
            "user_id": owner.get("userId"),
            "email": self._hashed(owner.get("email")),
            "first_name": owner.get("firstName"),
            "last_name": owner.get("lastName"),
            "archived": owner.get("archived", archived),
            "teams_json": owner.get("teams"),
            "created_at": owner.get("createdAt"),
            "updated_at": owner.get("updatedAt"),
        }

    def _read_labels(self, source: str, target: str) -> None:
        labels = results_of(self._api.association_labels(self._path_word(source), self._path_word(target)), "association labels")
        rows = (
            {
                "from_object": source,
                "to_object": target,
                "category": item.get("category"),
                "type_id": _id_of(item, "association labels", "typeId"),
                "label": item.get("label"),
            }
            for item in labels
        )
        self._landing.add("association_labels", rows, key=("from_object", "to_object", "category", "type_id"))

    # Links

    def _read_associations(self, source: str, target: str) -> None:
        """Read every link of every live record of ``source``; an id whose links fill more than a page is asked again from there."""
        records = zip(self._landing.values(source, "id"), self._landing.values(source, "archived"), strict=True)
        waiting: list[Json] = [{"id": record_id} for record_id, archived in records if not archived]
        asked: set[tuple[str, str | None]] = set()
        while waiting:
            inputs, waiting = waiting[:_ASSOCIATIONS_PAGE], waiting[_ASSOCIATIONS_PAGE:]
            for item in inputs:
                place = (item["id"], item.get("after"))
                if place in asked:
                    raise GarbageAnswer(_loop_sentence(f"the {target} of {source} {item['id']}"))
                asked.add(place)
            answer = self._api.read_associations(self._path_word(source), self._path_word(target), {"inputs": inputs})
            for error in _errors(answer):
                words = {str(error.get("category")), str(error.get("subCategory")).rsplit(".", 1)[-1]}
                if not words & _NO_ASSOCIATIONS:
                    raise GarbageAnswer(_batch_sentence(f"links from {source} to {target}", error))
            for item in results_of(answer, f"links from {source} to {target}"):
                from_id = _id_of(item.get("from") or {}, f"links from {source} to {target}")
                self._landing.add(
                    "associations",
                    _link_rows(source, from_id, target, item.get("to") or []),
                    key=("from_object", "from_id", "to_object", "to_id", "category", "type_id"),
                )
                after = _next_cursor(item)
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
        "id": _id_of(item, "pipelines"),
        "label": item.get("label"),
        "display_order": item.get("displayOrder"),
        "archived": item.get("archived", False),
    }


def _stage_row(word: str, pipeline: Json, stage: Json) -> Json:
    metadata = stage.get("metadata") or {}
    return {
        "object_type": word,
        "pipeline_id": str(pipeline["id"]),
        "id": _id_of(stage, "stages"),
        "label": stage.get("label"),
        "display_order": stage.get("displayOrder"),
        "is_closed": metadata.get("isClosed"),
        "probability": metadata.get("probability"),
        "archived": stage.get("archived", False),
    }


def _paged(page: Callable[[str | None], Any], what: str) -> Iterator[list[Json]]:
    """Yield the pages of a list. A cursor that comes back, or pages that bring nothing new, end it as GarbageAnswer."""
    after: str | None = None
    cursors: set[str] = set()
    ids: set[str] = set()
    without_news = 0
    while True:
        answer = page(after)
        records = results_of(answer, what)
        news = {_id_of(record, what) for record in records} - ids
        ids |= news
        yield records
        after = _next_cursor(answer)
        if after is None:
            return
        without_news = 0 if news else without_news + 1
        if after in cursors or without_news >= _PAGES_WITHOUT_NEWS:
            raise GarbageAnswer(_loop_sentence(f"the list of {what}"))
        cursors.add(after)


def _next_cursor(answer: Json) -> str | None:
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if after in (None, "") else str(after)


def results_of(answer: Any, what: str) -> list[Json]:
    """Return the results of a list answer. Raises GarbageAnswer for anything else."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise GarbageAnswer(
            f"HubSpot answered the question for {what} without a list of results, so nothing was loaded from HubSpot. "
            "Check HUBSPOT_BASE_URL, and run `handoff sync` again later."
        )
    return results


def _errors(answer: Json) -> list[Json]:
    errors = answer.get("errors") or []
    if not errors and answer.get("numErrors"):
        raise GarbageAnswer(
            "HubSpot says that a batch had errors and does not name them, so nothing was loaded. Run `handoff sync` again later."
        )
    return [error if isinstance(error, dict) else {"message": str(error)} for error in errors]


def _id_of(record: Json, what: str, name: str = "id") -> str:
    found = record.get(name)
    if isinstance(found, bool) or not isinstance(found, int | str) or found == "":
        raise GarbageAnswer(
            f"HubSpot sent a part of {what} without its {name}, so nothing was loaded from HubSpot. "
            "Check HUBSPOT_BASE_URL, and run `handoff sync` again later."
        )
    return str(found)


def _batch_sentence(what: str, error: Json) -> str:
    return (
        f"HubSpot could not read a part of {what} ({error.get('category', 'error')}: {str(error.get('message', ''))[:200].rstrip('.')}), "
        "so nothing was loaded from HubSpot. Run `handoff sync` again later; if it stays, check the scopes of HUBSPOT_ACCESS_TOKEN."
    )


def _loop_sentence(what: str) -> str:
    return (
        f"HubSpot leads in a circle through {what}: a page came back, so the end is never reached. "
        "Nothing was loaded from HubSpot; run `handoff sync` again later."
    )
