"""What the tests of plans and applies share: a snapshot with proposed changes, targets over the double, one plan and apply."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

from aws_double import AwsDouble, AwsOverLoopback
from vendor_double import READ, WRITE, LoopbackSender

from pipelines import clock
from pipelines.actions.airtable import AirtableTarget
from pipelines.actions.apply import apply_plan
from pipelines.actions.asana import AsanaTarget
from pipelines.actions.aws import AwsTarget
from pipelines.actions.github import HEADERS, GithubTarget
from pipelines.actions.hubspot import HubspotTarget
from pipelines.actions.plan import make_plan, save_plan
from pipelines.actions.sheets import SheetsTarget
from pipelines.actions.target import Connection, Tokens
from pipelines.actions.undo import undo_plan
from pipelines.ledger import Ledger
from pipelines.rules import load_rules
from pipelines.settings import PROJECT_ROOT, load_settings
from pipelines.sources.registry import SANDBOX_ASANA_WORKSPACE_ID, SANDBOX_SPREADSHEET_ID

PORTAL = "https://app-na2.hubspot.com/contacts/4400001/record/0-3"


def deal_url(deal_id):
    return f"{PORTAL}/{deal_id}"


def shipped_rules():
    return load_rules(PROJECT_ROOT / "dbt" / "seeds" / "default")


def default_rules():
    """Return the shipped rules without the days that some fixes wait (test_marks.py is about those).

    Engagements are in either store: what the profile of 2026 says of Asana is there as well.
    """
    rules = shipped_rules()
    rules._tables["rule_grace"] = []
    of_2026 = load_rules(PROJECT_ROOT / "dbt" / "seeds" / "2i2c_2026")
    for table, store in (("map_fields", "system"), ("rule_engagement_statuses", "store")):
        rules._tables[table] = [*rules.table(table), *(row for row in of_2026.table(table) if row[store] == "asana")]
    return rules


def change(change_id, **columns):
    row = {
        "change_id": change_id,
        "finding_id": "HG09:deal-1",
        "recipe": "fill_hubspot_property",
        "system": "hubspot",
        "object": "deals",
        "record_id": "1",
        "field": "engagement_url",
        "before": None,
        "after": "https://airtable.com/appHandoffDemo000/tblEngagements000/recOld",
        "policy": "if_empty",
        "reason": "The engagement names this deal and the deal does not name the engagement.",
        "risk": "low",
        "is_reversible": True,
        "natural_key": None,
        "depends_on": None,
        "record_url": deal_url(1),
        "needs": "hubspot;airtable",
        "is_blocked": False,
        "blocked_reason": None,
        "as_of_on": "2026-11-16",
    }
    return row | columns


def engagement_changes(deal_id="2", prefix="create-engagement"):
    values = {
        "engagement_name": f"Deal {deal_id}",
        "deal_url": deal_url(deal_id),
        "status": "Requested",
        "start_on": "2026-12-01",
        "end_on": "2027-11-30",
        "community_name": "Birch",
    }
    create_id = f"{prefix}-{deal_id}"
    return [
        change(
            create_id,
            finding_id=f"HG01:deal-{deal_id}",
            recipe="create_airtable_engagement",
            system="airtable",
            object="engagements",
            record_id=None,
            field=None,
            after=json.dumps(values),
            natural_key=deal_url(deal_id),
        ),
        change(
            f"link-deal-{deal_id}",
            finding_id=f"HG01:deal-{deal_id}",
            record_id=deal_id,
            after="{created:" + create_id + ".url}",
            depends_on=create_id,
        ),
    ]


def issue_change(deal_id="3"):
    values = {
        "title": f"Deliver deal {deal_id}",
        "body": f"Please deliver {deal_url(deal_id)}\n\n<!-- handoff:{deal_id} -->",
        "deal_url": deal_url(deal_id),
    }
    return change(
        f"open-issue-{deal_id}",
        finding_id=f"HG02:deal-{deal_id}",
        recipe="open_github_issue",
        system="github",
        object="issues",
        record_id=None,
        field=None,
        after=json.dumps(values),
        natural_key=deal_url(deal_id),
        needs="hubspot;github",
    )


def community_change(record_id="50", **columns):
    return change(
        f"fill-community-{record_id}",
        finding_id="missing_intake:deal-1:community_id",
        object="communities",
        record_id=record_id,
        field="community_id",
        after="birch",
        needs="hubspot",
        **columns,
    )


def company_change(record_id="20", **columns):
    return change(
        f"fill-company-{record_id}",
        finding_id="missing_intake:deal-1:company_name",
        object="companies",
        record_id=record_id,
        field="company_name",
        after="Fern University",
        needs="hubspot",
        **columns,
    )


def all_recipes():
    return [change("fill-engagement-url-1"), *engagement_changes(), issue_change(), community_change()]


def fill(vendors):
    """Give the double the records that :func:`all_recipes` is about, and others around them."""
    vendors.deals.update({str(number): {"engagement_url": None} for number in range(1, 4)})
    vendors.communities["50"] = {"community_id": "TBD"}
    vendors.companies["20"] = {"name": None}
    vendors.engagements["recOther"] = {"fldEngName0000000": "Other", "fldEngDealUrl0000": deal_url(777)}
    vendors.issues.append(
        {"id": 9001, "number": 1, "title": "Other", "body": f"see {deal_url(33)}", "html_url": "https://github.com/x/1"}
    )
    return vendors


class Snapshot:
    """Answers the queries of make_plan from rows that the test gives."""

    def __init__(self, changes, stale=(), completed_at=None, deals=None, is_sandbox=True):
        self.changes = changes
        self.is_sandbox = is_sandbox
        self.deals = deals or {}  # id -> HubSpot's properties, as the snapshot has them
        self.stale = stale
        self.completed_at = completed_at or clock.now()

    def __call__(self, sql):
        if "act_changes" in sql:
            return [dict(row) for row in self.changes]
        if "source_status" in sql:
            return [
                {
                    "source": name,
                    "status": "stale" if name in self.stale else "complete",
                    "last_complete_at": self.completed_at,
                    "is_sandbox": self.is_sandbox,
                }
                for name in ("hubspot", "airtable", "asana", "github")
            ]
        if "ops.run" in sql:
            return [{"run_id": "run-1", "as_of_on": "2026-11-16"}]
        if "source_tables" in sql:
            tables = {
                "asana": ("projects",),
                "hubspot": ("deals", "communities"),
                "github": ("issues", "project_items"),
                "aws": ("budgets",),
            }
            return [{"source": s, "table_name": t, "row_count": 400} for s, names in tables.items() for t in names]
        if "raw_hubspot.deals" in sql:
            return [{"id": deal_id, "properties_json": values} for deal_id, values in self.deals.items() if f"'{deal_id}'" in sql]
        if "store = 'asana'" in sql:
            return [{"row_count": 400}]
        assert "raw_airtable.records" in sql
        return [{"table_id": "tblEngagements000", "row_count": 400}]


class DoubleTargets:
    """The vendors over one sender."""

    def __init__(self, sender, rules, url="http://double", may_write=True, portal=None):
        tokens = Tokens(READ, WRITE if may_write else None)

        def aws(token):
            if isinstance(sender, LoopbackSender):
                return AwsOverLoopback(sender, url, token)
            return AwsDouble(sender, may_write=token == WRITE)

        self._targets = {
            "hubspot": HubspotTarget(Connection("hubspot", f"{url}/hubspot", tokens, sender, sender), rules, is_sandbox=True),
            "airtable": AirtableTarget(
                Connection("airtable", f"{url}/airtable", tokens, sender, sender), rules, "appHandoffDemo000", is_sandbox=True
            ),
            "asana": AsanaTarget(
                Connection("asana", f"{url}/asana/api/1.0", tokens, sender, sender),
                rules,
                SANDBOX_ASANA_WORKSPACE_ID,
                is_sandbox=True,
                sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
            ),
            "github": GithubTarget(
                Connection("github", f"{url}/github", tokens, sender, sender, HEADERS), rules, "demo-org", is_sandbox=True
            ),
            "aws": AwsTarget(aws(READ), aws(WRITE) if may_write else None, rules, is_sandbox=True),
            "sheets": SheetsTarget(
                Connection("sheets", f"{url}/sheets", tokens, sender, sender), rules, SANDBOX_SPREADSHEET_ID, is_sandbox=True
            ),
        }

    def target(self, system):
        return self._targets[system]


class WriteBack:
    """A home, the double, and the two commands."""

    def __init__(self, home, vendors, rules=None):
        self.home = home
        self.vendors = vendors
        self.rules = rules or default_rules()
        self.settings = load_settings(handoff_home=home, _env_file=None)
        self.slept = []

    def plan(self, changes, now=None, **options):
        snapshot = changes if isinstance(changes, Snapshot) else Snapshot(changes)
        targets = DoubleTargets(self.vendors, self.rules, may_write=False)
        return make_plan(snapshot, self.settings, self.rules, now=now or clock.now(), targets=targets, **options)

    def saved(self, changes, plan=None, **options):
        return save_plan(plan or self.plan(changes, **options), self.home)

    def apply(self, path, now=None, rules=None, may_write=True):
        with Ledger.open(self.home) as ledger:
            return apply_plan(
                path,
                self.settings,
                rules or self.rules,
                ledger,
                now=now or clock.now(),
                operator="ana",
                targets=DoubleTargets(self.vendors, self.rules, may_write=may_write),
                sleep=self.slept.append,
            )

    def undo(self, name, **options):
        with Ledger.open(self.home) as ledger:
            return undo_plan(
                ledger,
                name,
                Snapshot([]),
                self.settings,
                self.rules,
                now=clock.now(),
                targets=DoubleTargets(self.vendors, self.rules, may_write=False),
                **options,
            )

    def ledger_rows(self, **filters):
        with Ledger.open(self.home) as ledger:
            assert ledger.verify().is_sound
            return ledger.change_rows(**filters)

    def unsettled(self):
        with Ledger.open(self.home) as ledger:
            return ledger.unsettled_intents()


def statuses(result):
    return {row.change.change_id: row.status.value for row in result.results}


__all__ = ["UTC", "datetime", "timedelta"]
