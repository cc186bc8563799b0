"""Renewal problems: agreements that end while nobody renews, nobody talks, or nobody knows when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox.story.calendar import instant, shifted
from pipelines.sandbox.story.hubspot_schema import OWNER_WHO_LEFT
from pipelines.sandbox.story.paths import Step, engaging, won
from pipelines.sandbox.story.storybook import Delivery, Storybook

if TYPE_CHECKING:
    from pipelines.sandbox.story.storybook import Community

_NOTICE = "2026-11-10"

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the communities whose agreements end."""
    _no_renewal_deal(book)
    _silence_before_the_end(book)
    _no_end(book)


def _no_renewal_deal(book: Storybook) -> None:
    # Lastlight: agreements that end within the horizon and have no renewal deal: RN01 for each.
    # 1036   ends in exactly 180 days; a renewal was lost, which is neither open nor signed.
    # 10365  would have ended in 2027-12, but an amendment moved the end to 102 days from now.
    # 10366  runs to 2028, with a break that can be called in 105 days.
    # 10367  ended exactly 42 days ago, the last day on which it still counts as renewable. It costs nothing.
    # Nothing else: none is within 60 days of its end, and handoff and intake are complete.
    community = book.community(36, "Lastlight Lichenology")
    book.deal(
        community, "1036", "Lastlight Lichenology rock hub", won("2026-04-20"), start="2026-05-16", end="2027-05-15",
        delivery=Delivery("LastlightA"), properties={"renewal_status": "Will not renew"},
    )
    book.deal(
        community, "10361", "Lastlight Lichenology rock hub 2027",
        [Step("2001", instant("2026-08-03")), Step("2002", instant("2026-09-07")), Step("2006", instant("2026-10-26"))],
        start=None, end=None, renews="1036", delivery=None,
    )
    book.deal(
        community, "10365", "Lastlight Lichenology bark hub", won("2025-12-08"), start="2026-01-01", end="2027-12-31",
        delivery=Delivery("LastlightB"), properties={"amended_end_date": "2027-02-26"},
    )
    book.deal(
        community, "10366", "Lastlight Lichenology tundra hub", won("2025-02-10"), start="2025-03-01", end="2028-02-28",
        delivery=Delivery("LastlightC"), properties={"next_break_date": "2027-03-01", "amount": "90000"},
    )
    book.deal(
        community, "10367", "Lastlight Lichenology roof hub", won("2025-09-22"), start="2025-10-06", end="2026-10-05",
        delivery=Delivery("LastlightD"),
    )


def _ending(
    book: Storybook,
    community: Community,
    deal_id: str,
    subject: str,
    dates: tuple[str, str],
    *,
    word: str,
    notice: str | None = _NOTICE,
    contacted: str,
    renewal_contacted: str | None = None,
    owner: str = "502",
) -> None:
    """Add an agreement that ends soon and its open renewal, whose dates are not agreed yet."""
    book.deal(
        community, deal_id, f"{community.name} {subject}", won(shifted(dates[0], -24)),
        start=dates[0], end=dates[1], delivery=Delivery(word, notice_on=notice),
        properties={
            "renewal_status": "Will renew",
            "notes_last_contacted": instant(contacted),
            "hubspot_owner_id": owner,
        },
    )
    book.deal(
        community, f"{deal_id}1", f"{community.name} {subject} 2027", engaging("2026-10-12"), start=None, end=None,
        renews=deal_id, delivery=None,
        properties={
            "notes_last_contacted": renewal_contacted and instant(renewal_contacted),
            "hubspot_owner_id": owner,
        },
    )


def _silence_before_the_end(book: Storybook) -> None:
    # Silentharbor: agreements that end within 60 days, all with an open renewal deal (no RN01), where something was not said.
    # 1037   ends in exactly 60 days; last contact on deal and renewal 31 days ago: RN04.
    # 10375  ends in 45 days; talked to last week, but the owner of both deals has left: RN04.
    # 10376  ends in 55 days; last contact exactly 30 days ago: nothing.
    # 10377  ends in 50 days; silent on the deal since July, but the renewal was talked about last week: nothing.
    # 10378  ends in exactly 60 days; talked to, but no expiry notice recorded: RN10. The other four have one.
    # Nothing else: the open renewals are not at handoff and before negotiation, where no intake is due.
    community = book.community(37, "Silentharbor Acoustics")
    _ending(
        book, community, "1037", "whale hub", ("2026-01-16", "2027-01-15"), word="SilentharbA",
        contacted="2026-10-16", renewal_contacted="2026-10-16",
    )
    _ending(
        book, community, "10375", "seal hub", ("2026-01-01", "2026-12-31"), word="SilentharbB",
        contacted="2026-11-10", renewal_contacted="2026-11-10", owner=OWNER_WHO_LEFT,
    )
    _ending(book, community, "10376", "shrimp hub", ("2026-01-11", "2027-01-10"), word="SilentharbC", contacted="2026-10-17")
    _ending(
        book, community, "10377", "ferry hub", ("2026-01-06", "2027-01-05"), word="SilentharbD",
        contacted="2026-07-01", renewal_contacted="2026-11-10",
    )
    _ending(
        book, community, "10378", "reef hub", ("2026-01-16", "2027-01-15"), word="SilentharbE", contacted="2026-11-10", notice=None,
    )


def _no_end(book: Storybook) -> None:
    # Endless: won without any end date, neither contract nor target: RN05, and because intake asks for the same date at this stage,
    # missing_intake:contract_end too.
    # Nothing else: what has no end is neither ended nor inside a window.
    community = book.community(38, "Endless Ethnography")
    book.deal(
        community, "1038", "Endless Ethnography hub", won("2026-06-15"), start="2026-07-01", end=None, delivery=Delivery("Endless"),
    )
