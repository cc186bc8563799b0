"""Cloud cost problems: spend without an agreement, above a budget, without a budget, and of nobody."""

from __future__ import annotations

from decimal import Decimal

from pipelines.sandbox.story.aws import PAYER, Spend, account_id
from pipelines.sandbox.story.calendar import instant
from pipelines.sandbox.story.paths import in_contract_admin, won
from pipelines.sandbox.story.storybook import Delivery, Storybook

_OCTOBER = "2026-10-31"
_NOVEMBER = "2026-11-01"

# One deal reads best in two or three lines.
# fmt: off


def tell(book: Storybook) -> None:
    """Tell of the communities whose cloud costs more than it may."""
    _lapsed(book)
    _too_early(book)
    _above_budget(book)
    _climbing(book)
    _no_budget(book)
    _nobody_s(book)


def _lapsed(book: Storybook) -> None:
    # Afterglow: agreements have lapsed and the accounts run on. Budgets are well above the spend.
    # 1039   ended 5 days ago: RN01 (still within six weeks) and LA01; BO05 for November (4 days of 12 dollars).
    # 10395  ended 20 days ago: RN01 and LA02; BO05 for October (4 days of 8) and November (15 days of 8).
    # 10396  ended 60 days ago, beyond six weeks: LA03 and no RN01; BO05 for October (155) and November (75). Its second account holds a
    #        residue of two cents a day, 0.62 in October, which is below a dollar: nothing.
    # Nothing else: ended agreements owe no handoff or intake, and RN04 and RN10 look only ahead.
    community = book.community(39, "Afterglow Astrochemistry")
    for deal_id, subject, start, end, word, per_day, budget in (
        ("1039", "comet hub", "2025-11-12", "2026-11-11", "AfterglowA", "12", "600"),
        ("10395", "ice grain hub", "2025-10-28", "2026-10-27", "AfterglowB", "8", "400"),
        ("10396", "methane hub", "2025-09-18", "2026-09-17", "AfterglowC", "5", "300"),
    ):
        book.deal(
            community, deal_id, f"Afterglow Astrochemistry {subject}", won("2025-08-25"), start=start, end=end,
            delivery=Delivery(word, budget=budget), properties={"notes_last_contacted": instant("2026-08-20")},
        )
        book.payer.account(account_id(deal_id), f"afterglow-{subject.split()[0]}", Spend(per_day))
    book.payer.account(account_id("10396", 2), "afterglow-methane-snapshots", Spend("0.02"))


def _too_early(book: Storybook) -> None:
    # Earlybird: accounts were opened before anything was signed. BO05 for November for both:
    # 1040   the agreement began on 10 November, the account on the 2nd: 8 days of 14 dollars before it.
    # 10405  still unsigned in Contract Admin, while its account has cost 9 dollars a day since the 5th: LA05 too.
    # Nothing else: both have budgets, and their handoff is complete.
    community = book.community(40, "Earlybird Entomology")
    book.deal(
        community, "1040", "Earlybird Entomology moth hub", won("2026-11-03"), start="2026-11-10", end="2027-11-09",
        delivery=Delivery("EarlybirdA", budget="600"),
    )
    book.payer.account(account_id("1040"), "earlybird-moth", Spend("14", first="2026-11-02"))
    book.deal(
        community, "10405", "Earlybird Entomology beetle hub", in_contract_admin("2026-11-12"), start="2026-12-01", end="2027-11-30",
        delivery=Delivery("EarlybirdB", status="Planned", budget="500"),
    )
    book.payer.account(account_id("10405"), "earlybird-beetle", Spend("9", first="2026-11-05"))


def _above_budget(book: Storybook) -> None:
    # Brimful: October cost more than agreed. BO01 for October for both, and nothing for November.
    # 1041   four accounts of 10 dollars a day, each far below the budget of 1,100, together 1,240. November: 600 so far, about
    #        1,200 expected, which is less than 1.2 times the budget.
    # 10415  usage of 1,116 against 1,000, hidden by a credit of 300 that brings the bill to 816: BO09 too. November fell to 20 a day.
    # Nothing else: both agreements cover every day.
    community = book.community(41, "Brimful Bathymetry")
    book.deal(
        community, "1041", "Brimful Bathymetry sonar hub", won("2026-06-15"), start="2026-07-01", end="2027-06-30",
        delivery=Delivery("BrimfulA", budget="1100"),
    )
    for number, part in enumerate(("gateway", "staging", "production", "archive"), start=1):
        book.payer.account(account_id("1041", number), f"brimful-sonar-{part}", Spend("10"))
    book.deal(
        community, "10415", "Brimful Bathymetry trench hub", won("2026-06-16"), start="2026-07-01", end="2027-06-30",
        delivery=Delivery("BrimfulB", budget="1000"),
    )
    account = account_id("10415")
    book.payer.account(account, "brimful-trench", Spend("36", last=_OCTOBER), Spend("20", first=_NOVEMBER))
    book.payer.charge(_OCTOBER, account, "Credit", Decimal(-300), service="Amazon Elastic Compute Cloud - Compute")


def _climbing(book: Storybook) -> None:
    # Steepgrade: spend rose sharply with November (775 in October, budget 1,000 each).
    # 1042   64 a day: 960 after 15 days, and between 1,300 and 1,900 expected whichever way it is reckoned: BO02, which is high because
    #        even the lower end is above the budget.
    # 10425  90 a day: 1,350 after 15 days: BO01 for November, and therefore no BO02.
    # Both jumped: BO03.
    # Nothing else.
    community = book.community(42, "Steepgrade Genomics")
    for deal_id, subject, word, per_day in (
        ("1042", "exome hub", "SteepgradeA", "64"),
        ("10425", "assembly hub", "SteepgradeB", "90"),
    ):
        book.deal(
            community, deal_id, f"Steepgrade Genomics {subject}", won("2026-06-15"), start="2026-07-01", end="2027-06-30",
            delivery=Delivery(word, budget="1000"),
        )
        book.payer.account(
            account_id(deal_id), f"steepgrade-{subject.split()[0]}", Spend("25", last=_OCTOBER), Spend(per_day, first=_NOVEMBER)
        )


def _no_budget(book: Storybook) -> None:
    # Openpurse: 16 dollars a day and no budget anywhere but an AWS budget that adjusts itself, whose limit follows the spend: BO04.
    # Nothing else: without a budget nothing is above it.
    community = book.community(43, "Openpurse Proteomics")
    book.deal(
        community, "1043", "Openpurse Proteomics hub", won("2026-06-15"), start="2026-07-01", end="2027-06-30",
        delivery=Delivery("Openpurse"),
    )
    account = account_id("1043")
    book.payer.account(account, "openpurse", Spend("16"))
    book.payer.budget("openpurse-auto", "490.67", "240.0", "480.0", account=account, auto_adjusting=True)


def _nobody_s(book: Storybook) -> None:
    # The payer: an account that is in no map costs 6 dollars a day (186 in October, 90 in November, each above 50): BO06 for both
    # months. Tax on the payer's own account is the organisation's own: rule_internal_accounts.csv says so, and nothing follows.
    # Nothing else: an account without a deal is unattributed, not without an agreement.
    book.payer.account("222299000001", "shared-services", Spend("6"))
    for month in ("2026-08", "2026-09", "2026-10", "2026-11"):
        book.payer.charge(f"{month}-01", PAYER, "Tax", Decimal("12.40"), service="Tax")
