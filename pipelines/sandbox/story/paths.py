"""The path of a deal through its stages, and the history that HubSpot keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.sandbox.story.calendar import instant, shifted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sandbox.state import Json


@dataclass(frozen=True)
class Step:
    """One entry into a deal stage: where, when, and by what."""

    stage_id: str
    at: str
    source: str = "CRM_UI"


def _entry(value: str, at: str, source: str) -> Json:
    person = source == "CRM_UI"
    return {
        "value": value,
        "timestamp": at,
        "sourceType": source,
        "sourceId": "userId:90501" if person else "handoff-import",
        "sourceLabel": None,
        "updatedByUserId": 90501 if person else None,
    }


def history_of(
    values: Mapping[str, str | None],
    path: list[Step],
    created_at: str,
    pipeline_of_stage: Mapping[str, str],
    sold_for: tuple[str, str] | None = None,
) -> dict[str, list[Json]]:
    """Return the history HubSpot would have kept of stage, pipeline, amount and close date: newest first.

    ``sold_for`` is the amount that the last stage was entered with, and when it was changed to what it is now.
    """
    stages = [_entry(step.stage_id, step.at, step.source) for step in path]
    moves: list[Json] = []
    for step in path:
        pipeline = pipeline_of_stage[step.stage_id]
        if not moves or moves[-1]["value"] != pipeline:
            moves.append(_entry(pipeline, step.at, step.source))
    history = {"dealstage": stages[::-1], "pipeline": moves[::-1]}
    amount, closed_at = values.get("amount"), values.get("closedate")
    if amount and sold_for:
        history["amount"] = [_entry(amount, sold_for[1], "CRM_UI"), _entry(sold_for[0], path[-1].at, path[-1].source)]
    elif amount:
        history["amount"] = [_entry(amount, path[-1].at, path[-1].source)]
    if closed_at:
        history["closedate"] = [_entry(closed_at, path[-1].at, path[-1].source)]
    if len(path) > 1:
        # The first figures were guesses; they were settled with the last stage.
        for name, guess in (("amount", "20000"), ("closedate", instant(shifted(created_at, 90)))):
            history.setdefault(name, []).append(_entry(guess, created_at, path[0].source))
    return history


def won(on: str) -> list[Step]:
    """Return the ordinary path of a new deal that was won on a date or at an instant."""
    return [*in_contract_admin(shifted(on, -7)), Step("1006", instant(on))]


def in_contract_admin(since: str) -> list[Step]:
    """Return the ordinary path of a new deal that is verbally closed."""
    return [*in_negotiation(shifted(since, -14)), Step("1005", instant(since))]


def in_negotiation(since: str) -> list[Step]:
    """Return the ordinary path of a new deal that is being negotiated."""
    return [*in_proposal(shifted(since, -21)), Step("1004", instant(since))]


def in_proposal(since: str) -> list[Step]:
    """Return the ordinary path of a new deal that has a proposal."""
    return [
        Step("1001", instant(shifted(since, -30))),
        Step("1002", instant(shifted(since, -14))),
        Step("1003", instant(since)),
    ]


def lost(on: str) -> list[Step]:
    """Return the path of a new deal that was lost after its proposal."""
    return [*in_proposal(shifted(on, -30)), Step("1007", instant(on))]


def renewed(on: str) -> list[Step]:
    """Return the ordinary path of a renewal that was signed."""
    return [*contracting(shifted(on, -7)), Step("2005", instant(on))]


def contracting(since: str) -> list[Step]:
    """Return the ordinary path of a renewal whose contract is being signed."""
    return [*engaging(shifted(since, -21)), Step("2004", instant(since))]


def engaging(since: str) -> list[Step]:
    """Return the ordinary path of a renewal that is being talked about."""
    return [*preparing(shifted(since, -21)), Step("2003", instant(since))]


def preparing(since: str) -> list[Step]:
    """Return the ordinary path of a renewal that is being prepared."""
    return [Step("2001", instant(shifted(since, -30))), Step("2002", instant(since))]
