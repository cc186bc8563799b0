"""Handoff problems: no engagement, no request, links that do not hold, nothing broken down, nothing signed, nothing begun."""

from __future__ import annotations

from typing import Any

from pipelines.sandbox.story import github
from pipelines.sandbox.story.calendar import instant
from pipelines.sandbox.story.hubspot import deal_url
from pipelines.sandbox.story.paths import Step, in_contract_admin, in_proposal, lost, won
from pipelines.sandbox.story.storybook import Delivery, Storybook

_OTHER_PORTAL = 9900009

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the communities whose handoff went wrong."""
    _no_engagement(book)
    _never_asked(book)
    _links_that_do_not_hold(book)
    _not_broken_down(book)
    _not_signed(book)
    _nobody_delivers(book)
    _not_begun(book)
    _still_working(book)


def _no_engagement(book: Storybook) -> None:
    # Hollowcrag: nobody created the engagements.
    # 1021 was won and its start has passed: HG01 as a blocker, and HG10 because no day is left. 10215 came to Contract Admin on
    # Friday 6 November: HG01, but no HG10, because with Veterans Day the fifth business day is today.
    # Nothing else: both have orders, and without an engagement there is nothing to break down, start or link.
    community = book.community(21, "Hollowcrag Speleology")
    book.deal(
        community, "1021", "Hollowcrag Speleology hub", won("2026-10-12"), start="2026-11-02", end="2027-10-31", delivery=None,
    )
    book.deal(
        community, "10215", "Hollowcrag Speleology field school", in_contract_admin("2026-11-06"),
        start="2027-01-04", end="2027-12-31", delivery=None,
    )


def _never_asked(book: Storybook) -> None:
    # Windrow: engagements exist, but nobody asked Product & Services to deliver. HG02 for all five; HG10 only where it is late:
    # 1022   entered Contract Admin on 12 November 02:30 UTC, which is the evening of the 11th in Los Angeles: the second business
    #        day was Friday the 13th, so HG10 (counted in UTC it would not be late).
    # 10225  entered on Thursday the 12th; a draft stands on the request board, which is no issue; the second day is today: no HG10.
    # 10226  an integration moved it from Qualified to Closed Won on 5 November: the clock starts there, so HG10. A first
    #        engagement was cancelled; the deal is not complete because of that.
    # 10227  won in September, lost in October, reopened on 12 November: the clock starts anew, so no HG10.
    # 10228  entered into HubSpot three weeks after it was closed: backfill has no clock, so no HG10.
    # Nothing else: agreements, engagements and intake are complete, and work that has begun is in progress.
    community = book.community(22, "Windrow Agronomy")
    planned: dict[str, Any] = {"start": "2027-01-11", "end": "2028-01-10", "request": None}
    book.deal(
        community, "1022", "Windrow Agronomy soil hub", in_contract_admin("2026-11-12T02:30:00.000Z"),
        delivery=Delivery("WindrowA", status="Planned"), **planned,
    )
    book.deal(
        community, "10225", "Windrow Agronomy seed hub", in_contract_admin("2026-11-12"),
        delivery=Delivery("WindrowB", status="Planned"), **planned,
    )
    book.organization.draft(
        github.REQUEST_BOARD, "Deliver Windrow Agronomy seed hub?", instant("2026-11-13"), status="New", deal_url=deal_url("10225")
    )
    jumped = [
        Step("1001", instant("2026-09-01"), "INTEGRATION"),
        Step("1002", instant("2026-09-15"), "INTEGRATION"),
        Step("1006", instant("2026-11-05"), "INTEGRATION"),
    ]
    book.deal(
        community, "10226", "Windrow Agronomy weather hub", jumped, start="2026-12-01", end="2027-11-30",
        delivery=Delivery("WindrowC", status="Planned"), request=None,
    )
    book.engagement(
        "10226", "Windrow Agronomy weather hub", community.name,
        Delivery("WindrowCOld", status="Cancelled", is_named_by_deal=False, has_project=False, rag="Red"),
        start="2026-12-01", end=None, created_at=instant("2026-11-05"),
    )
    reopened = [*won("2026-09-14"), Step("1007", instant("2026-10-20")), Step("1005", instant("2026-11-12"))]
    book.deal(
        community, "10227", "Windrow Agronomy drone hub", reopened, delivery=Delivery("WindrowD", status="Planned"), **planned,
    )
    book.deal(
        community, "10228", "Windrow Agronomy market hub", [Step("1006", instant("2026-10-20"), "IMPORT")],
        start="2026-10-01", end="2027-09-30", delivery=Delivery("WindrowE"), request=None,
        properties={"closedate": instant("2026-09-30")},
    )


def _links_that_do_not_hold(book: Storybook) -> None:
    # Halfbridge: deals and engagements that find each other on one side only.
    # 1023   the engagement names the deal, the deal names nothing: HG09, and the missing half is known.
    # 10235  the deal names the engagement, which names nothing: HG09.
    # 10236  the engagement names the same record number of another portal: that half does not count, so HG09.
    # 10237  the same, and the deal names nothing either: no link is left, so HG01. Not late: clock since 12 November.
    # 10238  two engagements serve one deal, which can name only the first: HG09.
    # Nothing else: each has its order, and each engagement its project, deliverable and issue.
    community = book.community(23, "Halfbridge Oceanics")
    running: dict[str, Any] = {"start": "2026-10-01", "end": "2027-09-30"}
    book.deal(
        community, "1023", "Halfbridge Oceanics glider hub", won("2026-09-07"),
        delivery=Delivery("HalfbridgeA", is_named_by_deal=False), **running,
    )
    book.deal(
        community, "10235", "Halfbridge Oceanics buoy hub", won("2026-09-08"),
        delivery=Delivery("HalfbridgeB", names_deal=None), **running,
    )
    book.deal(
        community, "10236", "Halfbridge Oceanics tide hub", won("2026-09-09"),
        delivery=Delivery("HalfbridgeC", names_deal=deal_url("10236", portal=_OTHER_PORTAL)), **running,
    )
    book.deal(
        community, "10237", "Halfbridge Oceanics reef hub", in_contract_admin("2026-11-12"), start="2027-01-04", end="2027-12-31",
        delivery=Delivery(
            "HalfbridgeD", status="Planned", is_named_by_deal=False, names_deal=deal_url("10237", portal=_OTHER_PORTAL)
        ),
    )
    book.deal(
        community, "10238", "Halfbridge Oceanics ice hub", won("2026-09-10"), delivery=Delivery("HalfbridgeE"), **running,
    )
    book.engagement(
        "10238", "Halfbridge Oceanics ice hub", community.name, Delivery("HalfbridgeF", name="Halfbridge Oceanics ice training"),
        created_at=instant("2026-09-11"), **running,
    )


def _not_broken_down(book: Storybook) -> None:
    # Emptybench: engagements that nobody broke down into work. 1024 has no project at all, 10245 has a project and a deliverable
    # but nothing on GitHub: HG03 for both.
    # Nothing else: both were requested by an order (an issue on the request board would count as a GitHub item).
    community = book.community(24, "Emptybench Ecology")
    running: dict[str, Any] = {"start": "2026-10-05", "end": "2027-10-04"}
    book.deal(
        community, "1024", "Emptybench Ecology forest hub", won("2026-09-21"),
        delivery=Delivery("EmptybenchA", has_project=False, rag="Amber"), **running,
    )
    book.deal(
        community, "10245", "Emptybench Ecology meadow hub", won("2026-09-22"),
        delivery=Delivery("EmptybenchB", github=None, rag="Amber"), **running,
    )


def _not_signed(book: Storybook) -> None:
    # Inkwell: closed as won without a signature. 1025 has no agreement at all, 10255 a link but not the executed flag: HG04 for
    # both. 10256 is unsigned too, but only in Contract Admin, where that is normal.
    # Nothing else: delivery is requested and planned.
    community = book.community(25, "Inkwell Paleography")
    planned: dict[str, Any] = {"start": "2027-01-04", "end": "2027-12-31"}
    book.deal(
        community, "1025", "Inkwell Paleography scrolls hub", won("2026-11-02"), delivery=Delivery("InkwellA", status="Planned"),
        properties={"agreement_url": None, "agreement_executed": None}, **planned,
    )
    book.deal(
        community, "10255", "Inkwell Paleography ledgers hub", won("2026-11-03"), delivery=Delivery("InkwellB", status="Planned"),
        properties={"agreement_executed": "false"}, **planned,
    )
    book.deal(
        community, "10256", "Inkwell Paleography seals hub", in_contract_admin("2026-11-05"),
        delivery=Delivery("InkwellC", status="Requested"), **planned,
    )


def _nobody_delivers(book: Storybook) -> None:
    # Leaderless: agreed and planned, and nobody is named on the engagement who delivers it: HG07.
    # Nothing else: it is requested, linked and broken down, and begins in January.
    community = book.community(52, "Leaderless Lepidoptery")
    book.deal(
        community, "1052", "Leaderless Lepidoptery hub", won("2026-11-02"), start="2027-01-04", end="2027-12-31",
        delivery=Delivery("Leaderless", status="Planned", owner=None),
    )


def _not_begun(book: Storybook) -> None:
    # Stillwater: promised dates that pass without work. 1026 should have begun on 19 October and is planned, 10265 should begin
    # today and is requested: HG08 for both. 10266 begins tomorrow: nothing.
    # Nothing else: everything is requested, linked and broken down.
    community = book.community(26, "Stillwater Metabolomics")
    for deal_id, name, start, end, word, status in (
        ("1026", "Stillwater Metabolomics plasma hub", "2026-10-19", "2027-10-18", "StillwaterA", "Planned"),
        ("10265", "Stillwater Metabolomics urine hub", "2026-11-16", "2027-11-15", "StillwaterB", "Requested"),
        ("10266", "Stillwater Metabolomics tissue hub", "2026-11-17", "2027-11-16", "StillwaterC", "Planned"),
    ):
        book.deal(
            community, deal_id, name, won("2026-10-05"), start=start, end=end, delivery=Delivery(word, status=status), request="issue"
        )


def _still_working(book: Storybook) -> None:
    # Ghostgrove: delivery works for deals that are gone. 1027 was lost, 10275 was archived: HG12 for both. A third engagement
    # belongs to no deal at all: RC01.
    # Nothing else: lost and archived deals owe no intake, and both pairs are linked in both directions.
    community = book.community(27, "Ghostgrove Mycology")
    dates: dict[str, Any] = {"start": "2026-10-01", "end": "2027-09-30"}
    book.deal(
        community, "1027", "Ghostgrove Mycology spore hub", lost("2026-10-26"), delivery=Delivery("GhostgroveA"), request=None, **dates
    )
    book.deal(
        community, "10275", "Ghostgrove Mycology truffle hub", won("2026-09-14"), delivery=Delivery("GhostgroveB"),
        archived_at=instant("2026-11-03"), **dates,
    )
    book.engagement(
        "10276", "Ghostgrove Mycology compost hub", community.name, Delivery("GhostOrphan", names_deal=None),
        created_at=instant("2026-08-24"), **dates,
    )
    # a proposal, so that the community is not only made of deals that are gone
    book.deal(
        community, "10277", "Ghostgrove Mycology lichen hub", in_proposal("2026-10-19"), start=None, end=None, delivery=None,
    )
