"""What a change rests on beside its own target: it is looked at when the plan is made and again before anything is written.

    what is made from a deal, or says what a deal says        the deal's stage; its name and amount where the change repeats them
    a value that is the address of a record in Airtable       that record is still there
    a value that is the address of a project in Asana         that project is still there
    a deliverable of a line item                              the line item is still there

A deal that was lost or renamed since, or a record that was deleted, leaves its changes unwritten: they would carry on what is no longer so.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pipelines.actions.asana_values import project_of
from pipelines.actions.records import Change, Fact, is_blank, plain_number, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipelines.actions.opening import Targets
    from pipelines.actions.target import Reading
    from pipelines.rules import Rules

_OF_A_DEAL: Final = re.compile(r"(?:^|[:-])deal-(\d+)(?::|$)")
_DEAL_ADDRESS: Final = re.compile(r"/(?:record/0-3|deal)/(\d+)")
_LINE_ITEM: Final = re.compile(r"/record/0-8/(\d+)")
_AIRTABLE: Final = re.compile(r"https://airtable\.com/app\w+/(tbl\w+)/(rec\w+)")
_WORDS: Final = {"stage_id": "stage", "deal_name": "name", "amount": "amount"}
# A change of a field rests on the deal where it repeats what the deal says; a mere filling in does not
_REPEATS: Final = frozenset({"correct_drifted_field"})
# Several changes about one deal follow each other within moments
_SECONDS: Final = 10.0


def deal_of(change: Change, known: object = None) -> str | None:
    """Return the deal that a change is about: the one of its finding, or the one that its ids and keys name."""
    if known is not None:
        return str(known)
    found = _OF_A_DEAL.search(change.finding_id) or _DEAL_ADDRESS.search(change.natural_key or "")
    return found[1] if found else None


def facts_of(change: Change, deal_id: str | None, deals: dict[str, dict[str, Any]], rules: Rules) -> tuple[Fact, ...]:
    """Return what a change rests on, with the values of the snapshot. ``deals`` holds the deals' canonical values by id."""
    if change.is_undo:
        return ()
    try:
        written = set(change.values.values())
    except (ValueError, TypeError):
        return ()  # content that cannot be read holds the change back by itself
    facts = []
    values = deals.get(deal_id or "", {})
    if values and deal_id and (change.is_creation or change.recipe in _REPEATS):
        facts.append(Fact("hubspot", "deals", deal_id, "stage_id", values.get("stage_id")))
        for field in ("deal_name", "amount"):
            value = values.get(field)
            text = plain_number(str(value)) if field == "amount" else str(value)
            is_repeated = text in {plain_number(one) for one in written} or (
                field == "deal_name" and any(text in one for one in written)
            )
            if not is_blank(value) and is_repeated:
                facts.append(Fact("hubspot", "deals", deal_id, field, str(value)))
    facts += [
        Fact("hubspot", "line_items", item_id, "line_item_name") for item_id in _LINE_ITEM.findall(change.natural_key or "")
    ]
    tables = {
        fields["table_id"]: kind
        for (system, kind), fields in rules.fields.items()
        if system == "airtable" and "table_id" in fields
    }
    for table_id, record_id in _AIRTABLE.findall(change.after):
        kind = tables.get(table_id)
        if kind is not None:
            facts.append(
                Fact("airtable", kind, record_id, next(name for name in rules.fields["airtable", kind] if name != "table_id"))
            )
    projects = filter(None, map(project_of, sorted(written))) if ("asana", "engagements") in rules.fields else ()
    facts += [Fact("asana", "engagements", project_id, "engagement_name") for project_id in projects]
    return tuple(dict.fromkeys(facts))


class Basis:
    """Looks whether what changes rest on is still so. Raises VendorError when a vendor does not say."""

    def __init__(self, targets: Targets, rules: Rules, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Read through ``targets``, which need not be able to write."""
        self._targets, self._rules, self._monotonic = targets, rules, monotonic
        self._seen: dict[Fact, tuple[float, Reading]] = {}

    def objection(self, change: Change, since: str) -> str | None:
        """Return the first thing that is no longer so; ``since`` names when it was, such as ``in the snapshot``."""
        for fact in change.rests_on:
            reading = self._reading(change, fact)
            if reading.obstacle is not None:
                return f"it rests on something that is not there any more: {reading.obstacle}"
            if fact.value is None or same(plain_number(reading.value or ""), plain_number(fact.value)):
                continue
            by = f" (set {reading.changed_by})" if reading.changed_by else ""
            name = _WORDS.get(fact.field, fact.field)
            was, now = self._shown(fact, fact.value), self._shown(fact, reading.value)
            return f"it rests on the {name} of deal {fact.record_id}, which was {was} {since} and is {now} now{by}"
        return None

    def _reading(self, change: Change, fact: Fact) -> Reading:
        seen = self._seen.get(fact)
        if seen is not None and self._monotonic() - seen[0] < _SECONDS:
            return seen[1]
        asked = replace(
            change, system=fact.system, object=fact.object, record_id=fact.record_id, field=fact.field, after="", natural_key=None
        )
        reading = self._targets.target(fact.system).read(asked)
        self._seen[fact] = (self._monotonic(), reading)
        return reading

    def _shown(self, fact: Fact, value: str | None) -> str:
        if fact.field == "stage_id":
            keys: Iterable[str] = (row["stage_key"] for row in self._rules.table("rule_stages") if row["stage_id"] == value)
            return repr(next(iter(keys), value).replace("_", " ")) if value else "empty"
        return repr(value) if value else "empty"
