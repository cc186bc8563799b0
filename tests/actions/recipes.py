"""Every recipe once, over the double: what it proposes, and what somebody may do to its target between plan and apply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import test_airtable_recipes
import test_asana_recipes
import test_billing_columns
import test_github_fields
import test_kept_budgets
from conftest import PROJECT
from test_tasks import completion, task
from write_back import change, community_change, company_change, deal_url, engagement_changes, issue_change

ENGAGEMENT = test_airtable_recipes.ENGAGEMENT
CONTACT = "30331"


@dataclass(frozen=True)
class Recipe:
    """``rows`` are proposed over what ``prepare`` put there; ``meddle`` is what somebody else does before the apply."""

    name: str
    system: str
    rows: Any
    meddle: Any
    prepare: Any = None


def _hold_a_task(vendors):
    body = {"hs_task_body": "List<br><br>handoff keeps this list (deal 1, 0123456789)", "hs_task_status": "NOT_STARTED"}
    vendors.tasks["8001"] = {"deal_id": "1", "properties": body}


def _set(store, key, **values):
    def meddle(vendors):
        getattr(vendors, store).setdefault(key, {}).update(values)

    return meddle


def _two_engagements(vendors):
    for name in ("recTheirs00000001", "recTheirs00000002"):
        vendors.engagements[name] = {"fldEngDealUrl0000": deal_url(2)}


def _two_projects(vendors):
    for project in list(vendors.asana.projects.values())[:2]:
        project["custom_fields"][test_asana_recipes.DEAL_URL] = deal_url(test_asana_recipes.DEAL)


def _two_requests(vendors):
    for number in (70, 71):
        issue = {"id": 9000 + number, "number": number, "title": "Theirs", "body": deal_url(3), "html_url": f"https://g/{number}"}
        vendors.issues.append(issue)


def _two_tasks(vendors):
    for number in ("8701", "8702"):
        body = "Theirs<br><br>handoff keeps this list (deal 1, 0123456789)"
        vendors.tasks[number] = {"deal_id": "1", "properties": {"hs_task_body": body, "hs_task_status": "NOT_STARTED"}}


def _their_budget(vendors):
    vendors.budgets["theirs"] = {"BudgetName": "theirs", "CostFilters": {"LinkedAccount": [test_kept_budgets.ACCOUNT]}}


def _a_request_on_the_board(vendors):
    issue = {
        "id": 9002,
        "number": 2,
        "state": "open",
        "title": "Deliver",
        "body": "<!-- handoff:9 -->",
        "html_url": "https://g/2",
    }
    vendors.issues.append(issue)
    vendors.items.append({"id": 7001, "content_type": "Issue", "content": issue, "fields": []})


def _item_filled(vendors):
    vendors.items[0]["fields"] = [{"id": 3, "value": "theirs"}]


def _request_locked(vendors):
    next(issue for issue in vendors.issues if issue["number"] == 2)["state"] = "open"
    vendors.issues.remove(next(issue for issue in vendors.issues if issue["number"] == 2))


def _an_engagement(vendors):
    vendors.engagements[ENGAGEMENT] = {"fldEngDealUrl0000": deal_url(2), "fldEngValue000000": 24000}


def _their_project(vendors):
    vendors.projects["recTheirs00000001"] = {"fldPrjEngagement0": [ENGAGEMENT]}


def _a_project(vendors):
    _an_engagement(vendors)
    _their_project(vendors)


def _their_deliverable(vendors):
    held = {"fldDlvProject0000": ["recTheirs00000001"], "fldDlvName0000000": "Managed hub"}
    vendors.deliverables["recTheirs00000002"] = held


def _extension():
    return test_airtable_recipes.correction(
        change_id="extend", recipe="extend_decommission_date", field="extended_until_on", before=None, after="2026-11-30"
    )


RECIPES = [
    Recipe(
        "fill_hubspot_property",
        "hubspot",
        lambda _: [change("fill"), community_change(), company_change()],
        lambda vendors: (
            _set("deals", "1", engagement_url="https://theirs")(vendors),
            _set("communities", "50", community_id="theirs")(vendors),
            _set("companies", "20", name="theirs")(vendors),
        ),
    ),
    Recipe("create_airtable_engagement", "airtable", lambda _: engagement_changes(), _two_engagements),
    Recipe(
        "create_asana_engagement",
        "asana",
        lambda _: test_asana_recipes.with_link(),
        _two_projects,
        lambda vendors: vendors.deals.update({test_asana_recipes.DEAL: {"engagement_url": None}}),
    ),
    Recipe(
        "create_airtable_project",
        "airtable",
        lambda _: [test_airtable_recipes.project()],
        _their_project,
        _an_engagement,
    ),
    Recipe(
        "create_airtable_deliverable",
        "airtable",
        lambda _: [
            test_airtable_recipes.deliverable("https://airtable.com/appHandoffDemo000/tblProjects000000/recTheirs00000001", None)
        ],
        _their_deliverable,
        _a_project,
    ),
    Recipe(
        "correct_drifted_field",
        "airtable",
        lambda _: [test_airtable_recipes.correction()],
        _set("engagements", ENGAGEMENT, fldEngValue000000=25000),
        _an_engagement,
    ),
    Recipe(
        "extend_decommission_date",
        "airtable",
        lambda _: [_extension()],
        _set("engagements", ENGAGEMENT, fldEngExtended000="2027-01-31"),
        _an_engagement,
    ),
    Recipe(
        "add_hubspot_label",
        "hubspot",
        lambda _: [change("label", recipe="add_hubspot_label", field=f"contact_label:{CONTACT}", after="Buyer")],
        lambda vendors: vendors.links.update({("1", CONTACT): {"Champion"}}),
        lambda vendors: vendors.links.update({("1", CONTACT): set()}),
    ),
    Recipe(
        "link_renewal_deal",
        "hubspot",
        lambda _: [change("renewal", recipe="link_renewal_deal", record_id="2", field="deal_label:1", after="Renewal of")],
        lambda vendors: vendors.renewals.update({("2", "1"): "Renewed by"}),
    ),
    Recipe("write_hubspot_task", "hubspot", lambda _: [task()], _two_tasks),
    Recipe(
        "complete_hubspot_task",
        "hubspot",
        lambda vendors: [completion(vendors)],
        lambda vendors: vendors.tasks["8001"]["properties"].update(hs_task_status="IN_PROGRESS"),
        _hold_a_task,
    ),
    Recipe("link_project_item", "github", lambda _: [test_github_fields.link()], _item_filled, _a_request_on_the_board),
    Recipe("close_github_request", "github", lambda _: [test_github_fields.closing()], _request_locked, _a_request_on_the_board),
    Recipe("open_github_issue", "github", lambda _: [issue_change()], _two_requests),
    Recipe("keep_aws_budget", "aws", lambda _: [test_kept_budgets.budget()], _their_budget),
    Recipe(
        "append_billing_column",
        "sheets",
        lambda vendors: [test_billing_columns.column(vendors)],
        test_billing_columns.their_column,
    ),
]


def proposed_by_the_models() -> set[str]:
    """Return the names of the recipes that the models propose, as they stand in their SQL."""
    named: set[str] = set()
    for path in (PROJECT / "dbt" / "models" / "actions").glob("act_*.sql"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"'(\w+)' as recipe", text))
        if "enabled.recipe" in text and "as recipe" in text:
            own = re.findall(r"key = 'enabled_recipe' and value = '(\w+)'", text)
            named |= set() if re.search(r"'\w+' as recipe", text) else set(own)
    return named
