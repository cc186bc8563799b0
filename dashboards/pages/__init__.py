"""The pages, in the order of the menu. Each is a module with a title, the question it answers, an icon, and ``show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards.pages import budget, fixes, handoff, intake, renewals, summary, sync_health

if TYPE_CHECKING:
    from types import ModuleType

PAGES: Final[dict[str, ModuleType]] = {
    "summary": summary,
    "handoff": handoff,
    "intake": intake,
    "renewals": renewals,
    "budget": budget,
    "fixes": fixes,
    "sync_health": sync_health,
}
