"""Deals that leave the agreed path of stages, and deals that stand still on it."""

from __future__ import annotations

from typing import Any

from pipelines.sandbox.story.calendar import instant
from pipelines.sandbox.story.paths import Step, in_negotiation, in_proposal, lost, won
from pipelines.sandbox.story.storybook import Delivery, Storybook

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the community whose deals go their own ways."""
    # Switchback: eight deals that break one stage rule each, and the edges beside them. Windrow Agronomy breaks the other four.
    # 1044   negotiation, then back to proposal on 4 November: SG02.
    # 10441  in proposal for 46 days: SG06; 10442 for exactly the 45 that are agreed: nothing.
    # 10443  should have closed yesterday: SG07; 10442 closes today: nothing.
    # 10444  began as new business and was moved to renewals: SG08, and no SG01 although Preparing was skipped.
    # 10445  won with 24,000 and changed to 21,000 a week later: SG10.
    # 10446  lost without a reason: SG11. The other lost deals of the story have one.
    # 10447  four minutes in Contract Admin before it was won: SG13.
    # 10448  the contract is to begin 91 days after its target: SG14; 10449 90 days: nothing.
    # Nothing else: none but the two won ones is at handoff, and those are requested, signed and delivered.
    community = book.community(44, "Switchback Palynology")
    open_deal: dict[str, Any] = {"start": None, "end": None, "delivery": None, "request": None}
    book.deal(
        community, "1044", "Switchback Palynology pollen hub",
        [*in_negotiation("2026-10-19"), Step("1003", instant("2026-11-04"))], **open_deal,
    )
    book.deal(community, "10441", "Switchback Palynology spore hub", in_proposal("2026-10-01"), **open_deal)
    book.deal(
        community, "10442", "Switchback Palynology cone hub", in_proposal("2026-10-02"), **open_deal,
        properties={"closedate": instant("2026-11-16")},
    )
    book.deal(
        community, "10443", "Switchback Palynology amber hub", in_proposal("2026-10-26"), **open_deal,
        properties={"closedate": instant("2026-11-15")},
    )
    book.deal(
        community, "10444", "Switchback Palynology peat hub",
        [
            Step("1001", instant("2026-09-14")),
            Step("1002", instant("2026-10-05")),
            Step("2001", instant("2026-10-20")),
            Step("2003", instant("2026-11-09")),
        ],
        **open_deal,
    )
    book.deal(
        community, "10445", "Switchback Palynology resin hub", won("2026-09-14"), start="2026-10-01", end="2027-09-30",
        delivery=Delivery("SwitchbackA"), properties={"amount": "21000"}, sold_for=("24000", instant("2026-09-21")),
    )
    book.deal(
        community, "10446", "Switchback Palynology loess hub", lost("2026-11-02"), **open_deal,
        properties={"closed_lost_reason": None},
    )
    book.deal(
        community, "10447", "Switchback Palynology coal hub",
        [*in_negotiation("2026-10-12"), Step("1005", instant("2026-10-27")), Step("1006", "2026-10-27T18:04:00.000Z")],
        start="2026-11-02", end="2027-11-01", delivery=Delivery("SwitchbackB"),
    )
    for deal_id, name, target in (
        ("10448", "Switchback Palynology varve hub", "2026-11-02"),
        ("10449", "Switchback Palynology drift hub", "2026-11-03"),
    ):
        book.deal(
            community, deal_id, name, in_proposal("2026-10-26"), start="2027-02-01", end="2028-01-31", delivery=None, request=None,
            properties={"target_start_date": target, "target_end_date": "2028-01-31"},
        )
