"""Who accepted which packet: recorded in the ledger with the hash and the facts, and compared with what is true now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pipelines.documents import Side
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.packets import hash_of, without_addresses

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.packets import Contents, Packet

_KIND: Final = "packet_accepted"
_ABSENT: Final = "(not there)"
_UNKNOWN: Final = "(not known)"


@dataclass(frozen=True)
class Acceptance:
    """The last time that a side accepted the packet of a deal."""

    side: Side
    by: str
    at: datetime
    sha256: str
    contents: Contents
    labels: dict[tuple[str, str], str]


@dataclass(frozen=True)
class Change:
    """A fact that is not what was accepted."""

    label: str
    then: str
    now: str


def record_acceptance(home: Path, packet: Packet, side: Side, by: str, *, at: datetime, operator: str) -> None:
    """Record in the ledger that ``by`` accepts the packet for ``side``. Raises ConfigurationError for a name that is none."""
    name = " ".join(by.split())
    if not name or without_addresses(name) != name:
        raise ConfigurationError(
            "--by takes the name of the person who accepts, not an e-mail address and not nothing. Write it out."
        )
    details = {
        "sha256": packet.sha256,
        "side": side.value,
        "operator": operator,
        "snapshot": packet.run["run_id"],
        "as_of_on": packet.run["as_of_on"].isoformat(),
        "is_sandbox": packet.run["is_sandbox"],
        "facts": packet.contents,
        "labels": [[section, key, label] for (section, key), label in packet.labels.items()],
    }
    with Ledger.open(home) as ledger:
        ledger.record_event(
            _KIND,
            f"deal-{packet.deal_id}",
            f"{name} accepted the handoff packet {packet.sha256} for {side.value}.",
            at=at,
            actor=name,
            details=details,
        )


def acceptances(home: Path, packet: Packet) -> list[Acceptance]:
    """Return the last acceptance of each side, sales first.

    A row that does not fit its own hash counts as none, and what was rehearsed in the sandbox counts for no real deal.
    """
    deal_id = packet.deal_id
    ledger = Ledger.existing(home)
    if ledger is None:
        return []
    with ledger:
        rows = [row for row in ledger.event_rows() if row["kind"] == _KIND and row["subject"] == f"deal-{deal_id}"]
    latest: dict[Side, Acceptance] = {}
    for row in rows:  # the newest comes first
        details = json.loads(row["details"])
        side = Side(details["side"])
        if details["is_sandbox"] is not packet.run["is_sandbox"]:
            continue
        if side not in latest and hash_of(deal_id, details["facts"]) == details["sha256"]:
            latest[side] = Acceptance(
                side,
                row["actor"],
                datetime.fromisoformat(row["at"]),
                details["sha256"],
                details["facts"],
                {(section, key): label for section, key, label in details["labels"]},
            )
    return [latest[side] for side in Side if side in latest]


def drift(accepted: Acceptance, packet: Packet) -> list[Change]:
    """Return what has changed since, field by field: what was accepted, and what is true now."""
    now = packet.contents
    places = dict.fromkeys(
        [(section, key) for part in (now, accepted.contents) for section, values in part.items() for key in values]
    )
    labels = accepted.labels | packet.labels
    names = {str(row["contact_id"]): str(row["full_name"] or row["contact_id"]) for row in packet.people}
    return [
        Change(labels[place], _shown(accepted.contents, place, names), _shown(now, place, names))
        for place in places
        if _found(accepted.contents, place) != _found(now, place)
    ]


def _found(contents: Contents, place: tuple[str, str]) -> Any:
    section, key = place
    return contents.get(section, {}).get(key, _ABSENT)


def _shown(contents: Contents, place: tuple[str, str], names: dict[str, str]) -> str:
    value = _found(contents, place)
    if value is None:
        return _UNKNOWN
    if place[0] == "people" and value != _ABSENT:
        return ", ".join(names.get(contact, f"contact {contact}") for contact in str(value).split(", "))
    return str(value)
