"""Delivery problems: what was promised and is not shown, not told, not done, or not looked at."""

from __future__ import annotations

from pipelines.sandbox.story.paths import in_proposal, won
from pipelines.sandbox.story.storybook import Delivery, Storybook

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the community whose deliveries do not add up."""
    # Wrenhollow: deliveries that break one rule each, and the edges beside them. All are requested, signed and linked.
    # 1060   its one deliverable is done and its issue closed, and the engagement goes on: DV01.
    # 10601  complete, and nobody told Business Development: DV02.
    # 10602  the deliverable says Done, and its issue is open: DV03.
    # 10603  two line items and one deliverable: DV05.
    # 10604  the last status update is of 16 October, 31 days ago: DV06. 10605: 30 days ago, and due today: nothing.
    # 10606  red, and nobody wrote down what happens next: DV07. Emptybench is amber and did.
    # 10607  the issue was closed as not planned: DV08.
    # 10608  the deliverable was due yesterday: DV09.
    # 10609  a proposal without dates, so that nobody can say whether it fits, and nobody was asked: HG06. 10610 was not asked about
    #        either, but has dates: nothing. All other proposals of the story were asked about.
    # Nothing else: intake and agreements are complete, and none has an account of its own.
    community = book.community(60, "Wrenhollow Cartography", slug="wrenhollow")
    for deal_id, subject, delivery in (
        ("1060", "atlas hub", Delivery("WrenhollowA", item_status="Done")),
        ("10601", "globe hub", Delivery("WrenhollowB", status="Complete", notified_on=None)),
        ("10602", "relief hub", Delivery("WrenhollowC", item_status="Done", issue="open")),
        ("10603", "chart hub", Delivery("WrenhollowD", hours=(60.0, 20.0))),
        ("10604", "gazetteer hub", Delivery("WrenhollowE", updated_on="2026-10-16")),
        ("10605", "compass hub", Delivery("WrenhollowF", updated_on="2026-10-17", due_on="2026-11-16")),
        ("10606", "meridian hub", Delivery("WrenhollowG", rag="Red", action=None)),
        ("10607", "contour hub", Delivery("WrenhollowH", issue="not_planned")),
        ("10608", "isobar hub", Delivery("WrenhollowI", due_on="2026-11-15")),
    ):
        book.deal(
            community, deal_id, f"{community.name} {subject}", won("2026-08-24"), start="2026-09-01", end="2027-08-31",
            delivery=delivery,
        )
    _second_line_item(book, "10603")
    for deal_id, subject, start, end in (
        ("10609", "portolan hub", None, None),
        ("10610", "theodolite hub", "2027-03-01", "2028-02-29"),
    ):
        book.deal(
            community, deal_id, f"{community.name} {subject}", in_proposal("2026-10-26"), start=None, end=None, delivery=None,
            properties={"capacity_checked_date": None, "target_start_date": start, "target_end_date": end},
        )


def _second_line_item(book: Storybook, deal_id: str) -> None:
    item_id = f"6{deal_id}2"
    book.portal.add(
        "line_items",
        item_id,
        {"name": "Training for instructors", "quantity": "1", "price": "3000", "amount": "3000", "hs_product_type": "service"},
        created_at="2026-08-24T18:00:00.000Z",
    )
    book.portal.associate("deals", deal_id, "line_items", item_id)
