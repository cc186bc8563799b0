"""Services that end: a renewal that was lost and nobody takes the service down, extensions, and accounts that outlive their service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox.story.aws import Spend, account_id
from pipelines.sandbox.story.calendar import instant
from pipelines.sandbox.story.paths import Step, contracting, won
from pipelines.sandbox.story.storybook import Delivery

if TYPE_CHECKING:
    from pipelines.sandbox.story.storybook import Storybook

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the communities whose service ends, or should."""
    _nobody_takes_it_down(book)
    _extended(book)
    _taken_down(book)


def _nobody_takes_it_down(book: Storybook) -> None:
    # Ebbtide: ends in 55 days, its renewal was lost, and no off-boarding task is recorded: RN08, and RN01 because nothing open renews it.
    # Nothing else: the notice went out and people talk to each other.
    community = book.community(66, "Ebbtide Estuary")
    book.deal(
        community, "10661", "Ebbtide Estuary hub", won("2025-12-15"), start="2026-01-11", end="2027-01-10",
        delivery=Delivery("Ebbtide", notice_on="2026-11-10"),
        properties={"renewal_status": "Will not renew", "notes_last_contacted": instant("2026-11-10")},
    )
    book.deal(
        community, "106611", "Ebbtide Estuary hub 2027",
        [Step("2001", instant("2026-07-13")), Step("2002", instant("2026-08-17")), Step("2006", instant("2026-11-09"))],
        start=None, end=None, renews="10661", delivery=None,
    )


def _extended(book: Storybook) -> None:
    # Two agreements that have ended, each with a renewal that is being signed.
    # 10611  Lingerwood: ended 25 days ago and was extended to 5 November, which is over; its engagement goes on: LA04.
    # 10651  Stayawhile: ended 22 days ago and is extended until 20 November: nothing.
    # Nothing else: the open renewals are where the playbook wants them.
    for number, name, deal_id, dates, word, extended in (
        (61, "Lingerwood Lepidoptera", "10611", ("2025-10-23", "2026-10-22"), "Lingerwood", "2026-11-05"),
        (65, "Stayawhile Sociology", "10651", ("2025-10-26", "2026-10-25"), "Stayawhile", "2026-11-20"),
    ):
        community = book.community(number, name)
        book.deal(
            community, deal_id, f"{name} hub", won("2025-09-29"), start=dates[0], end=dates[1],
            delivery=Delivery(word, notice_on="2026-08-20", extended_until=extended),
            properties={"renewal_status": "Will renew", "notes_last_contacted": instant("2026-11-10")},
        )
        book.deal(
            community, f"{deal_id}1", f"{name} hub 2027", contracting("2026-11-02"), start="2026-12-01", end="2027-11-30",
            renews=deal_id, delivery=None,
        )


def _taken_down(book: Storybook) -> None:
    # Embercairn: taken down on 2 November at the community's wish, eleven days before the last settled day, and its account still
    # costs 6 dollars a day: LA06.
    # Nothing else: the agreement runs on until June, so that the days are covered, and the engagement is complete.
    community = book.community(62, "Embercairn Archaeology")
    book.deal(
        community, "10621", "Embercairn Archaeology hub", won("2026-06-15"), start="2026-07-01", end="2027-06-30",
        delivery=Delivery("Embercairn", status="Complete", budget="300", decommissioned_on="2026-11-02"),
    )
    book.payer.account(account_id("10621"), "embercairn", Spend("6"))
