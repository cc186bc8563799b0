"""Makes a plan that takes back what an apply wrote: each field goes back to what it held before, unless somebody touched it since.

What the ledger says was written is compared with what the vendor holds now. A field that holds something else than handoff wrote is
reported and left alone. Records that were created are reported, too: handoff deletes nothing, but for a column that it appended to a
spreadsheet and in which nobody has written since.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipelines.actions.plan import plan_of
from pipelines.actions.records import UNDO, Change, Plan, Policy, change_from_json
from pipelines.actions.roles import Role, require
from pipelines.actions.settling import WRITTEN
from pipelines.actions.sheets import COLUMN, OBJECT
from pipelines.decisions import author
from pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipelines.actions.opening import Targets
    from pipelines.ledger import Ledger
    from pipelines.rules import Rules
    from pipelines.settings import Settings


@dataclass(frozen=True)
class _Written:
    """A change that an apply wrote, as it was sent."""

    plan_id: str
    change: Change
    at: str
    url: str | None


def undo_plan(
    ledger: Ledger,
    name: str,
    snapshot_query: Callable[[str], list[dict[str, Any]]],
    settings: Settings,
    rules: Rules,
    *,
    now: datetime,
    proposer: str | None = None,
    sandbox_url: str | None = None,
    targets: Targets | None = None,
) -> Plan:
    """Return the plan that takes back what ``name`` wrote: a plan that was applied, ``latest`` for the last one, or one change.

    Raises ConfigurationError when the ledger knows nothing of it.
    """
    person = author(proposer)
    require(rules, person, Role.proposer)
    written = _written(ledger, name)
    blocked: dict[str, str] = {}
    changes = []
    for item in written:
        change = _reverse(item)
        changes.append(change)
        if item.change.is_creation and not _can_go(item.change):
            where = f" ({item.url})" if item.url else ""
            blocked[change.change_id] = (
                f"it was created by {item.plan_id}, and handoff deletes nothing; archive it by hand{where}"
            )
        elif not item.change.is_reversible:
            blocked[change.change_id] = "its recipe says that it cannot be taken back; look at it by hand"
    plan = plan_of(
        changes,
        blocked,
        snapshot_query,
        settings,
        rules,
        now=now,
        limit=None,
        proposer=person,
        sandbox_url=sandbox_url,
        targets=targets,
    )
    return replace(plan, undoes=", ".join(dict.fromkeys(item.plan_id for item in written)))


def _written(ledger: Ledger, name: str) -> list[_Written]:
    """Return what an apply of the plan, or the last write of the change, called ``name`` wrote, the last first."""
    rows = ledger.change_rows()  # newest first
    known = {row["attempt_id"] for row in rows if row["phase"] == "outcome" and row["status"] in WRITTEN}
    sent = [row for row in rows if row["phase"] == "intent" and row["attempt_id"] in known]
    if not sent:
        raise ConfigurationError("Nothing was written by `handoff apply` in this home, so there is nothing to undo.")
    plan_id = sent[0]["plan_id"] if name == "latest" else name
    if name != "latest" and not any(row["plan_id"] == name for row in sent):
        of_change = [row for row in sent if row["change_id"] == name]
        if not of_change:
            raise ConfigurationError(
                f"The ledger knows of nothing that {name!r} wrote. Name a plan that was applied, or one change of it; "
                "`handoff audit` lists them."
            )
        return _once([of_change[0]], ledger)
    return _once([row for row in sent if row["plan_id"] == plan_id], ledger)


def _once(sent: list[dict[str, Any]], ledger: Ledger) -> list[_Written]:
    """Return each change once, as its first request found it: a creation may have taken several."""
    urls: dict[tuple[str, str], str | None] = {}
    for row in ledger.change_rows(phase="result"):
        if row["details"]:
            urls.setdefault((row["plan_id"], row["change_id"]), json.loads(row["details"]).get("url"))
    found: dict[tuple[str, str], _Written] = {}
    for row in sent:
        key = row["plan_id"], row["change_id"]
        change = change_from_json(json.loads(row["details"])["change"])
        found[key] = _Written(row["plan_id"], change, row["at"], urls.get(key))
    return list(found.values())


def _can_go(change: Change) -> bool:
    """Return whether what a creation made may be deleted again: it is all that there is of it, and reading shows whether it was touched."""
    return change.is_reversible and (change.system, change.object) == ("sheets", OBJECT)


def _reverse(item: _Written) -> Change:
    """Return the change that puts back what was there; a creation that cannot go stays as it is, to be reported."""
    change = item.change
    reason = f"Takes back what {item.plan_id} wrote on {item.at[:16].replace('T', ' ')} UTC."
    new = replace(
        change,
        change_id=f"{UNDO}:{item.plan_id}:{change.change_id}",
        recipe=UNDO,
        reason=reason,
        needs=(),  # it rests on what the ledger says, not on what a source holds
        depends_on=None,
    )
    if change.is_creation and not _can_go(change):
        return new
    if change.is_creation:
        # by its deal, because its place moves
        new = replace(new, record_id=re.split(r"[/=]", change.natural_key or "")[-1], field=COLUMN)
        return replace(new, before=change.after, after="", policy=Policy.if_equal_before)
    return replace(new, before=change.after, after=change.before or "", policy=Policy.if_equal_before)
