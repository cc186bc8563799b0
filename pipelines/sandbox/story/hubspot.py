"""The invented portal: records with their history, and associations in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox.state import HubspotRecord, HubspotState, Json
from pipelines.sandbox.story import hubspot_schema as schema

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST = "https://app-na2.hubspot.com"


def deal_url(deal_id: str, *, portal: int = schema.PORTAL_ID) -> str:
    """Return the address at which people open the deal in HubSpot."""
    return f"{_HOST}/contacts/{portal}/record/0-3/{deal_id}"


class Portal:
    """Collects the records and associations of the story."""

    def __init__(self) -> None:
        """Start with an empty portal."""
        self._objects: dict[str, dict[str, HubspotRecord]] = {word: {} for word in schema.OBJECT_TYPE_IDS}
        self._associations: list[Json] = []
        self._seen: set[tuple[str, str, str, str, int]] = set()
        self._pairs = {(pair.from_object, pair.to_object, pair.label): pair for pair in schema.LABEL_PAIRS}

    def add(
        self,
        kind: str,
        record_id: str,
        properties: Mapping[str, str | None],
        *,
        created_at: str,
        updated_at: str | None = None,
        archived_at: str | None = None,
        history: dict[str, list[Json]] | None = None,
    ) -> None:
        """Add one record; properties that are None are left unset. Raises ValueError when the id is taken."""
        if record_id in self._objects[kind]:
            raise ValueError(f"The story has two {kind} with id {record_id}; give one of them another id.")
        updated = updated_at or created_at
        modified = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        system: dict[str, str | None] = {"hs_object_id": record_id, "createdate": created_at, modified: updated}
        if kind in {"communities", "orders"}:
            system["hs_createdate"] = created_at
        self._objects[kind][record_id] = HubspotRecord(
            id=record_id,
            properties=system | {name: value for name, value in properties.items() if value is not None},
            created_at=created_at,
            updated_at=updated,
            archived=archived_at is not None,
            archived_at=archived_at,
            history=history or {},
        )

    def associate(self, from_kind: str, from_id: str, to_kind: str, to_id: str, label: str | None = None) -> None:
        """Link two records in both directions. A labelled link has the unlabelled one beside it, as in HubSpot."""
        for wanted in dict.fromkeys((None, label)):
            pair = self._pairs[from_kind, to_kind, wanted]
            self._store((from_kind, from_id), (to_kind, to_id), pair.category, pair.type_id)
            self._store((to_kind, to_id), (from_kind, from_id), pair.category, pair.reverse_type_id)

    def _store(self, start: tuple[str, str], end: tuple[str, str], category: str, type_id: int) -> None:
        key = (*start, *end, type_id)
        if key in self._seen:
            return
        self._seen.add(key)
        self._associations.append(
            {"from": start[0], "fromId": start[1], "to": end[0], "toId": end[1], "category": category, "typeId": type_id}
        )

    def state(self) -> HubspotState:
        """Return the portal as the sandbox serves it."""
        return HubspotState(
            portal_id=schema.PORTAL_ID,
            object_type_ids=dict(schema.OBJECT_TYPE_IDS),
            objects=self._objects,
            property_definitions=schema.property_definitions(),
            pipelines=schema.pipelines(),
            owners=schema.owners(),
            association_labels=schema.association_labels(),
            associations=self._associations,
            property_validations=schema.property_validations(),
        )
