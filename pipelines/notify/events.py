"""What happened, for programs: one signed POST to EVENTS_URL for each event, as https://www.standardwebhooks.com describes.

    finding.opened     a finding is open that was not, or not any more
    finding.resolved   a complete load no longer shows it
    plan.ready         a plan can be reviewed
    change.applied     a change was written and read back

Every event has an id that stays the same when it is sent again, as ``webhook-id``; a receiver that knows the id has it already. What a
receiver does not take with 2xx is sent again after the next run. What was there before the address was first told is not sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pipelines import clock
from pipelines.actions.seal import home_key, seal_of
from pipelines.errors import VendorError
from pipelines.ledger import Ledger
from pipelines.notify.sending import without_contacts
from pipelines.transport import Transport
from pipelines.warehouse import NoSnapshot, open_current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.ledger import Row
    from pipelines.settings import Settings
    from pipelines.warehouse import Snapshot

KIND: Final = "event"
_BEGAN: Final = "events"
_SECONDS: Final = 10.0
_FACTS: Final = (
    "finding_id",
    "rule_id",
    "severity",
    "subject",
    "community_name",
    "owner_team",
    "owner",
    "due_on",
    "reason",
    "what_to_do",
    "record_url",
)
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how such secrets begin, not one


@dataclass(frozen=True)
class Event:
    """Something that happened. ``event_id`` is the same whenever it is told."""

    event_id: str
    kind: str
    at: str  # ISO 8601
    data: dict[str, Any]

    def body(self) -> bytes:
        """Return what is posted."""
        return json.dumps({"type": self.kind, "timestamp": self.at, "data": self.data}, ensure_ascii=False, default=str).encode()


@dataclass
class Sent:
    """What came of sending: how many were taken, how many wait, and why."""

    taken: int = 0
    waiting: int = 0
    problem: str | None = None


def send(settings: Settings, *, about_sandbox: bool = True) -> Sent | None:
    """Post what happened and was not taken yet; None without EVENTS_URL. Raises HandoffError when the home cannot be read.

    ``about_sandbox`` is false for what a schedule does by itself: no workflow should act on an invented organisation unasked.
    """
    if settings.events_url is None or settings.events_secret is None:
        return None
    address = settings.events_url.get_secret_value()
    key = _key(settings.events_secret.get_secret_value())
    ledger = Ledger.existing(settings.handoff_home)
    if ledger is None:
        return None
    with ledger:
        receiver = seal_of(home_key(settings.handoff_home), "receiver", {"address": address})[:12]
        since, taken = _begun(ledger, receiver)
        if since is None:
            ledger.record_event(_BEGAN, subject=receiver, sentence="Events are sent there from now on.", at=clock.now())
            return Sent()
        new = [
            event
            for event in happened(settings, ledger, since, about_sandbox=about_sandbox)
            if f"{event.event_id}@{receiver}" not in taken
        ]
        return _send(new, ledger, receiver, address, key)


def _send(events: list[Event], ledger: Ledger, receiver: str, address: str, key: bytes) -> Sent:
    """Post one after the other until one is not taken; the rest waits with it, in its order."""
    parts = urlsplit(address)
    transport = Transport("events", base_url=f"{parts.scheme}://{parts.netloc}", deadline_seconds=_SECONDS, max_tries=2)
    sent = Sent()
    try:
        for number, event in enumerate(events):
            sent.problem = _post(transport, address, key, event)
            if sent.problem is not None:
                sent.waiting = len(events) - number
                break
            ledger.record_event(KIND, subject=f"{event.event_id}@{receiver}", sentence=f"{event.kind} was taken.", at=clock.now())
            sent.taken += 1
    finally:
        transport.close()
    return sent


def happened(settings: Settings, ledger: Ledger, since: str, *, about_sandbox: bool) -> Iterator[Event]:
    """Yield every event after ``since`` (ISO 8601), whether it was sent or not."""
    try:
        snapshot = open_current(settings.handoff_home)
    except NoSnapshot:
        return
    try:
        [run] = snapshot.rows("select is_sandbox from ops.run")
        if run["is_sandbox"] and not about_sandbox:
            return
        mark = {"is_sandbox": bool(run["is_sandbox"])}
        yield from _of_findings(snapshot, since, mark)
        yield from _of_the_ledger(ledger, since, mark)
    finally:
        snapshot.close()


def _of_findings(snapshot: Snapshot, since: str, mark: dict[str, Any]) -> Iterator[Event]:
    hide = without_contacts(snapshot)
    rows = snapshot.rows(
        "select * from marts.fct_finding_states where state_since_at > ? and "
        "((status = 'open' and state = 'open') or state = 'resolved') order by finding_id",
        [datetime.fromisoformat(since)],
    )
    for row in rows:
        kind = "finding.resolved" if row["state"] == "resolved" else "finding.opened"
        data = {name: _shown(row[name], hide) for name in _FACTS} | mark
        yield Event(f"{kind}:{row['finding_id']}:{row['reopen_count']}", kind, row["state_since_at"].isoformat(), data)


def _shown(value: object, hide: Callable[[str], str]) -> object:
    return hide(value) if isinstance(value, str) else value


def _of_the_ledger(ledger: Ledger, since: str, mark: dict[str, Any]) -> Iterator[Event]:
    for row in ledger.plan_rows():
        if row["phase"] == "made" and row["at"] > since:
            counts = json.loads(row["details"])
            data = {"plan_id": row["plan_id"], "changes": counts["changes"], "held_back": counts["held_back"]}
            yield Event(f"plan.ready:{row['plan_id']}", "plan.ready", row["at"], data | mark)
    for row in reversed(ledger.change_rows(phase="result")):
        if row["status"] == "applied" and row["at"] > since:
            data = {name: row[name] for name in ("plan_id", "change_id", "system", "object", "record_id", "field")}
            data["url"] = json.loads(row["details"])["url"]
            yield Event(f"change.applied:{row['plan_id']}:{row['change_id']}", "change.applied", row["at"], data | mark)


def _begun(ledger: Ledger, receiver: str) -> tuple[str | None, set[str]]:
    """Return since when this receiver is told, and what it has taken."""
    begun: list[Row] = [row for row in ledger.event_rows(kind=_BEGAN) if row["subject"] == receiver]
    taken = {row["subject"] for row in ledger.event_rows(kind=KIND)}
    return (begun[-1]["at"] if begun else None), taken


def _key(secret: str) -> bytes:
    """Return the bytes of a secret: the base64 after ``whsec_``, or the text as it stands."""
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()


def signature(key: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of one delivery, over its id, its time and its body."""
    signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _post(transport: Transport, address: str, key: bytes, event: Event) -> str | None:
    """Send one event; return why it was not taken, without the address, which may hold secrets."""
    body, timestamp = event.body(), int(clock.now().timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": event.event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key, event.event_id, timestamp, body),
    }
    try:
        transport.request("POST", address, headers=headers, content=body, expect="bytes", idempotent=True)
    except VendorError as error:
        return f"EVENTS_URL did not take them ({type(error).__name__})"
    return None
