"""Settles what an interrupted apply left open: the vendor is read, nothing is resent."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pipelines import clock
from pipelines.actions.records import Change, change_from_json, same
from pipelines.actions.target import words_about
from pipelines.errors import ConfigurationError, VendorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pipelines.actions.opening import Targets
    from pipelines.actions.target import Target
    from pipelines.ledger import Ledger

ACKNOWLEDGED: Final = "acknowledged"
SETTLED_WRITTEN: Final = "settled_written"
# what an outcome says of a write that the vendor has taken
WRITTEN: Final = frozenset({ACKNOWLEDGED, SETTLED_WRITTEN})


@dataclass(frozen=True)
class Journal:
    """Writes the rows about changes, with who asked for them."""

    ledger: Ledger
    operator: str

    def record(self, plan_id: str, change: Change, phase: str, **columns: object) -> None:
        """Add a row about a change to the ledger; it is on the disk when this returns."""
        self.ledger.record_change(
            plan_id,
            change.change_id,
            phase,
            at=clock.now(),
            actor=self.operator,
            system=change.system,
            object=change.object,
            record_id=change.record_id,
            field=change.field,
            before=change.before,
            after=change.after,
            **columns,
        )


def settle(
    journal: Journal,
    targets: Targets,
    readers: Callable[[], AbstractContextManager[Targets]],
    *,
    delay: Callable[[str], timedelta],
    sleep: Callable[[float], None],
) -> list[str]:
    """Find out, by reading, what became of every request without a known outcome; return a sentence for each.

    ``readers`` opens the vendors for reading only, for those that ``targets`` cannot open without a write token. ``delay`` is how old
    a request must be before the state of the vendor that it names says what became of it.
    """
    intents = journal.ledger.unsettled_intents()
    if not intents:
        return []
    ripe = max(datetime.fromisoformat(intent["at"]) + delay(intent["system"]) for intent in intents)
    wait = (ripe - clock.now()).total_seconds()
    if wait > 0:
        sleep(wait)
    sentences = []
    with ExitStack() as stack:
        opened: Targets | None = None
        for intent in intents:
            try:
                try:
                    target = targets.target(intent["system"])
                except ConfigurationError:
                    # without its write token the vendor can still be asked
                    opened = opened or stack.enter_context(readers())
                    target = opened.target(intent["system"])
                sentences.append(_settle_one(journal, intent, target))
            except VendorError as error:
                sentences.append(f"{_what(intent)}: it is still open whether this was written. {words_about(error)}")
    return sentences


def _settle_one(journal: Journal, intent: dict[str, Any], target: Target) -> str:
    details = _details(intent)
    change, number = change_from_json(details["change"]), int(details["number"])
    if details["place"] != asdict(target.place):
        return (
            f"{_what(intent)}: it is open whether this was written, and it went to {details['place']['identity']}; "
            "apply a plan there to settle it."
        )
    reading = target.read(change)
    following = target.next_write(change, reading) if reading.obstacle is None else None
    if reading.obstacle is None and (following is None or following.number > number):
        status, words = SETTLED_WRITTEN, "it was written"
    elif reading.obstacle is None and (change.is_creation or same(reading.value, change.before)):
        status, words = "settled_not_written", "it was not written"
    else:
        found = reading.obstacle or f"it holds {reading.value!r} now"
        status, words = "settled_unclear", f"somebody has changed the target since ({found})"
    sentence = f"{_what(intent)}: interrupted; reading shows that {words}."
    journal.record(
        intent["plan_id"],
        change,
        "outcome",
        attempt_id=intent["attempt_id"],
        step=intent["step"],
        status=status,
        sentence=sentence,
    )
    return sentence


def _what(intent: dict[str, Any]) -> str:
    return f"{intent['plan_id']}, {intent['change_id']}, {intent['step']}"


def _details(row: dict[str, Any]) -> dict[str, Any]:
    loaded = json.loads(row["details"])
    if not isinstance(loaded, dict):
        raise TypeError("an intent without its change")
    return loaded
