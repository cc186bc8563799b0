"""Intake problems: what the community was never asked, or answered in a way that nobody can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox.story.calendar import shifted
from pipelines.sandbox.story.paths import in_contract_admin, in_negotiation, won
from pipelines.sandbox.story.storybook import Delivery, Storybook

if TYPE_CHECKING:
    from pipelines.sandbox.story.paths import Step
    from pipelines.sandbox.story.storybook import Community

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the communities that delivery does not know well enough."""
    _placeholders(book)
    _not_usable(book)
    _same_name_twice(book)
    _two_clouds(book)
    _people_without_roles(book)
    _no_community(book)
    _half_empty_form(book)


def _ordinary(book: Storybook, community: Community, deal_id: str, word: str, path: list[Step] | None = None) -> None:
    """Add a deal that is complete but for what its community lacks; it begins next year unless it was won."""
    begun = path is None
    start = "2026-10-01" if begun else "2027-01-04"
    book.deal(
        community, deal_id, f"{community.name} hub", path or won("2026-09-14"), start=start, end=shifted(start, 364),
        delivery=Delivery(word, status="In progress" if begun else "Planned"),
    )


def _placeholders(book: Storybook) -> None:
    # Blankslate: the form was filled with placeholders to get past it: missing_intake for community_id, long_name and logo_url,
    # each with the severity of its field. The community id can be derived from the short name.
    # Nothing else: all other answers are real.
    fields = {"community_id": "TBD", "community_long_name": "n/a", "logo_url": "-"}
    community = book.community(28, "Blankslate Fisheries", fields=fields)
    _ordinary(book, community, "1028", "Blankslate", in_contract_admin("2026-11-05"))


def _not_usable(book: Storybook) -> None:
    # Hyphenmoor: answers in a form that no tool takes: a community id with a hyphen, a website without http, and a word where a
    # sentence was asked: missing_intake for community_id, website and context_people, all low because something is there.
    # Nothing else.
    fields = {"community_id": "hyphen-moor", "website": "hyphenmoor.example", "context_people": "Moor scientists"}
    community = book.community(29, "Hyphenmoor Wetlands", fields=fields)
    _ordinary(book, community, "1029", "Hyphenmoor")


def _same_name_twice(book: Storybook) -> None:
    # Lumenfield North and Lumenfield South: two communities chose the same community id: missing_intake:community_id as a duplicate
    # for the deal of each, high because clusters and billing columns would collide.
    # Nothing else.
    for number, name, deal_id, word in (
        (30, "Lumenfield North", "1030", "LumenNorth"),
        (31, "Lumenfield South", "1031", "LumenSouth"),
    ):
        community = book.community(number, name, slug=word.lower(), fields={"community_id": "lumenfield"})
        _ordinary(book, community, deal_id, word)


def _two_clouds(book: Storybook) -> None:
    # Crosswind: sold on AWS in us-west-2, planned on GCP in us-central1: missing_intake for cloud_provider and cloud_region as a
    # conflict. The engagement also has another name: RC06.
    # Nothing else.
    community = book.community(32, "Crosswind Climatology")
    book.deal(
        community, "1032", "Crosswind Climatology hub", won("2026-09-14"), start="2026-10-01", end="2027-09-30",
        delivery=Delivery("Crosswind", provider="GCP", region="us-central1", name="Crosswind weather desk"),
    )


def _people_without_roles(book: Storybook) -> None:
    # Cinderpath: its people are linked, but nobody says who they are or how to reach them.
    # 1033   buyer and engineer are linked without a label: missing_intake for the roles buyer and technical_contact.
    # 10335  in negotiation only buyer and champion are needed, and the buyer has no label: the role buyer.
    # 10336  the technical contact, who also speaks for the community, has neither e-mail nor GitHub name: one finding for each
    #        field, not one for each role.
    # Nothing else: the remaining roles stand on the deals, and the people in them are reachable.
    community = book.community(33, "Cinderpath Volcanology", community_people=())
    buyer, champion, engineer = community.buyer, community.champion, community.engineer
    labelled = ((champion, "Champion"), (champion, "Community Representative"))
    book.deal(
        community, "1033", "Cinderpath Volcanology ash hub", in_contract_admin("2026-11-05"), start="2027-01-04", end="2028-01-03",
        delivery=Delivery("CinderpathA", status="Planned"), people=(*labelled, (buyer, None), (engineer, None)),
    )
    book.deal(
        community, "10335", "Cinderpath Volcanology lava hub", in_negotiation("2026-11-02"), start=None, end=None, delivery=None,
        request=None, people=((champion, "Champion"), (buyer, None)),
    )
    book.contact("30339", "Ignace", "Tarrow-Cinderpath", "cinderpath", is_reachable=False)
    book.deal(
        community, "10336", "Cinderpath Volcanology tremor hub", won("2026-09-14"), start="2026-10-01", end="2027-09-30",
        delivery=Delivery("CinderpathC"),
        people=(
            (buyer, "Buyer"),
            (champion, "Champion"),
            ("30339", "Technical Contact"),
            ("30339", "Community Representative"),
        ),
    )


def _no_community(book: Storybook) -> None:
    # Starless: the community exists in HubSpot, but the deal is linked with nothing but the company: one missing_intake finding,
    # "community", in place of one for each field of a community that is not there.
    # Nothing else: the deal's own fields are complete, and all four roles stand on the deal.
    community = book.community(34, "Starless Nebulae")
    book.deal(
        community, "1034", "Starless Nebulae hub", in_contract_admin("2026-11-05"), start="2027-01-04", end="2028-01-03",
        delivery=Delivery("Starless", status="Planned"), in_community=False,
        people=(
            (community.buyer, "Buyer"),
            (community.champion, "Champion"),
            (community.champion, "Community Representative"),
            (community.engineer, "Technical Contact"),
        ),
    )


def _half_empty_form(book: Storybook) -> None:
    # Foxglove: won, and the form is half empty: missing_intake for amount (unset), membership_level (an empty text, as HubSpot
    # also sends), context_data and company_name: HubSpot made the company from an e-mail's domain, and nobody gave it a name. The
    # deal is named as deals are, so the company's name is known from there.
    # Nothing else: nobody has answered for all contexts at once, and an unknown amount makes no other finding.
    community = book.community(35, "Foxglove Pharmacology", fields={"context_data": None}, is_company_named=False)
    book.deal(
        community, "1035", "[26] Foxglove Pharmacology", won("2026-09-14"), start="2026-10-01", end="2027-09-30",
        delivery=Delivery("Foxglove"), properties={"amount": None, "membership_level": ""},
    )
