"""The pages, by the section of the menu they stand in. Each is a module with a title, a question, an icon, and ``show``.

``REPORTS`` of a page are the reports whose findings it shows in full; numbers and findings elsewhere link to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards.pages import (
    billing,
    budget,
    capacity,
    community,
    deal,
    deliveries,
    engagements,
    fixes,
    handoff,
    intake,
    kpis,
    lapsed,
    meeting,
    pipeline,
    reconciliation,
    renewals,
    rules,
    summary,
    sync_health,
)

if TYPE_CHECKING:
    from types import ModuleType

# in the order of the menu; the name of a page is its address
SECTIONS: Final[dict[str, dict[str, ModuleType]]] = {
    "Today": {"summary": summary, "meeting": meeting, "fixes": fixes},
    "Sell": {"pipeline": pipeline, "intake": intake, "renewals": renewals, "lapsed": lapsed},
    "Deliver": {
        "handoff": handoff,
        "capacity": capacity,
        "engagements": engagements,
        "deliveries": deliveries,
        "reconciliation": reconciliation,
    },
    "Money": {"budget": budget, "billing": billing, "kpis": kpis},
    "Look up": {"deal": deal, "community": community},
    "How it works": {"rules": rules, "sync_health": sync_health},
}
PAGES: Final[dict[str, ModuleType]] = {name: page for pages in SECTIONS.values() for name, page in pages.items()}
REPORT_PAGES: Final[dict[str, str]] = {report: name for name, page in PAGES.items() for report in page.REPORTS}
