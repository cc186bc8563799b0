"""HubSpot: a property of a deal, company or community is read, written with one PATCH, and read back by id.

Labels between records are in ``hubspot_labels.py``, tasks in ``hubspot_tasks.py``, the portal's own rules in ``hubspot_validations.py``.

    GET   /account-info/<version>/details              which portal this is
    GET   /crm/properties/<version>/{type}             what the portal would refuse
    GET   /crm/objects/<version>/{type}/{id}           the live value, with its history: who changed it, and when
    PATCH /crm/objects/<version>/{type}/{id}           one property

https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide. HubSpot may answer 200 with errors in the body, so the body
is looked at whatever the status says.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pipelines.actions.hubspot_labels import HubspotLabels, is_about_a_label
from pipelines.actions.hubspot_tasks import OBJECT as TASKS
from pipelines.actions.hubspot_tasks import HubspotTasks
from pipelines.actions.hubspot_validations import HubspotValidations
from pipelines.actions.records import Change, Place, is_blank, same
from pipelines.actions.target import Answer, Connection, Reading, Write
from pipelines.errors import ConfigurationError, GarbageAnswer, NotFound, Refused, VendorError
from pipelines.transport_adapters import HUBSPOT_API_VERSION as API_VERSION

if TYPE_CHECKING:
    from pipelines.rules import Rules

_OWNERS_PAGE: Final = 500
# How HubSpot names the sources of a change that are not a person at the screen
_SOURCE_WORDS: Final = {
    "INTEGRATION": "an integration",
    "API": "an integration",
    "IMPORT": "an import",
    "AUTOMATION_PLATFORM": "a workflow",
}


class HubspotTarget:
    """A HubSpot portal, as far as changes go."""

    def __init__(self, connection: Connection, rules: Rules, *, is_sandbox: bool) -> None:
        """Use ``connection``; field names and object types come from the rule tables."""
        self._connection = connection
        self._rules = rules
        self._is_sandbox = is_sandbox
        self._properties: dict[str, dict[str, dict[str, Any]]] = {}
        self._owners: dict[str, str] | None = None
        self._labels = HubspotLabels(connection)
        self._validations = HubspotValidations(connection)
        host, portal = rules.organisation["hubspot_app_host"], rules.organisation["hubspot_portal_id"]
        self._tasks = HubspotTasks(connection, rules, f"https://{host}/contacts/{portal}")

    @property
    def place(self) -> Place:
        """The portal behind the token, asked of HubSpot; a write token for another portal is refused."""
        portal = self._portal(as_writer=False)
        if self._connection.tokens.write is not None and (other := self._portal(as_writer=True)) != portal:
            raise ConfigurationError(
                f"HUBSPOT_WRITE_TOKEN belongs to portal {other} and HUBSPOT_ACCESS_TOKEN to portal {portal}, so nothing was written. "
                "Make both keys in the same portal."
            )
        expected = self._rules.organisation.get("hubspot_portal_id")
        if portal != expected:
            raise ConfigurationError(
                f"The HubSpot token belongs to portal {portal}, and rule_organisation.csv says that {expected} is ours "
                "(hubspot_portal_id). Correct the row, or set the token of the right portal."
            )
        return Place("hubspot", "HubSpot portal", portal, self._is_sandbox)

    def _portal(self, *, as_writer: bool) -> str:
        answer = self._connection.get(f"/account-info/{API_VERSION}/details", as_writer=as_writer)
        portal = answer.get("portalId") if isinstance(answer, dict) else None
        if is_blank(portal) or not isinstance(portal, int | str):
            raise GarbageAnswer(
                "HubSpot did not say which portal the token belongs to, so nothing may be written. Try again later."
            )
        return str(portal)

    def objection(self, change: Change) -> str | None:
        """Return why the portal would refuse this value, from its property definitions and validation rules."""
        if change.object == TASKS:
            return self._tasks.objection(change)
        if change.is_creation:
            return f"handoff creates no HubSpot {change.object}"
        if is_about_a_label(change):
            return self._labels.objection(change)
        name = self._vendor_field(change)
        if name is None:
            return f"map_fields.csv names no HubSpot property for {change.object}.{change.field}"
        definition = self._definitions(change.object).get(name)
        if definition is None:
            return f"the portal has no property {name} on {change.object}"
        modification = definition.get("modificationMetadata") or {}
        if modification.get("readOnlyValue") or definition.get("calculated"):
            return f"the property {name} cannot be written in this portal"
        if change.created_ids:
            return None  # the value is known once the record before it exists
        objection = _value_objection(name, definition, change.after)
        if objection is None and not is_blank(change.after):
            objection = self._validations.objection(self._object_type(change.object), name, change.after)
        return objection

    def read(self, change: Change, made_id: str | None = None) -> Reading:
        """Return the live value of the property and who set it, the labels between two records, or the task on a deal."""
        if change.object == TASKS:
            return self._tasks.read(change, made_id)
        if is_about_a_label(change):
            return self._labels.read(change)
        name = self._vendor_field(change)
        if name is None:
            return Reading(obstacle=f"map_fields.csv names no HubSpot property for {change.object}.{change.field}")
        try:
            record = self._connection.get(self._path(change), {"properties": name, "propertiesWithHistory": name})
        except NotFound:
            return Reading(obstacle=f"HubSpot no longer has this record ({change.object} {change.record_id})")
        found_id, properties = record.get("id"), record.get("properties")
        if not isinstance(properties, dict):
            raise GarbageAnswer(
                f"HubSpot answered for {change.object} {change.record_id} without its properties. Nothing was written there; try again later."
            )
        if str(found_id) != change.record_id:
            return Reading(obstacle=f"this record was merged into {change.object} {found_id}")
        if record.get("archived"):
            return Reading(obstacle=f"this record is archived ({change.object} {change.record_id})")
        value = properties.get(name)
        history = (record.get("propertiesWithHistory") or {}).get(name) or []
        return Reading(
            value=None if value is None else str(value),
            url=change.record_url,
            changed_by=self._who_and_when(history),
        )

    def next_write(self, change: Change, reading: Reading) -> Write | None:
        """Return the PATCH of the one property, or what a label still needs; None when it is as the change wants it."""
        if change.object == TASKS:
            return self._tasks.next_write(change, reading)
        if is_about_a_label(change):
            return self._labels.next_write(change, reading)
        if same(reading.value, change.after):
            return None
        body = {"properties": {str(self._vendor_field(change)): change.after}}
        return Write(1, f"set {change.field}", "PATCH", self._path(change), body)

    def difference(self, change: Change, reading: Reading) -> str | None:
        """Return what the property holds instead of the value."""
        if change.object == TASKS:
            return self._tasks.difference(change, reading)
        if same(reading.value, change.after):
            return None
        return f"{change.field} holds {reading.value!r}"

    def send(self, write: Write) -> Answer:
        """Send the PATCH, once. Raises VendorError, also for an answer whose body holds errors."""
        answer = self._connection.write(write)
        if not isinstance(answer, dict):
            raise GarbageAnswer("HubSpot answered a write with something that is not a record.")
        if answer.get("status") == "error" or answer.get("errors") or answer.get("numErrors"):
            raise Refused(f"HubSpot declined {write.method} {write.path}: {_message(answer)}.", status=200, answer=answer)
        return Answer(answer.get("correlationId") or answer.get("updatedAt"), str(answer.get("id") or "") or None)

    def _vendor_field(self, change: Change) -> str | None:
        return self._rules.fields.get(("hubspot", change.object), {}).get(change.field or "")

    def _object_type(self, name: str) -> str:
        return self._rules.organisation["community_object_type"] if name == "communities" else name

    def _path(self, change: Change) -> str:
        return f"/crm/objects/{API_VERSION}/{quote(self._object_type(change.object), safe='')}/{quote(str(change.record_id), safe='')}"

    def _definitions(self, name: str) -> dict[str, dict[str, Any]]:
        if name not in self._properties:
            answer = self._connection.get(f"/crm/properties/{API_VERSION}/{quote(self._object_type(name), safe='')}")
            results = answer.get("results") if isinstance(answer, dict) else None
            if not isinstance(results, list):
                raise GarbageAnswer(f"HubSpot did not list the properties of {name}. Try again later.")
            self._properties[name] = {definition["name"]: definition for definition in results}
        return self._properties[name]

    def _who_and_when(self, history: list[dict[str, Any]]) -> str | None:
        """Return the newest entry of a property's history as words; the order is not promised, so the times decide."""
        entries = [entry for entry in history if entry.get("timestamp")]
        if not entries:
            return None
        newest = max(entries, key=lambda entry: _instant(entry["timestamp"]))
        when = f"on {_instant(newest['timestamp']):%Y-%m-%d %H:%M} UTC"
        user = newest.get("updatedByUserId")
        source = str(newest.get("sourceType") or "")
        if is_blank(newest.get("sourceLabel")):
            who = f"user {user}" if user else _SOURCE_WORDS.get(source, source.replace("_", " ").lower() or "somebody")
        else:
            who = str(newest["sourceLabel"])
        if user and (name := self._owner_names().get(str(user))):
            who = name
        return f"by {who} {when}"

    def _owner_names(self) -> dict[str, str]:
        """Return people by user id. Without the owners scope there are numbers instead of names, and that is no reason to stop."""
        if self._owners is None:
            self._owners = {}
            try:
                answer = self._connection.get(f"/crm/owners/{API_VERSION}", {"limit": _OWNERS_PAGE})
            except VendorError:
                return self._owners
            for owner in answer.get("results") or []:
                name = " ".join(part for part in (owner.get("firstName"), owner.get("lastName")) if part)
                if owner.get("userId") and name:
                    self._owners[str(owner["userId"])] = name
        return self._owners


def _message(answer: dict[str, Any]) -> str:
    errors = [
        str(error.get("message")) for error in answer.get("errors") or [] if isinstance(error, dict) and error.get("message")
    ]
    return "; ".join([str(answer["message"]), *errors] if answer.get("message") else errors) or "it gave no reason"


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _value_objection(name: str, definition: dict[str, Any], value: str) -> str | None:
    """Return why a value does not fit its property: an unknown choice, no number, no date. Empty text clears any property."""
    if is_blank(value):
        return None
    kind = definition.get("type")
    options = [str(option.get("value")) for option in definition.get("options") or [] if not option.get("archived")]
    if kind == "enumeration" and options:
        unknown = [part for part in value.split(";") if part not in options]
        if unknown:
            return f"the property {name} has no choice {unknown[0]!r} (it has {', '.join(options)})"
    try:
        if kind == "number":
            float(value)
        elif kind in {"date", "datetime"}:
            datetime.fromisoformat(value)
    except ValueError:
        return f"the property {name} takes a {kind}, and {value!r} is none"
    return None
