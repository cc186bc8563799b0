"""HubSpot association labels: what two records are to each other is read, added with one PUT, taken back with one POST.

    POST /crm/associations/<version>/{from}/{to}/batch/read             the labels between two records
    GET  /crm/associations/<version>/{from}/{to}/labels                 the portal's labels and their type ids
    PUT  /crm/objects/<version>/{from}/{id}/associations/{to}/{id}      every label that is to stand there
    POST /crm/associations/<version>/{from}/{to}/batch/labels/archive   those that are not

A change names the other record in its field, ``contact_label:30331`` or ``deal_label:1023``, and its value is the set of labels,
``Buyer;Champion``. The PUT names the labels that stand there already, too, because HubSpot's PUT may replace them. The type ids differ
from portal to portal and are read. https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pipelines.actions.target import Connection, Reading, Write
from pipelines.errors import GarbageAnswer
from pipelines.transport_adapters import HUBSPOT_API_VERSION as API_VERSION

if TYPE_CHECKING:
    from pipelines.actions.records import Change

# The first word of a field, and the object that the label leads to
_OBJECTS: Final = {"contact_label": "contacts", "deal_label": "deals"}
# How HubSpot says that a record is linked with nothing
_NOTHING_LINKED: Final = frozenset({"OBJECT_NOT_FOUND", "NO_ASSOCIATIONS_FOUND"})


def linked_records(connection: Connection, start: str, record_id: str, to: str) -> dict[str, list[dict[str, Any]]]:
    """Return the association types of a record by the id of the other record."""
    found: dict[str, list[dict[str, Any]]] = {}
    after: str | None = None
    while True:
        entry = {"id": record_id} | ({"after": after} if after else {})
        answer = connection.ask(f"/crm/associations/{API_VERSION}/{start}/{to}/batch/read", {"inputs": [entry]})
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list) or any(not _says_nothing_linked(error) for error in answer.get("errors") or []):
            raise GarbageAnswer(
                f"HubSpot did not say which {to} {start} {record_id} has. Nothing was written there; try again later."
            )
        following = None
        for result in results:
            for linked in result.get("to") or []:
                found[str(linked["toObjectId"])] = list(linked.get("associationTypes") or [])
            following = ((result.get("paging") or {}).get("next") or {}).get("after")
        if not following or following == after:
            return found
        after = str(following)


def association_types(connection: Connection, start: str, to: str) -> list[dict[str, Any]]:
    """Return the kinds of association from one object to another, as the portal has them."""
    answer = connection.get(f"/crm/associations/{API_VERSION}/{start}/{to}/labels")
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        raise GarbageAnswer(f"HubSpot did not list the labels from {start} to {to}. Try again later.")
    return results


def unlabelled_type(connection: Connection, start: str, to: str) -> dict[str, Any]:
    """Return HubSpot's own association type from one object to another, as a request names it."""
    for row in association_types(connection, start, to):
        if row.get("category") == "HUBSPOT_DEFINED" and not row.get("label"):
            return {"associationCategory": row["category"], "associationTypeId": row["typeId"]}
    raise GarbageAnswer(f"HubSpot names no association of its own from {start} to {to}, so nothing was linked.")


def is_about_a_label(change: Change) -> bool:
    """Return whether a change is about a label between two records."""
    return (change.field or "").partition(":")[0] in _OBJECTS


class HubspotLabels:
    """The labels between the records of a portal, as far as changes go."""

    def __init__(self, connection: Connection) -> None:
        """Use ``connection``."""
        self._connection = connection
        self._known: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}

    def objection(self, change: Change) -> str | None:
        """Return why the portal would refuse these labels: it has none of that name."""
        to, _ = _other(change)
        known = self._labels(change.object, to)
        missing = sorted(_labels_in(change.after) - known.keys())
        if missing:
            return f"the portal has no label {missing[0]!r} from {change.object} to {to} (it has {', '.join(sorted(known)) or 'none'})"
        return None

    def read(self, change: Change) -> Reading:
        """Return the labels that stand between the two records. HubSpot keeps no history of them, so nobody knows who set them."""
        to, other_id = _other(change)
        types = linked_records(self._connection, change.object, str(change.record_id), to).get(other_id)
        if types is None and to == "deals":
            return Reading(url=change.record_url)  # two deals are linked by the label itself
        if types is None:
            return Reading(obstacle=f"{change.object} {change.record_id} is not linked with {to} {other_id} any more")
        labels = sorted(str(kind["label"]) for kind in types if kind.get("label"))
        return Reading(value=";".join(labels) or None, parts={"types": types}, url=change.record_url)

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the PUT of the labels that are missing, or the POST that takes away those that are not wanted."""
        to, other_id = _other(change)
        wanted, held = _labels_in(change.after), _labels_in(reading.value)
        known = self._labels(change.object, to)
        if wanted - held:
            path = f"/crm/objects/{API_VERSION}/{change.object}/{_quoted(change.record_id)}/associations/{to}/{_quoted(other_id)}"
            return Write(1, f"add the label {'; '.join(sorted(wanted - held))}", "PUT", path, _types(known, wanted | held))
        if held - wanted:
            path = f"/crm/associations/{API_VERSION}/{change.object}/{to}/batch/labels/archive"
            entry = {"from": {"id": change.record_id}, "to": {"id": other_id}, "types": _types(known, held - wanted)}
            return Write(2, f"take away the label {'; '.join(sorted(held - wanted))}", "POST", path, {"inputs": [entry]})
        return None

    def _labels(self, start: str, to: str) -> dict[str, dict[str, Any]]:
        if (start, to) not in self._known:
            results = association_types(self._connection, start, to)
            self._known[start, to] = {str(row["label"]): row for row in results if row.get("label")}
        return self._known[start, to]


def _other(change: Change) -> tuple[str, str]:
    word, _, other_id = (change.field or "").partition(":")
    return _OBJECTS[word], other_id


def _labels_in(value: str | None) -> set[str]:
    return {label.strip() for label in (value or "").split(";") if label.strip()}


def _types(known: dict[str, dict[str, Any]], labels: set[str]) -> list[dict[str, Any]]:
    return [
        {"associationCategory": known[label]["category"], "associationTypeId": known[label]["typeId"]}
        for label in sorted(labels)
        if label in known
    ]


def _says_nothing_linked(error: Any) -> bool:
    words = (
        {str(error.get(name, "")).rsplit(".", 1)[-1] for name in ("category", "subCategory")}
        if isinstance(error, dict)
        else set()
    )
    return bool(words & _NOTHING_LINKED)


def _quoted(value: str | None) -> str:
    return quote(str(value), safe="")
