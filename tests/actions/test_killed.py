"""Kill -9 in the middle of an apply, with answers lost and vendors busy: nothing is lost, doubled, or written without its intent."""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from vendor_double import BUSY, LOST_AFTER, Served
from write_back import WriteBack, change, community_change, deal_url, engagement_changes, issue_change

from pipelines.actions.plan import PlanState, list_plans
from pipelines.ledger import Ledger

CHILD = Path(__file__).with_name("killed_apply.py")
PROJECT = CHILD.parents[2]
DEALS = [str(number) for number in range(2000, 2006)]


def proposed():
    rows = []
    for deal_id in DEALS:
        rows += engagement_changes(deal_id)
        rows.append(issue_change(deal_id))
        rows.append(community_change(f"9{deal_id}", policy="if_empty") | {"after": "birch"})
    return rows


def fill_vendors(vendors):
    vendors.deals.update({deal_id: {} for deal_id in DEALS})
    vendors.communities.update({f"9{deal_id}": {} for deal_id in DEALS})


class RandomFaults(list):
    """One answer in ten is lost after the commit, one in twenty is a 503."""

    def __init__(self, rng):
        super().__init__([None])
        self._rng = rng

    def pop(self, _):
        chance = self._rng.random()
        return LOST_AFTER if chance < 0.10 else BUSY if chance < 0.15 else None


def run_and_kill(home, path, url, after):
    """Apply ``path`` in a process of its own and kill it ``after`` seconds of work; return whether it was killed."""
    process = subprocess.Popen(
        [sys.executable, str(CHILD), str(home), str(path), url], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )
    assert process.stdout.readline().strip() == "ready"
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def assert_every_write_has_its_intent(home, vendors):
    with Ledger.open(home) as ledger:
        assert ledger.verify().is_sound
        intents = Counter(json.loads(row["details"])["request"] for row in ledger.change_rows(phase="intent"))
    writes = Counter(f"{method} {path.split('/', 2)[2] and '/' + path.split('/', 2)[2]}" for method, path, _ in vendors.writes)
    missing = {request: count for request, count in writes.items() if intents[request] < count}
    assert not missing


def assert_nothing_lost_and_nothing_doubled(vendors):
    for deal_id in DEALS:
        named = [key for key, fields in vendors.engagements.items() if fields.get("fldEngDealUrl0000") == deal_url(deal_id)]
        assert len(named) == 1, (deal_id, named)
        assert vendors.deals[deal_id]["engagement_url"].endswith(named[0])
        issues = [issue for issue in vendors.issues if f"<!-- handoff:{deal_id} -->" in issue["body"]]
        assert len(issues) == 1, (deal_id, issues)
        [item] = [item for item in vendors.items if item["content"]["id"] == issues[0]["id"]]
        assert {field["id"] for field in item["fields"]} == {2, 3}
        assert vendors.communities[f"9{deal_id}"]["community_id"] == "birch"


def rehearse(home, vendors, kills, seed):
    """Plan and apply until nothing is left to do, killing the apply ``kills`` times; return how often it was really killed."""
    rng = random.Random(seed)
    write_back = WriteBack(home, vendors)
    killed = 0
    with Served(vendors) as served:
        vendors.faults = RandomFaults(rng)
        path = None
        while True:
            if path is None or list_plans(home)[0].state not in {PlanState.open, PlanState.used}:
                vendors.faults, faults = [], vendors.faults
                plan = write_back.plan(proposed())
                vendors.faults = faults
                if plan.is_empty:
                    assert not plan.held_back, plan.held_back
                    if killed < kills:
                        start_over(vendors)
                        continue
                    return killed
                from pipelines.actions.plan import save_plan

                path = save_plan(plan, home)
            killed += run_and_kill(home, path, served.url, rng.uniform(0.005, 0.5) if killed < kills else 60)


def start_over(vendors):
    """Forget what was written, so that there is something to kill again; what the ledger and the log say stays."""
    assert_nothing_lost_and_nothing_doubled(vendors)
    vendors.deals.update({deal_id: {} for deal_id in DEALS})
    vendors.communities.update({f"9{deal_id}": {} for deal_id in DEALS})
    vendors.engagements = {key: value for key, value in vendors.engagements.items() if not key.startswith("recNew")}
    vendors.issues = [issue for issue in vendors.issues if "handoff:" not in issue["body"]]
    vendors.items = []


@pytest.mark.slow
def test_killed_again_and_again_nothing_is_lost_doubled_or_written_without_its_intent(home, vendors):
    fill_vendors(vendors)
    killed = rehearse(home, vendors, kills=8, seed=20261116)
    assert killed >= 8
    assert_nothing_lost_and_nothing_doubled(vendors)
    assert_every_write_has_its_intent(home, vendors)


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
