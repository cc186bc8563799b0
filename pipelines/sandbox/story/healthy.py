"""Communities about whom nothing is to be said: the ordinary case, and the odd cases that must stay silent."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pipelines.sandbox.story.aws import Spend, account_id
from pipelines.sandbox.story.calendar import instant
from pipelines.sandbox.story.hubspot import deal_url
from pipelines.sandbox.story.paths import Step, contracting, engaging, in_negotiation, in_proposal, renewed, won
from pipelines.sandbox.story.storybook import Delivery, Storybook

if TYPE_CHECKING:
    from collections.abc import Mapping

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the healthy communities."""
    _plain(book)
    _chain_of_three(book)
    _merged_deal(book)
    _renewed_early(book)
    _misclick(book)
    _ends_today(book)
    _euro_without_rate(book)
    _years_with_a_break(book)
    _account_that_moved(book)
    _budget_only_in_aws(book)
    _edges_of_the_windows(book)
    _nobody_s_business(book)


def _plain(book: Storybook) -> None:
    # Fernhollow: one deal, one engagement, everything in place; October's cost equals the budget to the cent (620.00).
    # Nothing follows: equal is not above, and the forecast for November is 600. A refund of September changes no usage.
    community = book.community(1, "Fernhollow Phenology")
    book.deal(
        community, "1001", "Fernhollow Phenology hub", won("2026-06-18"), start="2026-07-01", end="2027-06-30",
        delivery=Delivery("Fernhollow", budget="620"), request="archived_item",
    )
    account = account_id("1001")
    book.payer.account(account, "fernhollow", Spend("20"))
    book.payer.charge("2026-09-18", account, "Refund", Decimal(-25), service="Amazon Elastic File System")


def _chain_of_three(book: Storybook) -> None:
    # Brackwater: three contracts. The second began 14 days after the first ended (gap), was amended from 2026-01-14 to 2026-02-28,
    # so that the third overlaps it by 28 days; the cloud account is still mapped to the second: HG11.
    # Nothing else: the third covers today and ends in 226 days; it continues the second's engagement; coverage and budget are
    # found through the chain. The first reached handoff before the epoch.
    community = book.community(2, "Brackwater Soundings")
    book.deal(
        community, "1002", "Brackwater Soundings hub 2024", won("2023-12-05"), start="2024-01-01", end="2024-12-31",
        delivery=Delivery("Brackwater1", status="Complete"),
        properties={"renewal_status": "Renewed", "notes_last_contacted": instant("2024-11-20")},
    )
    book.deal(
        community, "10021", "Brackwater Soundings hub 2025", renewed("2025-01-15"), start="2025-01-15", end="2026-01-14",
        renews="1002", delivery=Delivery("Brackwater2", budget="900", end="2027-06-30"),
        properties={"amended_end_date": "2026-02-28", "renewal_status": "Renewed"},
    )
    book.deal(
        community, "10022", "Brackwater Soundings hub 2026", renewed("2026-01-20"), start="2026-02-01", end="2027-06-30",
        renews="10021", delivery=None,
    )
    book.payer.account(account_id("10021"), "brackwater", Spend("20"))
    book.payer.account(account_id("1002"), "brackwater-2024", status="SUSPENDED")


def _merged_deal(book: Storybook) -> None:
    # Quarrelstone: the engagement names a deal that was merged into this one, and the cloud stands only on the engagement.
    # RC05 asks for the new address. Nothing else: map_id_aliases.csv leads from 1903 to 1003, so the link holds in both directions;
    # intake looks in both places.
    community = book.community(3, "Quarrelstone Seismics")
    book.deal(
        community, "1003", "Quarrelstone Seismics hub", won("2026-05-11"), start="2026-06-01", end="2027-05-31",
        delivery=Delivery("Quarrelston", names_deal=deal_url("1903")), request="issue",
        properties={"hs_merged_object_ids": "1903", "cloud_provider": None, "cloud_region": None},
    )


def _renewed_early(book: Storybook) -> None:
    # Lanternfish: ends in 45 days, silent since August, no notice recorded, but the renewal was signed in October.
    # Nothing follows: the signed successor is the head of the chain; it continues the engagement and ends in 410 days.
    community = book.community(4, "Lanternfish Imaging")
    book.deal(
        community, "1004", "Lanternfish Imaging hub 2026", won("2025-12-08"), start="2026-01-01", end="2026-12-31",
        delivery=Delivery("Lanternfish", budget="700", names_deal="short"), request="issue",
        properties={"renewal_status": "Renewed", "notes_last_contacted": instant("2026-08-01")},
    )
    book.deal(
        community, "10041", "Lanternfish Imaging hub 2027", renewed("2026-10-15"), start="2027-01-01", end="2027-12-31",
        renews="1004", delivery=None, request="field",
    )
    book.payer.account(account_id("1004"), "lanternfish", Spend("15"))


def _misclick(book: Storybook) -> None:
    # Mossgate: in negotiation; somebody dragged the deal to Contract Admin and back within two minutes.
    # Nothing follows: it is not at handoff, and what only Contract Admin requires may still be empty.
    not_yet: Mapping[str, str | None] = dict.fromkeys(
        ("website", "github_organization", "logo_url", "context_goals", "context_people", "context_mission", "context_data")
    )
    community = book.community(5, "Mossgate Botanics", fields=not_yet, community_people=())
    path = [
        *in_negotiation("2026-10-12"),
        Step("1005", "2026-11-03T17:04:00.000Z"),
        Step("1004", "2026-11-03T17:05:40.000Z"),
    ]
    book.deal(
        community, "1005", "Mossgate Botanics hub", path, start=None, end=None, delivery=None, request=None,
        properties={"amount": None, "cloud_region": None, "target_start_date": "2027-02-01", "target_end_date": "2028-01-31"},
    )


def _ends_today(book: Storybook) -> None:
    # Saltmarsh: the last day is today; the renewal is being signed.
    # Nothing follows: today is still covered, a successor is open, the notice went out, and people talk to each other. The
    # successor at handoff has its order and continues the engagement.
    community = book.community(6, "Saltmarsh Census")
    book.deal(
        community, "1006", "Saltmarsh Census hub 2026", won("2025-10-30"), start="2025-11-17", end="2026-11-16",
        delivery=Delivery("Saltmarsh", budget="500", notice_on="2026-09-17"),
        properties={"renewal_status": "Will renew", "notes_last_contacted": instant("2026-11-10")},
    )
    book.deal(
        community, "10061", "Saltmarsh Census hub 2027", contracting("2026-11-12"), start="2026-11-17", end="2027-11-16",
        renews="1006", delivery=None,
    )
    book.payer.account(account_id("1006"), "saltmarsh", Spend("10"))


def _euro_without_rate(book: Storybook) -> None:
    # Kitewing: sold in euros, for which map_fx_rates.csv has no rate; the community pays its cloud itself.
    # FX01, and nothing else: the amount in dollars is unknown, not zero, and no other rule needs it; the region is not asked for.
    community = book.community(7, "Kitewing Hydrology")
    book.deal(
        community, "1007", "Kitewing Hydrology hub", won("2026-09-14"), start="2026-10-01", end="2027-09-30",
        delivery=Delivery("Kitewing", github="item", region=None, names_deal="query"),
        properties={"amount": "48000", "deal_currency_code": "EUR", "cloud_paid_by": "community", "cloud_region": None},
    )


def _years_with_a_break(book: Storybook) -> None:
    # Ironbark: three years with a break in 226 days; one combined context instead of four answers; every role stands on the
    # community; the budget is the prepaid cloud (36,000 over 36 months), against 775 in October.
    # Nothing follows.
    answers: Mapping[str, str | None] = dict.fromkeys(("context_goals", "context_people", "context_mission", "context_data"))
    context = (
        "Ironbark dates tree rings across four continents. Sixty dendrologists share scans and chronologies, want to publish "
        "every step from scan to series, and keep about eight terabytes of images in object storage in Oregon."
    )
    community = book.community(
        8,
        "Ironbark Dendrology",
        fields={**answers, "community_context": context},
        community_people=(
            ("30081", "Buyer"),
            ("30082", "Champion"),
            ("30082", "Community Representative"),
            ("30083", "Technical Contact"),
        ),
    )
    book.deal(
        community, "1008", "Ironbark Dendrology hub", won("2026-01-19"), start="2026-02-01", end="2029-01-31",
        delivery=Delivery("Ironbark"), people=(), request="issue",
        properties={"next_break_date": "2027-06-30", "prepaid_cloud_amount": "36000", "amount": "150000"},
    )
    book.payer.account(account_id("1008"), "ironbark", Spend("25"))


def _account_that_moved(book: Storybook) -> None:
    # Pebblecourt: one account served the teaching hub until 14 October and the reading-room hub since.
    # Nothing follows: October is 420 of 500 for the first and 510 of 1,000 for the second. Without validity days the first would
    # be over its budget.
    community = book.community(9, "Pebblecourt Library")
    book.deal(
        community, "1009", "Pebblecourt Library teaching hub", won("2026-03-16"), start="2026-04-01", end="2027-07-31",
        delivery=Delivery("Pebblecourt", budget="500"),
    )
    book.deal(
        community, "10095", "Pebblecourt Library reading-room hub", won("2026-09-21"), start="2026-10-01", end="2027-09-30",
        delivery=Delivery("PebblecoB", budget="1000"),
    )
    book.payer.account(account_id("1009"), "pebblecourt", Spend("30"))


def _budget_only_in_aws(book: Storybook) -> None:
    # Glimmerpeak: the only budget is a fixed one in AWS Budgets (800, kept by the payer for this account), against 558 in October;
    # AWS has no rows for 2026-11-07; an earlier engagement was cancelled.
    # Nothing follows: a fixed limit is a budget, a missing day is not an overrun, and a cancelled engagement is not a live link.
    community = book.community(10, "Glimmerpeak Observatory")
    book.deal(
        community, "1010", "Glimmerpeak Observatory hub", won("2026-07-20"), start="2026-08-01", end="2027-07-31",
        delivery=Delivery("Glimmerpeak"), request="issue",
    )
    book.engagement(
        "1010", "Glimmerpeak Observatory hub", community.name,
        Delivery("GlimmerpOld", status="Cancelled", is_named_by_deal=False, has_project=False, rag="Red"),
        start="2026-06-01", end=None, created_at=instant("2026-04-20"),
    )
    account = account_id("1010")
    book.payer.account(account, "glimmerpeak", Spend("18"), missing_days=("2026-11-07",))
    book.payer.charge("2026-10-09", account, "Refund", Decimal(-40), service="Amazon Elastic File System")
    book.payer.budget("glimmerpeak-fixed", "800.0", "252.0", "522.0", account=account)
    book.payer.budget("whole-bill", "20000.0", "7500.0", "15000.0")


def _edges_of_the_windows(book: Storybook) -> None:
    # Driftmere: one agreement ends in 181 days without a renewal deal, one in 61 days with a renewal deal but neither notice nor
    # recent contact, and one ended 43 days ago, was delivered and costs nothing.
    # Nothing follows: each is one day outside the rule it is near (180, 60 and 42 days). Compare Lastlight and Silentharbor.
    community = book.community(11, "Driftmere Archives")
    book.deal(
        community, "1011", "Driftmere Archives map room hub", won("2026-03-09"), start="2026-04-01", end="2027-05-16",
        delivery=Delivery("DriftmereA"),
    )
    book.deal(
        community, "10115", "Driftmere Archives letters hub", won("2025-12-15"), start="2026-01-17", end="2027-01-16",
        delivery=Delivery("DriftmereB"),
        properties={"renewal_status": "Will renew", "notes_last_contacted": instant("2026-08-01")},
    )
    book.deal(
        community, "101151", "Driftmere Archives letters hub 2027", engaging("2026-10-26"), start=None, end=None,
        renews="10115", delivery=None, properties={"notes_last_contacted": None},
    )
    book.deal(
        community, "10116", "Driftmere Archives sound hub", won("2025-09-15"), start="2025-10-05", end="2026-10-04",
        delivery=Delivery("DriftmereC", status="Complete"), properties={"notes_last_contacted": None},
    )


def _nobody_s_business(book: Storybook) -> None:
    # Thimblewood: nothing was ever asked of this community, and nothing needs to be: a proposal, a gift, a rehearsal, a deal from
    # before the epoch, and a piece of work that is already delivered.
    # Nothing follows: intake begins at negotiation, gifts are not delivered, [TEST] deals are rehearsals, history is history, and
    # complete engagements are past.
    blank: Mapping[str, str | None] = dict.fromkeys(
        (
            "community_id", "community_long_name", "website", "github_organization", "logo_url",
            "context_goals", "context_people", "context_mission", "context_data",
        )
    )
    bare: Mapping[str, str | None] = dict.fromkeys(
        (
            "amount", "membership_level", "cloud_provider", "cloud_region", "cloud_paid_by",
            "notes_last_contacted", "agreement_url", "agreement_executed",
        )
    )
    community = book.community(12, "Thimblewood Robotics", fields=blank, community_people=())
    book.deal(
        community, "1012", "Thimblewood Robotics hub", in_proposal("2026-10-26"), start=None, end=None,
        delivery=None, people=(), properties=bare,
    )
    book.deal(
        community, "10125", "Thimblewood Robotics gift", [Step("3001", instant("2026-02-02")), Step("3002", instant("2026-03-02"))],
        start=None, end=None, delivery=None, people=(), properties=bare,
    )
    book.deal(
        community, "10126", "[TEST] Thimblewood rehearsal", won("2026-08-03"), start=None, end=None,
        delivery=None, request=None, people=(), properties=bare,
    )
    book.deal(
        community, "10127", "Thimblewood Robotics library 2024", won("2024-06-10"), start="2024-07-01", end="2027-12-31",
        delivery=None, request=None, people=(), properties=bare,
    )
    book.deal(
        community, "10128", "Thimblewood Robotics workshop", won("2026-01-20"), start="2026-02-01", end="2027-06-30",
        delivery=Delivery("Thimblewood", status="Complete", has_project=False, provider=None, region=None),
        request=None, people=(),
        properties={"membership_level": None, "cloud_provider": None, "cloud_region": None},
    )
