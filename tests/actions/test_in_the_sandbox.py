"""Every recipe against the sandbox's HubSpot, Airtable and GitHub: applied, found again, taken back; and who sent what."""

from __future__ import annotations

import json
import urllib.request

import pytest
from test_airtable_recipes import BASE, correction, deliverable, project
from test_github_fields import link
from write_back import Snapshot, change, default_rules, engagement_changes, issue_change, statuses

from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.actions.plan import make_plan, save_plan
from pipelines.actions.rehearsal import rehearse_plan
from pipelines.actions.undo import undo_plan
from pipelines.ledger import Ledger
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import load_settings

DEAL, ANOTHER = "1033", "10335"
BUYER = "30331"
LINE_ITEM = "61024"
# the last words of the changes of a field, which can be taken back
FIELDS = {"fill", "label", "renewal", "value", "deal_url"}
URL = f"https://app-na2.hubspot.com/contacts/4400001/record/0-3/{DEAL}"


def of_the_story(row):
    """Return a deliverable of a line item that the sandbox has."""
    return {name: text.replace("/0-8/61", f"/0-8/{LINE_ITEM}") if isinstance(text, str) else text for name, text in row.items()}


def recipes():
    task = {"subject": "Ask", "body": "Ask for:<br>- Logo &amp; website", "due_on": "2026-11-23", "owner_id": "501"}
    return [
        change("fill", record_id="1023", after=f"{BASE}/tblEngagements000/recEngEchovaleA00", needs=""),
        change("label", record_id=DEAL, field=f"contact_label:{BUYER}", after="Buyer", needs=""),
        change("renewal", record_id=ANOTHER, field=f"deal_label:{DEAL}", after="Renewal of", needs=""),
        change("task", object="tasks", record_id=None, field=None, after=json.dumps(task), natural_key=URL, needs=""),
        *(row | {"needs": ""} for row in engagement_changes(ANOTHER)[:1]),
        issue_change(ANOTHER) | {"needs": ""},
        project(f"{BASE}/tblEngagements000/recEngEmptybenchA") | {"needs": ""},
        of_the_story(deliverable()) | {"needs": ""},
        correction(record_id="recEngEchovaleA00", before="24000", after="27000", needs=""),
        link(record_id="57/570001", needs=""),
    ]


class InTheSandbox:
    def __init__(self, home, url):
        self.url = url
        self.settings = load_settings(handoff_home=home, _env_file=None)
        self.rules = default_rules()
        self.home = home

    def plan(self, rows):
        return make_plan(Snapshot(rows), self.settings, self.rules, now=clock.now(), sandbox_url=self.url)

    def with_ledger(self, function, *arguments, **options):
        with Ledger.open(self.home) as ledger:
            return function(*arguments, ledger=ledger, now=clock.now(), sandbox_url=self.url, **options)

    def apply(self, plan):
        path = save_plan(plan, self.home)
        return self.with_ledger(apply_plan, path, self.settings, self.rules, operator="ana", sleep=lambda _: None)

    def writes(self):
        with urllib.request.urlopen(f"{self.url}/_control/requests", timeout=10) as answer:
            requests = json.load(answer)["requests"]
        asking = ("/batch/read", "/search", "/graphql")
        return [row for row in requests if row["method"] != "GET" and not row["path"].split("?")[0].endswith(asking)]


@pytest.fixture
def sandbox(home):
    with running(build_state()) as served:
        yield InTheSandbox(home, served.url)


def test_every_recipe_is_applied_found_again_and_taken_back_and_only_apply_writes(sandbox):
    rows = recipes()
    plan = sandbox.plan(rows)
    assert not plan.held_back, plan.held_back
    path = save_plan(plan, sandbox.home)
    rehearsed = sandbox.with_ledger(rehearse_plan, path, sandbox.settings, sandbox.rules, operator="ana")
    assert set(statuses(rehearsed).values()) == {"would_write"}
    assert sandbox.writes() == []
    applied = sandbox.apply(plan)
    assert set(statuses(applied).values()) == {"applied"}, [row.sentence for row in applied.results]
    written = len(sandbox.writes())
    assert written == len(plan.changes) + 2  # a request takes three
    again = sandbox.plan(rows)
    assert again.is_empty
    assert again.equal_already == len(plan.changes)
    with Ledger.open(sandbox.home) as ledger:
        undo = undo_plan(
            ledger,
            plan.plan_id,
            Snapshot([]),
            sandbox.settings,
            sandbox.rules,
            now=clock.now(),
            sandbox_url=sandbox.url,
        )
    assert {item.change_id.rsplit(":", 1)[-1] for item in undo.changes} == FIELDS
    assert len(sandbox.writes()) == written
    taken_back = sandbox.apply(undo)
    assert set(statuses(taken_back).values()) == {"applied"}, [row.sentence for row in taken_back.results]
    assert {item.change_id.rsplit(":", 1)[-1] for item in sandbox.plan(rows).changes} == FIELDS
