"""Events of the sandbox's issues: who closed, reopened or renamed one, and when.

Evidence: https://docs.github.com/en/rest/issues/events. What the story closed has the one event that its dates tell. A request says
who acts with the header ``x-sandbox-person``; without it, that is the token's user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipelines.sandbox.github_shapes import user

if TYPE_CHECKING:
    from pipelines.sandbox.exchange import Call

Json = dict[str, Any]

PERSON_HEADER: Final = "x-sandbox-person"
_KEPT: Final = "_events"


def actor(call: Call, otherwise: Json) -> Json:
    """Return who sends a request: the person that it names, or the token's user."""
    login = call.headers.get(PERSON_HEADER)
    return {"login": login, "id": 7200 + len(login), "node_id": f"U_{login}"} if login else otherwise


def note(held: Json, kind: str, who: Json, at: str, **parts: Any) -> None:
    """Keep what happened to an issue."""
    held.setdefault(_KEPT, _told(held)).append({"event": kind, "actor": who, "created_at": at, **parts})


def listed(held: Json) -> list[Json]:
    """Return the events of an issue as REST sends them, oldest first."""
    events: list[Json] = held.get(_KEPT, _told(held))
    return [_shown(held, number, event) for number, event in enumerate(events, start=1)]


def _told(held: Json) -> list[Json]:
    """Return the event that an issue of the story must have had."""
    if held["state"] != "closed" or held["closed_at"] is None:
        return []
    return [{"event": "closed", "actor": held["user"], "created_at": held["closed_at"], "state_reason": held["state_reason"]}]


def _shown(held: Json, number: int, event: Json) -> Json:
    event_id = held["id"] * 1000 + number
    return {
        "id": event_id,
        "node_id": f"EV_{event_id}",
        "url": f"{held['repository_url']}/issues/events/{event_id}",
        "commit_id": None,
        "commit_url": None,
        "performed_via_github_app": None,
        **event,
        "actor": user(event["actor"]),
    }
