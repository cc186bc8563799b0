"""Renewal problems: agreements that end while nobody renews, nobody talks, or nobody knows when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox.story.calendar import instant, shifted
from pipelines.sandbox.story.hubspot_schema import OWNER_WHO_LEFT
from pipelines.sandbox.story.paths import Step, engaging, preparing, renewed, won
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
    _what_does_not_fit(book)


def _no_renewal_deal(book: Storybook) -> None:
    # Lastlight: agreements that end within the horizon and have no renewal deal: RN01 for each.
    # 1036   ends in exactly 180 days; a renewal was lost, which is neither open nor signed.
    # 10365  would have ended in 2027-12, but an amendment moved the end to 102 days from now. The engagement does not know it: RC06.
    # 10366  runs to 2028, with a break that can be called in 105 days.
    # 10367  ended exactly 42 days ago, the last day on which it still counts as renewable. It costs nothing, but its engagement is
    #        still in progress: LA02 too.
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
    # 10375  ends in 45 days; talked to last week, but the owner of both deals has left: RN04, and OW01 for each.
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


def _what_does_not_fit(book: Storybook) -> None:
    # Patchwork: renewals whose dates, stages and words do not fit together. None is within 60 days of its end.
    # 10451   began 14 days after 1045, which it renews, had ended: RN06 for the renewal.
    # 104521  began 47 days before the end of 10452, which it renews: RN07 for the renewal. Compare Brackwater, whose overlap of 28
    #         days and whose older gap are nothing.
    # 10453   says that it will renew, and no renewal deal is linked; it ends in 288 days, outside the horizon: RN02 and no RN01.
    # 10454   ends in 80 days, and its renewal is still being prepared; from 90 days on it should be engaging: RN03.
    # 10455   says that it was renewed, and nothing signed renews it: RN09.
    # Nothing else: what was renewed has ended, and the renewals continue its engagement.
    community = book.community(45, "Patchwork Limnology")
    name = community.name
    renewed_before = {"renewal_status": "Renewed"}
    book.deal(
        community, "1045", f"{name} lake hub 2025", won("2025-05-12"), start="2025-06-01", end="2026-05-31",
        delivery=Delivery("PatchworkA"), properties=renewed_before,
    )
    book.deal(
        community, "10451", f"{name} lake hub 2026", renewed("2026-06-08"), start="2026-06-15", end="2027-06-30",
        renews="1045", delivery=None,
    )
    book.deal(
        community, "10452", f"{name} river hub 2025", won("2025-02-10"), start="2025-03-01", end="2026-02-28",
        delivery=Delivery("PatchworkB"), properties=renewed_before,
    )
    book.deal(
        community, "104521", f"{name} river hub 2026", renewed("2025-12-15"), start="2026-01-13", end="2027-07-31",
        renews="10452", delivery=None,
    )
    book.deal(
        community, "10453", f"{name} pond hub", won("2026-08-10"), start="2026-09-01", end="2027-08-31",
        delivery=Delivery("PatchworkC"), properties={"renewal_status": "Will renew"},
    )
    book.deal(
        community, "10454", f"{name} bog hub 2026", won("2025-01-13"), start="2025-02-05", end="2027-02-04",
        delivery=Delivery("PatchworkD"), properties={"renewal_status": "Will renew"},
    )
    book.deal(
        community, "104541", f"{name} bog hub 2027", preparing("2026-10-05"), start=None, end=None, renews="10454", delivery=None,
    )
    book.deal(
        community, "10455", f"{name} spring hub", won("2026-09-14"), start="2026-10-01", end="2027-09-30",
        delivery=Delivery("PatchworkE"), properties=renewed_before,
    )
