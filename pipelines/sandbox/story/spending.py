"""Cloud costs beside the month's sum: a term that burns too fast, and a budget of AWS that does not agree with ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox.story.aws import Spend, account_id
from pipelines.sandbox.story.paths import won
from pipelines.sandbox.story.storybook import Delivery

if TYPE_CHECKING:
    from pipelines.sandbox.story.storybook import Storybook

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the communities whose cloud costs a month alone does not explain."""
    _burning(book)
    _two_budgets(book)


def _burning(book: Storybook) -> None:
    # Headlong: 6,000 prepaid for a year that began on 1 September. September cost 1,800, October 496 and November 240 so far: 42 % is
    # used after 21 % of the term: BO08. The months that are reported stay within 500 each, and spend fell: nothing else.
    community = book.community(63, "Headlong Hydroclimate")
    book.deal(
        community, "10631", "Headlong Hydroclimate hub", won("2026-08-17"), start="2026-09-01", end="2027-08-31",
        delivery=Delivery("Headlong"), properties={"prepaid_cloud_amount": "6000"},
    )
    book.payer.account(
        account_id("10631"), "headlong", Spend("60", first="2026-09-01", last="2026-09-30"), Spend("16", first="2026-10-01")
    )


def _two_budgets(book: Storybook) -> None:
    # Tripwire: AWS warns at 250 dollars a month, which are long spent, and the engagement allows 900: BO10.
    # Nothing else: 620 in October and about 600 in November are within 900.
    community = book.community(64, "Tripwire Tidal")
    book.deal(
        community, "10641", "Tripwire Tidal hub", won("2026-06-15"), start="2026-07-01", end="2027-06-30",
        delivery=Delivery("Tripwire", budget="900"),
    )
    account = account_id("10641")
    book.payer.account(account, "tripwire", Spend("20"))
    book.payer.budget("tripwire-fixed", "250.0", "300.0", "600.0", account=account)
