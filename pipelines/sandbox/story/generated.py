"""As many healthy deals as somebody wants, to see how the tool behaves at scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.sandbox.story.calendar import instant, shifted
from pipelines.sandbox.story.paths import Step, won
from pipelines.sandbox.story.storybook import Delivery

if TYPE_CHECKING:
    from pipelines.sandbox.story.storybook import Storybook

# Airtable allows a base far fewer rows than HubSpot a portal: beyond this number the deals stay leads, of which nothing is asked.
_MOST_DELIVERED: Final = 300
_DEALS_OF_A_LEAD_COMMUNITY: Final = 25
_FIRST_COMMUNITY: Final = 1000
_LANDSCAPES: Final = ("Amber", "Birch", "Copper", "Dune", "Ember", "Fjord", "Granite", "Heath", "Isle", "Juniper")
_FIELDS: Final = (
    "Botany",
    "Calorimetry",
    "Dialects",
    "Economics",
    "Forestry",
    "Glaciers",
    "Heraldry",
    "Insects",
    "Jurassic",
    "Kinetics",
)

# One deal reads best in two or three lines.
# fmt: off


def _letters(number: int) -> str:
    """Return a lower-case word of four letters for a number: community ids hold no digits."""
    word = ""
    for _ in range(4):
        number, rest = divmod(number, 26)
        word = chr(ord("a") + rest) + word
    return word


def _name(number: int) -> str:
    landscape = _LANDSCAPES[number % 10]
    return f"{landscape}{_letters(number)} {_FIELDS[number // 10 % 10]}"


def tell(book: Storybook, deals: int) -> None:
    """Add ``deals`` healthy deals: won and delivered while there are few, leads when there are many. Raises ValueError below 0."""
    if deals < 0:
        raise ValueError(f"{deals} deals cannot be generated; ask for none or more.")
    if deals > _MOST_DELIVERED:
        _leads(book, deals)
    else:
        _delivered(book, deals)


def _delivered(book: Storybook, deals: int) -> None:
    for number in range(deals):
        community = book.community(_FIRST_COMMUNITY + number, _name(number))
        book.deal(
            community, f"{900000 + number}", f"{community.name} hub", won(shifted("2026-05-04", number % 28)),
            start="2026-07-01", end="2027-06-30", delivery=Delivery(f"Gen{number:05d}"), request="issue" if number % 2 else "order",
        )


def _leads(book: Storybook, deals: int) -> None:
    for number in range(deals):
        position, place = divmod(number, _DEALS_OF_A_LEAD_COMMUNITY)
        if place == 0:
            community = book.community(_FIRST_COMMUNITY + position, _name(position))
        created = shifted("2026-02-02", number % 270)
        book.deal(
            community, f"{900000 + number}", f"{community.name} idea {place + 1}", [Step("1001", instant(created))],
            start=None, end=None, delivery=None, request=None,
        )
