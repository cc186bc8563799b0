"""Closes the loop: the next sync says of each write whether the vendor still holds it.

Before the models are built, the writes that no load has confirmed yet go into the private copy (``ops.writes``). Tasks are in no load:
each is read by itself then, and what was seen goes with it. Once the snapshot is published, what ``marts.fct_write_checks`` says of each
goes into the ledger: ``verified``, or ``did_not_stick``, which is also a finding.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipelines import clock
from pipelines.actions.asana_values import project_of
from pipelines.actions.hubspot_tasks import OBJECT as TASKS
from pipelines.actions.records import change_from_json
from pipelines.actions.settling import WRITTEN
from pipelines.errors import VendorError
from pipelines.ledger import Ledger
from pipelines.sources.raw import create_missing_tables
from pipelines.warehouse import open_current

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pipelines.actions.opening import Targets
    from pipelines.actions.records import Change

PHASE: Final = "verified"
VERIFIED: Final = "verified"
DID_NOT_STICK: Final = "did_not_stick"
# The sandbox was told anew: what was written into it before is gone, and that is nobody's doing
SANDBOX_RESET: Final = "sandbox_reset"
_SENTENCES: Final = {
    VERIFIED: "Verified by load {load} of {run}: the vendor holds it.",
    DID_NOT_STICK: "Did not stick: load {load} of {run} found {seen!r}.",
}


def unconfirmed_writes(ledger: Ledger, is_sandbox: Mapping[str, bool]) -> list[dict[str, Any]]:
    """Return the last write of each place that no load has confirmed yet, as rows of ``ops.writes``.

    ``is_sandbox`` says of each vendor whether the sandbox is read in its place; what was written elsewhere cannot be seen there.
    """
    return [row for row, _ in _last_writes(ledger, is_sandbox)]


def _last_writes(ledger: Ledger, is_sandbox: Mapping[str, bool]) -> list[tuple[dict[str, Any], Change]]:
    """Return the rows of :func:`unconfirmed_writes`, each with its change. Tasks are looked at again at each sync."""
    rows = ledger.change_rows()  # newest first
    known = {row["attempt_id"] for row in rows if row["phase"] == "outcome" and row["status"] in WRITTEN}
    confirmed = {(row["plan_id"], row["change_id"]) for row in rows if row["phase"] == PHASE and row["status"] == VERIFIED}
    urls = _urls(rows)
    reset = max((int(row["seq"]) for row in ledger.event_rows() if row["kind"] == SANDBOX_RESET), default=0)
    found: dict[tuple[Any, ...], tuple[dict[str, Any], Change]] = {}
    for row in rows:
        if row["phase"] != "intent" or row["attempt_id"] not in known:
            continue
        try:
            details = json.loads(row["details"])
            change, in_sandbox = change_from_json(details["change"]), bool(details["place"]["is_sandbox"])
        except (ValueError, KeyError, TypeError):
            continue  # somebody altered the row: `handoff audit verify` names it, and a sync writes to no vendor
        place = (change.system, change.object, change.record_id or change.change_id, change.field)
        if place in found or in_sandbox != is_sandbox.get(change.system) or (in_sandbox and int(row["seq"]) < reset):
            continue
        found[place] = _write_row(row, change, urls.get((row["plan_id"], row["change_id"]))), change
    return [
        (row, change)
        for row, change in found.values()
        if change.object == TASKS or (row["plan_id"], row["change_id"]) not in confirmed
    ]


def _urls(rows: list[dict[str, Any]]) -> dict[tuple[str, str], str | None]:
    urls: dict[tuple[str, str], str | None] = {}
    for row in rows:
        if row["phase"] != "result" or not row["details"]:
            continue
        try:
            url = json.loads(row["details"])["url"]
        except (ValueError, KeyError, TypeError):
            continue  # as above
        urls.setdefault((row["plan_id"], row["change_id"]), url)
    return urls


def _write_row(row: dict[str, Any], change: Change, url: str | None) -> dict[str, Any]:
    """Return one row of ``ops.writes``.

    A record that was made is known by its address: an issue by all of it, a project of Asana by the number in it, others by its end; a
    column, whose place moves, by its deal.
    """
    match change.system:
        case "github":
            made_id = url
        case "asana":
            made_id = project_of(url)
        case "sheets":
            made_id = _end_of(change.natural_key)
        case _:
            made_id = _end_of(url)
    return {
        "plan_id": row["plan_id"],
        "change_id": change.change_id,
        "finding_id": change.finding_id,
        "recipe": change.recipe,
        "system": change.system,
        "object": change.object,
        "record_id": made_id if change.is_creation else change.record_id,
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "is_created": change.is_creation,
        "record_url": url if change.is_creation else change.record_url,
        "written_at": datetime.fromisoformat(row["at"]),
        "written_by": row["actor"],
    }


def _end_of(address: str | None) -> str | None:
    return None if address is None else re.split(r"[/=]", address)[-1]


def note_sandbox_reset(home: Path) -> None:
    """Record that the sandbox is told anew, so that nobody is asked where earlier writes into it have gone."""
    ledger = Ledger.existing(home)
    if ledger is not None:
        with ledger:
            ledger.record_event(
                SANDBOX_RESET, "sandbox", "The sandbox was told anew; what was written there is gone.", at=clock.now()
            )


def bring_in(
    ledger: Ledger,
    building_file: Path,
    is_sandbox: Mapping[str, bool],
    readers: Callable[[], AbstractContextManager[Targets]] | None = None,
) -> None:
    """Write the writes that no load has confirmed yet into the private copy; ``readers`` opens the vendors to look at tasks."""
    writes = _last_writes(ledger, is_sandbox)
    tasks = [(row, change) for row, change in writes if change.object == TASKS]
    if tasks and readers is not None:
        with readers() as targets:
            for row, change in tasks:
                row.update(_seen(change, targets))
    rows = [row for row, _ in writes]
    with duckdb.connect(str(building_file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_missing_tables(connection)
        connection.execute("delete from ops.writes")
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            connection.execute(f"insert into ops.writes ({names}) values ({', '.join('?' * len(row))})", list(row.values()))


def _seen(change: Change, targets: Targets) -> dict[str, Any]:
    """Return what a vendor holds of a task now. One that a person has edited is theirs; where nobody answers, nothing is said."""
    try:
        target = targets.target(change.system)
        reading = target.read(change)
        if reading.obstacle is not None:
            return {}
        difference = target.difference(change, reading)
    except VendorError:
        return {}
    return {"read_status": VERIFIED if difference is None else DID_NOT_STICK, "read_value": reading.value}


def record_checks(home: Path, ledger: Ledger, *, at: datetime) -> None:
    """Record in the ledger what the snapshot that was just published says of each write; what is known already is not repeated."""
    snapshot = open_current(home)
    try:
        checks = snapshot.rows(
            "select * from marts.fct_write_checks where status <> 'not_checked' order by written_at, change_id"
        )
        run_id = snapshot.run_id
    finally:
        snapshot.close()
    said: dict[tuple[str, str], str] = {}
    for row in ledger.change_rows(phase=PHASE):
        said.setdefault((row["plan_id"], row["change_id"]), row["status"])
    for check in checks:
        if said.get((check["plan_id"], check["change_id"])) == check["status"]:
            continue
        ledger.record_change(
            check["plan_id"],
            check["change_id"],
            PHASE,
            at=at,
            **{name: check[name] for name in ("system", "object", "record_id", "field", "before", "after", "status")},
            sentence=_SENTENCES[check["status"]].format(load=check["load_id"] or "(read)", run=run_id, seen=check["seen_value"]),
            details={"load_id": check["load_id"], "run_id": run_id, "seen_value": check["seen_value"]},
        )
