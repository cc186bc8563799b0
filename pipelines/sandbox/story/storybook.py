"""How the story is told: a community with its people, a deal with its path, and what delivery knows of it.

Everything is complete by default. A theme module states only what is wrong, so that a deal makes the findings of its named problem
and no others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from pipelines.sandbox.state import SandboxState
from pipelines.sandbox.story import airtable, asana, github, hubspot_schema, intacct, prometheus, sheets
from pipelines.sandbox.story.aws import Payer
from pipelines.sandbox.story.calendar import TODAY, instant
from pipelines.sandbox.story.hubspot import Portal, deal_url
from pipelines.sandbox.story.paths import Step, history_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Request = Literal["order", "issue", "field", "archived_item"]
People = tuple[tuple[str, str | None], ...]  # contact id and association label; None: linked without one

_RECENTLY: Final = "2026-11-05"
_DELIVERY_OWNERS: Final = ("Juno Ashgrove", "Tamsin Oyelaran-Birch", "Piet Lindqvarn")


@dataclass(frozen=True)
class Community:
    """A community of the story with the records around it."""

    number: int
    name: str
    slug: str
    record_id: str
    company_id: str

    @property
    def buyer(self) -> str:
        """The contact who signs and pays."""
        return f"30{self.number:02d}1"

    @property
    def champion(self) -> str:
        """The contact who wants it to succeed and speaks for the community."""
        return f"30{self.number:02d}2"

    @property
    def engineer(self) -> str:
        """The contact who works with our engineers."""
        return f"30{self.number:02d}3"


@dataclass(frozen=True)
class Delivery:
    """What Airtable and GitHub know of a deal."""

    word: str
    status: str = "In progress"
    budget: str | None = None
    notice_on: str | None = None
    names_deal: str | None = "record"  # record | short | query: forms of the deal's address; else the text itself; None: empty
    is_named_by_deal: bool = True
    has_project: bool = True
    github: Literal["url", "item"] | None = "url"
    name: str | None = None
    provider: str | None = "AWS"
    region: str | None = "us-west-2"
    rag: str = "Green"
    extended_until: str | None = None
    decommissioned_on: str | None = None
    offboarding_url: str | None = None
    updated_on: str = _RECENTLY
    action: str | None = "Talk to the community every week"  # written down where the light is not green
    notified_on: str | None = _RECENTLY  # written down when it is complete
    due_on: str | None = None
    hours: tuple[float, float] | None = None  # estimated and spent, of the deliverable
    item_status: str | None = None  # of the deliverable; None: as the engagement
    issue: Literal["open", "completed", "not_planned"] | None = None  # None: as the deliverable
    value: str | None = None  # the amount of the deal, where somebody copied it
    end: str | None = None  # None: as the deal
    owner: str | None = "somebody"  # None: nobody is named; "somebody": one of those who deliver


@dataclass
class Storybook:
    """Collects the records of all vendors while the themes are told."""

    portal: Portal = field(default_factory=Portal)
    base: airtable.Base = field(default_factory=airtable.Base)
    organization: github.Organization = field(default_factory=github.Organization)
    payer: Payer = field(default_factory=Payer)
    _pipelines: dict[str, str] = field(default_factory=hubspot_schema.pipeline_of_stage)

    def community(
        self,
        number: int,
        name: str,
        *,
        slug: str | None = None,
        fields: Mapping[str, str | None] | None = None,
        is_company_named: bool = True,
        community_people: People | None = None,
    ) -> Community:
        """Add a community, its company and three contacts; ``fields`` replaces or (None) empties what it says of itself.

        ``slug`` is its word in addresses, unless the first word of its name will do.
        """
        word = name.split(maxsplit=1)[0]
        slug = slug or word.lower()
        community = Community(number, name, slug, f"40{number:02d}", f"20{number:02d}")
        created = "2024-01-15T18:00:00.000Z"
        self.portal.add(
            "companies",
            community.company_id,
            {"name": f"{name} Institute" if is_company_named else None, "domain": f"{slug}.example"},
            created_at=created,
        )
        self.portal.add(
            "communities", community.record_id, _complete_community(name, slug) | dict(fields or {}), created_at=created
        )
        for contact_id, first, last in (
            (community.buyer, "Odalys", "Brightwater"),
            (community.champion, "Evander", "Quill"),
            (community.engineer, "Marisol", "Tench"),
        ):
            self.contact(contact_id, first, f"{last}-{word}", slug)
            self.portal.associate("contacts", contact_id, "companies", community.company_id)
        people = community_people
        if people is None:
            people = (
                (community.champion, "Community Representative"),
                (community.engineer, "Technical Contact"),
            )
        for contact_id, label in people:
            self.portal.associate("communities", community.record_id, "contacts", contact_id, label)
        return community

    def contact(self, contact_id: str, first: str, last: str, slug: str, *, is_reachable: bool = True) -> None:
        """Add a contact with e-mail and GitHub name, or without both."""
        login = f"{slug}-{first.lower()}"
        self.portal.add(
            "contacts",
            contact_id,
            {
                "firstname": first,
                "lastname": last,
                "email": f"{first.lower()}@{slug}.example" if is_reachable else None,
                "github_username": login if is_reachable else "",
            },
            created_at="2024-01-15T18:00:00.000Z",
        )

    def deal(
        self,
        community: Community,
        deal_id: str,
        name: str,
        path: list[Step],
        *,
        start: str | None,
        end: str | None,
        delivery: Delivery | None,
        request: Request | None = "order",
        renews: str | None = None,
        properties: Mapping[str, str | None] | None = None,
        people: People | None = None,
        in_community: bool = True,
        archived_at: str | None = None,
        sold_for: tuple[str, str] | None = None,
    ) -> str:
        """Add a deal with its people, request and engagement, and return its id.

        ``properties`` replaces or (None) empties what a complete deal has; ``renews`` names the predecessor of a renewal;
        ``sold_for`` is the amount that it was won with, and when somebody changed that.
        """
        last = path[-1]
        reached = {step.stage_id for step in path}
        is_won = last.stage_id in {"1006", "2005", "3002"}
        is_lost = last.stage_id in {"1007", "2006", "3003"}
        is_closed = is_won or is_lost
        values: dict[str, str | None] = {
            "dealname": name,
            "pipeline": self._pipelines[last.stage_id],
            "dealstage": last.stage_id,
            "dealtype": "existingbusiness" if renews else "newbusiness",
            "amount": "24000",
            "deal_currency_code": "USD",
            "closedate": last.at if is_closed else instant("2026-12-18"),
            "hubspot_owner_id": ("501", "502", "503")[community.number % 3],
            "contract_start_date": start,
            "contract_end_date": end,
            "agreement_url": f"https://agreements.example/{community.slug}/{deal_id}" if is_won else None,
            "agreement_executed": "true" if is_won else "false",
            "renewal_status": "Undecided" if is_won else None,
            "capacity_checked_date": next((step.at[:10] for step in path if step.stage_id == "1003"), None),
            "closed_lost_reason": "The money went elsewhere this year" if is_lost else None,
            "membership_level": "Standard",
            "cloud_provider": "AWS",
            "cloud_region": "us-west-2",
            "cloud_paid_by": "us",
            "notes_last_contacted": instant(_RECENTLY),
        }
        values |= dict(properties or {})
        if delivery and delivery.is_named_by_deal:
            values["engagement_url"] = airtable.engagement_url(airtable.record_id("Eng", delivery.word))
        created_at = values.pop("createdate", None) or path[0].at
        history = history_of(values, path, created_at, self._pipelines, sold_for)
        self.portal.add(
            "deals",
            deal_id,
            values,
            created_at=created_at,
            updated_at=max(last.at, created_at, *(entry["timestamp"] for listed in history.values() for entry in listed)),
            archived_at=archived_at,
            history=history,
        )
        self.portal.associate("deals", deal_id, "companies", community.company_id, "Primary")
        if in_community:
            self.portal.associate("deals", deal_id, "communities", community.record_id)
        if people is None:
            people = ((community.buyer, "Buyer"), (community.champion, "Champion"))
        for contact_id, label in people:
            self.portal.associate("deals", deal_id, "contacts", contact_id, label)
        if renews:
            self.portal.associate("deals", deal_id, "deals", renews, "Renewal of")
        if is_won:
            self._line_item(deal_id, values["amount"])
        if reached & {"1005", "1006", "2004", "2005"} and request:
            self._request(deal_id, name, request, at=path[-1].at, start=start)
        if delivery:
            self.engagement(deal_id, name, community.name, delivery, start=start, end=end, created_at=path[-1].at)
        return deal_id

    def engagement(
        self,
        deal_id: str,
        deal_name: str,
        community_name: str,
        delivery: Delivery,
        *,
        start: str | None,
        end: str | None,
        created_at: str,
    ) -> str:
        """Add an engagement, with a project, a deliverable and its GitHub issue unless told otherwise, and return its id."""
        address = delivery.names_deal and {
            "record": deal_url(deal_id),
            "short": f"https://app.hubspot.com/contacts/{hubspot_schema.PORTAL_ID}/deal/{deal_id}",
            "query": f"{deal_url(deal_id)}/?eschref=%2Fcontacts%2F{hubspot_schema.PORTAL_ID}%2Fdeals",
        }.get(delivery.names_deal, delivery.names_deal)
        engagement_id = self.base.engagement(
            delivery.word,
            created_at,
            {
                "fldEngName0000000": delivery.name or deal_name,
                "fldEngStatus00000": delivery.status,
                "fldEngDealUrl0000": address,
                "fldEngCommunity00": community_name,
                "fldEngStart000000": start,
                "fldEngEnd00000000": delivery.end or end,
                "fldEngOwner000000": (
                    _DELIVERY_OWNERS[len(delivery.word) % len(_DELIVERY_OWNERS)]
                    if delivery.owner == "somebody"
                    else delivery.owner
                ),
                "fldEngBudget00000": float(delivery.budget) if delivery.budget else None,
                "fldEngValue000000": float(delivery.value) if delivery.value else None,
                "fldEngCloud000000": delivery.provider,
                "fldEngRegion00000": delivery.region,
                "fldEngNotice00000": delivery.notice_on,
                "fldEngRag00000000": delivery.rag,
                "fldEngExtended000": delivery.extended_until,
                "fldEngDecommiss00": delivery.decommissioned_on,
                "fldEngOffboard000": delivery.offboarding_url,
                **_written_on(delivery, start),
            },
        )
        if delivery.has_project:
            self._project(engagement_id, deal_id, deal_name, delivery, created_at=created_at, start=start)
        return engagement_id

    def _project(
        self, engagement_id: str, deal_id: str, deal_name: str, delivery: Delivery, *, created_at: str, start: str | None
    ) -> None:
        status = delivery.item_status or {"Complete": "Done", "In progress": "In progress"}.get(delivery.status, "Planned")
        issue_state = delivery.issue or ("completed" if status == "Done" else "open")
        project_id = self.base.project(delivery.word, created_at, f"{deal_name}: hub", engagement_id, status=status)
        issue_url = None
        if delivery.github:
            issue = self.organization.issue(
                github.DELIVERY,
                f"Set up {deal_name}",
                "The hub as described in the agreement.",
                created_at,
                done=issue_state != "open",
                reason=issue_state,
            )
            self.organization.put_on_board(
                github.DELIVERY_BOARD,
                issue,
                status={"Done": "Done", "In progress": "In Progress"}.get(status, "Upcoming"),
                start_on=start,
                deal_url=deal_url(deal_id) if delivery.github == "item" else None,
            )
            issue_url = issue["html_url"] if delivery.github == "url" else None
        self.base.deliverable(
            delivery.word,
            created_at,
            f"Hub for {deal_name}",
            project_id,
            github_url=issue_url,
            status=status,
            due_on=delivery.due_on,
            hours=delivery.hours,
        )

    def _line_item(self, deal_id: str, amount: str | None) -> None:
        item_id = f"6{deal_id}"
        self.portal.add(
            "line_items",
            item_id,
            {"name": "Managed hub, one year", "quantity": "1", "price": amount, "amount": amount, "hs_product_type": "service"},
            created_at="2024-06-03T18:00:00.000Z",
        )
        self.portal.associate("deals", deal_id, "line_items", item_id)

    def _request(self, deal_id: str, name: str, request: Request, *, at: str, start: str | None) -> None:
        """Ask for delivery: by a HubSpot order, or by an issue that names the deal in its body or only in the board's field."""
        if request == "order":
            order_id = f"5{deal_id}"
            self.portal.add("orders", order_id, {"hs_order_name": f"Deliver {name}"}, created_at=at)
            self.portal.associate("deals", deal_id, "orders", order_id)
            return
        url = deal_url(deal_id)
        body = (
            "Please plan delivery; the deal is on the board." if request == "field" else f"Please plan delivery.\n\nDeal: {url}"
        )
        issue = self.organization.issue(github.REQUESTS, f"Deliver {name}", body, at, done=request == "archived_item")
        self.organization.put_on_board(
            github.REQUEST_BOARD,
            issue,
            status="Done" if request == "archived_item" else "Accepted",
            deal_url=None if request == "archived_item" else url,
            start_on=start,
            archived_at=instant("2026-09-30") if request == "archived_item" else None,
        )

    def state(self) -> SandboxState:
        """Return everything that was told."""
        base, portal = self.base.state(), self.portal.state()
        return SandboxState(
            today=TODAY.isoformat(),
            hubspot=portal,
            airtable=base,
            github=self.organization.state(),
            aws=self.payer.state(),
            asana=asana.moved(base),
            sheets=sheets.kept(portal),
            intacct=intacct.billed(portal),
            prometheus=prometheus.collected(),
        )


def _written_on(delivery: Delivery, start: str | None) -> dict[str, str | None]:
    """Return what delivery writes on an engagement as it goes on: healthy unless ``delivery`` says otherwise."""
    has_begun = delivery.status in {"In progress", "Complete"}
    is_complete = delivery.status == "Complete"
    return {
        "fldEngUpdated0000": delivery.updated_on if has_begun else None,
        "fldEngAction00000": delivery.action if delivery.rag != "Green" else None,
        "fldEngAdmin000000": start if has_begun else None,
        "fldEngConfirmed00": _RECENTLY if is_complete else None,
        "fldEngConfirmBy00": "Evander Quill" if is_complete else None,
        "fldEngNotified000": delivery.notified_on if is_complete else None,
    }


def _complete_community(name: str, slug: str) -> dict[str, str | None]:
    return {
        "community_name": name,
        "community_id": slug,
        "community_long_name": f"{name} Research Community",
        "website": f"https://{slug}.example",
        "github_organization": f"{slug}-community",
        "logo_url": f"https://{slug}.example/logo.svg",
        "context_goals": f"{name} wants its members to work in one place on shared notebooks and large files.",
        "context_people": f"{name} is about forty researchers and their students at five institutions.",
        "context_mission": "Open infrastructure lets members move their work elsewhere and publish how it was done.",
        "context_data": "About thirty terabytes of array data lie in object storage in the western United States.",
    }
