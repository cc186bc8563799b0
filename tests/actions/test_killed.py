"""Kill -9 in the middle of an apply, with answers lost and vendors busy: nothing is lost, doubled, or written without its intent."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from aws_double import PAYER
from test_airtable_recipes import deliverable, project
from test_asana_recipes import DEAL_URL, PORTFOLIO, with_link
from test_billing_columns import column, grid_of, header
from test_kept_budgets import budget
from test_tasks import task
from vendor_double import BUSY, LOST_AFTER, Served
from write_back import WriteBack, change, community_change, company_change, deal_url, engagement_changes, issue_change

from pipelines.actions.plan import PlanState, list_plans, save_plan
from pipelines.ledger import Ledger

CHILD = Path(__file__).with_name("killed_apply.py")
PROJECT = CHILD.parents[2]
DEALS = [str(number) for number in range(2000, 2004)]
IN_ASANA = [str(number) for number in range(3000, 3003)]


def sold(deal_id):
    """Return the project of a deal, below the engagement that the same plan creates, and its deliverable."""
    wanted = project(f"{{created:create-engagement-{deal_id}.url}}", f"create-engagement-{deal_id}")
    item = deliverable(f"{{created:project-{deal_id}.url}}", f"project-{deal_id}")
    line_item = f"https://app-na2.hubspot.com/contacts/4400001/record/0-8/6{deal_id}"
    values = json.loads(wanted["after"]) | {"deal_url": deal_url(deal_id)}
    parts = json.loads(item["after"]) | {"line_item_url": line_item}
    return [
        wanted | {"change_id": f"project-{deal_id}", "after": json.dumps(values), "natural_key": deal_url(deal_id)},
        item | {"change_id": f"deliverable-{deal_id}", "after": json.dumps(parts), "natural_key": line_item},
    ]


def asked(deal_id):
    """Return the task on a deal."""
    return task() | {"change_id": f"task:deal-{deal_id}", "natural_key": deal_url(deal_id)}


def watched(deal_id):
    """Return the budget of the account of a deal."""
    account = f"22220010{deal_id}"
    values = {"account_id": account, "budget_name": f"handoff-{account}"}
    return budget(**values) | {"change_id": f"create:budget-{account}", "natural_key": f"{PAYER}/handoff-{account}"}


def proposed(vendors):
    rows = [column(vendors, deal_id, others=DEALS, names=[]) for deal_id in DEALS]
    for deal_id in DEALS:
        rows += engagement_changes(deal_id)
        rows += sold(deal_id)
        rows.append(issue_change(deal_id))
        rows.append(asked(deal_id))
        rows.append(watched(deal_id))
        rows.append(community_change(f"9{deal_id}", policy="if_empty") | {"after": "birch"})
        rows.append(company_change(f"8{deal_id}"))
    for deal_id in IN_ASANA:
        rows += with_link(deal_id)
    return rows


def fill_vendors(vendors):
    vendors.deals.update({deal_id: {} for deal_id in (*DEALS, *IN_ASANA)})
    vendors.communities.update({f"9{deal_id}": {} for deal_id in DEALS})
    vendors.companies.update({f"8{deal_id}": {} for deal_id in DEALS})


class RandomFaults(list):
    """One answer in ten is lost after the commit, one in twenty is a 503."""

    def __init__(self, rng):
        super().__init__([None])
        self._rng = rng
        self.counts = Counter()

    def pop(self, _):
        chance = self._rng.random()
        fault = LOST_AFTER if chance < 0.10 else BUSY if chance < 0.15 else None
        self.counts[fault or "answered"] += 1
        return fault


class Applies:
    """Starts applies of a plan in processes of their own and kills them."""

    def __init__(self, home, url):
        self._home, self._url = home, url
        self._server = subprocess.Popen(
            [sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.wait(20)
        self._server.stdout.close()

    def run(self, path, wait_to_kill=None):
        """Apply ``path``, and kill that process when ``wait_to_kill`` returns; return whether it was killed."""
        self._server.stdin.write(f"{self._home} {path} {self._url}\n")
        self._server.stdin.flush()
        process = int(self._server.stdout.readline())
        if wait_to_kill is not None:
            wait_to_kill()
            os.kill(process, signal.SIGKILL)
        self._server.stdin.write("tell\n")
        self._server.stdin.flush()
        return self._server.stdout.readline().strip() == "killed"


class Moments:
    """Moments to kill in: some writes after the start, and a little later, or a little time after the start."""

    def __init__(self, rng, vendors):
        self._rng = rng
        self._writes = threading.Semaphore(0)
        vendors.before_write = lambda *_: self._writes.release()
        vendors.after_write = lambda *_: time.sleep(0.01)  # a vendor takes its time before it answers

    def wait(self):
        """Wait for the next one; an apply that ends before it is killed too late, and does not count."""
        while self._writes.acquire(blocking=False):
            pass
        if self._rng.random() < 0.2:
            time.sleep(self._rng.uniform(0.005, 0.5))
            return
        for _ in range(self._rng.randint(1, 6)):
            if not self._writes.acquire(timeout=2):
                return
        time.sleep(self._rng.uniform(0, 0.03))


def as_journalled(path):
    """Return a path of the log without its vendor; operations of AWS have no path, and stand alone."""
    _, vendor, rest = path.split("/", 2)
    rest = rest.removeprefix("api/1.0/") if vendor == "asana" else rest
    return rest if vendor == "aws" else f"/{rest}"


def assert_every_write_has_its_intent(home, vendors):
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound
        intents = Counter(json.loads(row["details"])["request"] for row in ledger.change_rows(phase="intent"))
    writes = Counter(f"{method} {as_journalled(path)}" for method, path, _ in vendors.writes)
    missing = {request: count for request, count in writes.items() if intents[request] < count}
    assert not missing


def assert_nothing_lost_and_nothing_doubled(vendors):
    names = grid_of(vendors).headers
    assert {names.count(header(deal_id)) for deal_id in DEALS} == {1}
    for deal_id in DEALS:
        named = [key for key, fields in vendors.engagements.items() if fields.get("fldEngDealUrl0000") == deal_url(deal_id)]
        assert len(named) == 1, (deal_id, named)
        assert vendors.deals[deal_id]["engagement_url"].endswith(named[0])
        projects = [key for key, fields in vendors.projects.items() if fields["fldPrjEngagement0"] == named]
        assert len(projects) == 1, (deal_id, projects)
        assert [fields["fldDlvProject0000"] for fields in vendors.deliverables.values()].count(projects) == 1
        issues = [issue for issue in vendors.issues if f"<!-- handoff:{deal_id} -->" in issue["body"]]
        assert len(issues) == 1, (deal_id, issues)
        [item] = [item for item in vendors.items if item["content"]["id"] == issues[0]["id"]]
        assert {field["id"] for field in item["fields"]} == {2, 3}
        assert len([task for task in vendors.tasks.values() if task["deal_id"] == deal_id]) == 1
        assert f"handoff-22220010{deal_id}" in vendors.budgets
        assert vendors.communities[f"9{deal_id}"]["community_id"] == "birch"
        assert vendors.companies[f"8{deal_id}"]["name"] == "Fern University"

    for deal_id in IN_ASANA:
        named = [
            project
            for project in vendors.asana.projects.values()
            if project["custom_fields"].get(DEAL_URL) == deal_url(deal_id) or f"handoff {deal_id}" in project["name"]
        ]
        assert [project["name"] for project in named] == [f"Deal {deal_id}"]
        gid = named[0]["gid"]
        assert vendors.deals[deal_id]["engagement_url"].endswith(f"/{gid}/list")
        assert vendors.asana.portfolios[PORTFOLIO]["items"].count(gid) == 1
        assert [update["parent"] for update in vendors.asana.status_updates.values()].count(gid) == 1


def rehearse(home, vendors, kills, seed):
    """Plan and apply until nothing is left to do, killing the apply ``kills`` times; return how often it was killed, and when."""
    rng = random.Random(seed)
    write_back = WriteBack(home, vendors)
    faults = vendors.faults = RandomFaults(rng)
    moments = Moments(rng, vendors)
    killed = amid_a_write = 0
    with Served(vendors) as served, Applies(home, served.url) as applies:
        while True:
            vendors.faults = []
            plan = write_back.plan(proposed(vendors))
            vendors.faults = faults
            if plan.is_empty:
                assert not plan.held_back, plan.held_back
                assert_nothing_lost_and_nothing_doubled(vendors)
                if killed >= kills:
                    return killed, amid_a_write, faults.counts
                start_over(vendors)
                continue
            assert not plan.stopping_guards, "such a plan is never applied"
            path = save_plan(plan, home)
            while list_plans(home)[0].state in {PlanState.open, PlanState.used}:
                was_killed = applies.run(path, moments.wait if killed < kills else None)
                killed += was_killed
                amid_a_write += was_killed and bool(write_back.unsettled())


def start_over(vendors):
    """Forget what was written, so that there is something to kill again; what the ledger and the log say stays."""
    fill_vendors(vendors)
    vendors.engagements = {key: value for key, value in vendors.engagements.items() if not key.startswith("recNew")}
    vendors.projects, vendors.deliverables, vendors.tasks, vendors.items = {}, {}, {}, []
    vendors.budgets = {}
    anew = type(vendors)()
    vendors.billing, vendors.asana = anew.billing, anew.asana
    vendors.issues = [issue for issue in vendors.issues if "handoff:" not in issue["body"]]


@pytest.mark.slow
@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.thorough)])
def test_killed_again_and_again_nothing_is_lost_doubled_or_written_without_its_intent(home, vendors, kills, record_property):
    fill_vendors(vendors)
    killed, amid_a_write, faults = rehearse(home, vendors, kills, seed=20261116)
    assert killed >= kills
    assert_every_write_has_its_intent(home, vendors)
    lost, busy = faults[LOST_AFTER], faults[BUSY]
    record_property("tried", killed)
    record_property(
        "figure",
        f"{killed} kills, {amid_a_write} of them between a request and its outcome; {len(vendors.writes)} writes, {lost} answers lost, "
        f"{busy} refusals: 0 lost, 0 doubled, each journalled",
    )


def test_an_interrupted_plan_is_shown_as_used_and_finished_by_applying_it_again(home, vendors, write_back, monkeypatch):
    path = write_back.saved([change("c"), community_change()])

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    vendors.before_write = die
    with pytest.raises(Killed):
        write_back.apply(path)
    assert list_plans(home)[0].state is PlanState.used
    assert len(write_back.unsettled()) == 1
    vendors.before_write = None
    result = write_back.apply(path)
    assert result.exit_code == 0
    assert "it was not written" in result.settled[0]
    assert {row.status.value for row in result.results} == {"applied"}
    assert list_plans(home)[0].state is PlanState.applied


def test_what_was_written_before_the_interruption_is_found_by_reading_and_counted_as_applied(home, vendors, write_back):
    path = write_back.saved(engagement_changes())

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    vendors.after_write = die
    with pytest.raises(Killed):
        write_back.apply(path)
    vendors.after_write = None
    result = write_back.apply(path)
    assert [row.status.value for row in result.results] == ["applied", "applied"]
    assert "Written before the interruption" in result.results[0].sentence
    assert len([key for key in vendors.engagements if key.startswith("recNew")]) == 1
