"""What sales and delivery do not agree about: who belongs to whom, and what the one wrote down of the other."""

from __future__ import annotations

from typing import Any

from pipelines.sandbox.story import airtable
from pipelines.sandbox.story.calendar import instant
from pipelines.sandbox.story.hubspot import deal_url
from pipelines.sandbox.story.paths import in_negotiation, won
from pipelines.sandbox.story.storybook import Community, Delivery, Storybook

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the communities whose deals and engagements are not one to one, or do not say the same."""
    _relations(book, book.community(50, "Tandemfell Archaeology"))
    _drift(book, book.community(51, "Echovale Linguistics"))


def _relations(book: Storybook, community: Community) -> None:
    # Tandemfell: links that hold in both directions wherever they can, so that no handoff rule says anything.
    # 1050   two engagements on purpose: map_relation_overrides.csv holds both links, so nothing.
    # 10501  an automation made its engagement twice, on 3 and 4 August: RC04 for the younger one.
    # 10502  and 10503 are delivered by one engagement that names both: RC03.
    # An engagement names deal 109999, which HubSpot does not have: RC02.
    # Another names nothing; 10504, in negotiation, has no engagement, and its planned term is the same: RC01, with the suggestion.
    # Ghostgrove has an engagement without a deal, too (RC01), and Quarrelstone one that names a merged deal (RC05).
    name = community.name
    running: dict[str, Any] = {"start": "2026-08-17", "end": "2027-08-16"}
    book.deal(community, "1050", f"{name} pottery hub", won("2026-08-03"), delivery=Delivery("TandemfellA"), **running)
    book.engagement(
        "1050", f"{name} pottery hub", name, Delivery("TandemfellB", name=f"{name} pottery training"),
        created_at=instant("2026-08-04"), **running,
    )
    book.deal(community, "10501", f"{name} pollen hub", won("2026-08-03"), delivery=Delivery("TandemfellC"), **running)
    book.engagement(
        "10501", f"{name} pollen hub", name, Delivery("TandemfellD"), created_at=instant("2026-08-04"), **running,
    )
    both = Delivery("TandemfellE", names_deal=f"{deal_url('10502')} {deal_url('10503')}", name=f"{name} survey hubs")
    book.deal(community, "10502", f"{name} drone survey hub", won("2026-08-03"), delivery=both, **running)
    book.deal(
        community, "10503", f"{name} sonar survey hub", won("2026-08-03"), delivery=None, **running,
        properties={"engagement_url": airtable.engagement_url(airtable.record_id("Eng", both.word))},
    )
    book.engagement(
        "10505", f"{name} mosaic hub", name, Delivery("TandemfellF", names_deal=deal_url("109999")),
        created_at=instant("2026-08-04"), **running,
    )
    book.deal(
        community, "10504", f"{name} kiln hub", in_negotiation("2026-10-26"), start="2026-12-07", end="2027-12-06", delivery=None,
    )
    book.engagement(
        "10504", f"{name} kiln hub", name, Delivery("TandemfellG", names_deal=None, status="Planned"),
        start="2026-12-07", end="2027-12-06", created_at=instant("2026-11-02"),
    )


def _drift(book: Storybook, community: Community) -> None:
    # Echovale: one engagement for each deal, with what somebody once copied from it.
    # 1051   sold for 24,000 and changed to 27,000 on 3 September (SG10); the engagement still says 24,000: RC06, a stale copy.
    # 10511  the same, but somebody wrote 25,500 on the engagement: both sides were changed, RC07 (and SG10).
    # 10512  capitals and spaces of the name differ, and the value is the deal's: nothing.
    # Lastlight's bark hub was amended and its engagement was not, and Crosswind's engagement has a name of its own: RC06 for both.
    running: dict[str, Any] = {"start": "2026-08-31", "end": "2027-08-30"}
    for deal_id, subject, delivery in (
        ("1051", "dialect hub", Delivery("EchovaleA", value="24000")),
        ("10511", "corpus hub", Delivery("EchovaleB", value="25500")),
    ):
        book.deal(
            community, deal_id, f"{community.name} {subject}", won("2026-08-17"), delivery=delivery, **running,
            properties={"amount": "27000"}, sold_for=("24000", instant("2026-09-03")),
        )
    book.deal(
        community, "10512", f"{community.name} phoneme hub", won("2026-08-17"), **running,
        delivery=Delivery("EchovaleC", name="Echovale linguistics  Phoneme Hub", value="24000"),
    )
