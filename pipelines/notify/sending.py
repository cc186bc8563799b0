"""Sends each notice once: the intent is in the ledger before a message goes out, the outcome after it.

A message whose outcome nobody recorded (the process died in between) is not sent again, because it may have arrived; it is named until
somebody has looked. One that a channel refused is tried again by the next run.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pipelines import clock
from pipelines.actions.seal import home_key, seal_of
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.notify import channels, digests, notices
from pipelines.warehouse import NoSnapshot, open_current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.notify.notices import Notice
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.warehouse import Snapshot

EVENT: Final = "notice"
INTENT, SENT, FAILED = "intent", "sent", "failed"
EXIT_UNDELIVERED: Final = 3


@dataclass
class Delivery:
    """One notice on its way to one recipient."""

    notice: Notice
    channel: str
    address: str
    recipient: str

    @property
    def key(self) -> str:
        """What makes it this message and no other; of the address only a hash is kept, made with the key of this home."""
        return f"{self.notice.key}@{self.channel}/{self.recipient}"


@dataclass
class Told:
    """What came of telling. Each list holds sentences."""

    sent: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unaddressed: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when everything that was to be sent was sent."""
        return EXIT_UNDELIVERED if self.failed or self.unknown else 0


def pending(settings: Settings, rules: Rules, history: dict[str, str], ledger: Ledger, *, with_digests: bool) -> list[Notice]:
    """Return every notice that is due now, whether it was sent already or not."""
    sent = {key.split("@", 1)[0] for key, phase in history.items() if phase in {SENT, INTENT}}
    found = list(notices.of_runs(rules, ledger.run_rows(), sent))
    try:
        snapshot = open_current(settings.handoff_home)
    except NoSnapshot:
        return found
    try:
        [run] = snapshot.rows("select is_sandbox, as_of_on from ops.run")
        found += notices.of_sources(rules, snapshot, sent)
        about = [*notices.of_agreements(rules, snapshot), *notices.of_findings(rules, snapshot)]
        if with_digests:
            about += digests.digests(rules, settings.handoff_home, snapshot)
        hide = without_contacts(snapshot)
        return [_signed(notice, rules, run["is_sandbox"], hide) for notice in [*found, *about]]
    finally:
        snapshot.close()


def _signed(notice: Notice, rules: Rules, is_sandbox: bool, hide: Callable[[str], str]) -> Notice:
    mark = "SANDBOX: " if is_sandbox else ""
    first = "SANDBOX: this is about the invented organisation, not about real accounts.\n" if is_sandbox else ""
    last = f"\n{rules.organisation['name']}, handoff"
    return replace(
        notice, subject=hide(f"{mark}{notice.subject}"), text=hide(f"{first}{notice.text}{last}"), is_sandbox=is_sandbox
    )


def without_contacts(snapshot: Snapshot) -> Callable[[str], str]:
    """Return what takes the names of communities' contacts out of a text; who works here may be named."""
    names = {
        row["full_name"]
        for row in snapshot.rows("select distinct full_name from marts.rpt_deal_contacts where full_name is not null")
    }
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    # a name of one word must not change the words that hold it
    pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)" if either else r"(?!)")
    return lambda text: pattern.sub("a contact", text)


def deliveries(rules: Rules, notice: Notice, home_key: bytes) -> list[Delivery]:
    """Return to whom a notice goes: the rows of its audience, or those of its audience for the one community where there are any."""
    table = rules.table("rule_recipients")
    own = [row for row in table if notice.community_name and row["audience"] == f"{notice.audience} {notice.community_name}"]
    rows = own or [row for row in table if row["audience"] == notice.audience]
    community = _slug(notice.community_name or "")
    found = []
    for row in rows:
        channel, address = row["channel"].lower(), row["address"].replace("{community}", community)
        recipient = seal_of(home_key, "recipient", {"channel": channel, "address": address})[:12]
        found.append(Delivery(notice, channel, address, recipient))
    return found


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "unknown"


def tell(
    settings: Settings, rules: Rules, *, with_digests: bool = False, is_rehearsal: bool = False, about_sandbox: bool = True
) -> Told:
    """Send what is due and was not sent; ``is_rehearsal`` only says what that would be. Raises HandoffError when nothing can be begun.

    ``about_sandbox`` is false for what a schedule does by itself: nobody wants mails about an invented organisation unasked.
    """
    told = Told()
    by_name = channels.channels_of(settings)
    ledger = Ledger.existing(settings.handoff_home)
    if ledger is None:
        return told
    with ledger:
        history, key = _history(ledger), home_key(settings.handoff_home)
        for notice in pending(settings, rules, history, ledger, with_digests=with_digests):
            if not about_sandbox and notice.is_sandbox:
                continue
            for delivery in deliveries(rules, notice, key):
                _deliver(delivery, by_name, ledger, history, told, is_rehearsal=is_rehearsal)
        told.unknown = [key for key, phase in history.items() if phase == INTENT]
    return told


def _deliver(
    delivery: Delivery, by_name: dict[str, str], ledger: Ledger, history: dict[str, str], told: Told, *, is_rehearsal: bool
) -> None:
    notice, key = delivery.notice, delivery.key
    if history.get(key) in {SENT, INTENT}:
        return
    if is_rehearsal:
        told.sent.append(
            f"To {notice.audience} by {delivery.channel} ({delivery.address or 'its own address'})\n{notice.subject}\n{notice.text}\n"
        )
        return
    url = by_name.get(delivery.channel)
    if url is None:
        told.unaddressed.append(delivery.channel)
        return
    _record(ledger, key, INTENT, notice, notice.subject)
    problem = channels.deliver(url, delivery.address, notice.subject, notice.text, key=key)
    if problem is None:
        _record(ledger, key, SENT, notice, notice.subject)
        history[key] = SENT
        told.sent.append(f"{notice.subject} (to {notice.audience})")
    else:
        _record(ledger, key, FAILED, notice, problem)
        history[key] = FAILED
        told.failed.append(f"{notice.subject} (to {notice.audience} by {delivery.channel}): {problem}")


def _record(ledger: Ledger, key: str, phase: str, notice: Notice, sentence: str) -> None:
    details: dict[str, Any] = {"phase": phase, "audience": notice.audience, **notice.facts}
    ledger.record_event(EVENT, at=clock.now(), subject=key, sentence=sentence, details=details)


def _history(ledger: Ledger) -> dict[str, str]:
    """Return the last phase of every message, by key."""
    return {row["subject"]: json.loads(row["details"])["phase"] for row in reversed(ledger.event_rows(kind=EVENT))}


def unknown_outcomes(settings: Settings) -> list[str]:
    """Return the keys of messages of which nobody knows whether they arrived. Raises LedgerProblem."""
    ledger = Ledger.existing(settings.handoff_home)
    if ledger is None:
        return []
    with ledger:
        return [key for key, phase in _history(ledger).items() if phase == INTENT]


def settle(settings: Settings, key: str, *, arrived: bool) -> str:
    """Record what somebody found out about a message with an unknown outcome. Raises ConfigurationError when there is no such message."""
    with Ledger.open(settings.handoff_home) as ledger:
        if _history(ledger).get(key) != INTENT:
            raise ConfigurationError(
                f"The outcome of {key!r} is not unknown, so there is nothing to settle. `handoff notify` names those."
            )
        sentence = "Somebody looked: it arrived." if arrived else "Somebody looked: it did not arrive, so that it is sent again."
        details = {"phase": SENT if arrived else FAILED}
        ledger.record_event(EVENT, at=clock.now(), subject=key, sentence=sentence, details=details)
    return sentence


def lines(told: Told) -> Iterator[str]:
    """Yield what a person reads of it."""
    yield from (f"Sent: {line}" for line in told.sent)
    yield from (f"NOT SENT: {line}. The next run tries again." for line in told.failed)
    for key in told.unknown:
        yield (
            f"UNKNOWN: a run died while it sent {key}, so that nobody knows whether it arrived. Look, then `handoff notify --arrived KEY` or "
            "`--lost KEY`."
        )
    for channel in sorted(set(told.unaddressed)):
        yield f"{told.unaddressed.count(channel)} notices are for the channel {channel!r}, which NOTIFY_URLS does not have; they wait."
