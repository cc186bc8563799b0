"""The next sync says of each write whether the vendor still holds it; what it does not hold is a finding."""

from __future__ import annotations

import json
import shutil
import sqlite3
import urllib.request
from contextlib import nullcontext

import duckdb
import pytest
from command_line import run
from loop import findings
from test_tasks import task
from write_back import DoubleTargets, change, community_change, default_rules, engagement_changes

from pipelines import clock
from pipelines.actions.closing import bring_in, note_sandbox_reset, unconfirmed_writes
from pipelines.ledger import Ledger
from pipelines.sandbox.attachment import attached
from pipelines.settings import PROJECT_ROOT, SANDBOX_WRITE_TOKEN, load_settings
from pipelines.warehouse import open_current

SANDBOX = {"hubspot": True, "airtable": True, "github": True}


def writes(home, is_sandbox=SANDBOX):
    with Ledger.open(home) as ledger:
        return {row["change_id"]: row for row in unconfirmed_writes(ledger, is_sandbox)}


def test_only_the_last_write_of_a_field_is_looked_for(write_back, home):
    write_back.apply(write_back.saved([community_change()]))
    write_back.vendors.communities["50"]["community_id"] = ""
    write_back.apply(write_back.saved([community_change() | {"change_id": "again", "after": "beech"}]))
    assert list(writes(home)) == ["again"]


def test_what_was_created_is_known_by_its_id_and_what_was_so_already_was_not_written(write_back, home, vendors):
    path = write_back.saved([*engagement_changes(), community_change()])
    vendors.communities["50"]["community_id"] = "birch"
    write_back.apply(path)
    found = writes(home)
    assert set(found) == {"create-engagement-2", "link-deal-2"}
    assert found["create-engagement-2"]["record_id"].startswith("recNew")
    assert found["create-engagement-2"]["is_created"]


def test_what_was_written_elsewhere_or_into_a_sandbox_told_anew_is_not_looked_for(write_back, home):
    write_back.apply(write_back.saved([change("c")]))
    assert not writes(home, {"hubspot": False})
    note_sandbox_reset(home)
    assert not writes(home)


def test_a_write_that_a_load_verified_is_not_looked_for_again(write_back, home):
    path = write_back.saved([change("c"), community_change()])
    write_back.apply(path)
    with Ledger.open(home) as ledger:
        ledger.record_change(path.stem, "c", "verified", at=clock.now(), status="verified")
        ledger.record_change(path.stem, "fill-community-50", "verified", at=clock.now(), status="did_not_stick")
    assert set(writes(home)) == {"fill-community-50"}


def test_a_row_that_somebody_altered_does_not_stop_a_sync(write_back, home):
    write_back.apply(write_back.saved([change("c"), community_change()]))
    connection = sqlite3.connect(home / "ledger.sqlite")
    connection.execute("update changes set details = 'x' where change_id = 'c'")
    connection.commit()
    connection.close()
    assert set(writes(home)) == {"fill-community-50"}


def seen_in_the_vendor(home, vendors):
    """Return the rows that a sync brings into its copy, by change."""
    copy = home / "copy.duckdb"
    with Ledger.open(home) as ledger:
        bring_in(ledger, copy, SANDBOX, lambda: nullcontext(DoubleTargets(vendors, default_rules(), may_write=False)))
    with duckdb.connect(str(copy)) as connection:
        rows = connection.execute("select change_id, read_status, read_value from ops.writes").fetchall()
    return {change_id: (status, value) for change_id, status, value in rows}


def test_a_task_is_looked_at_by_each_sync_because_no_load_holds_it(write_back, home, vendors):
    write_back.apply(write_back.saved([task(), community_change()]))
    assert seen_in_the_vendor(home, vendors) == {
        "task:deal-1": ("verified", "NOT_STARTED"),
        "fill-community-50": (None, None),
    }
    [made] = vendors.tasks.values()
    made["properties"]["hs_task_status"] = "COMPLETED"
    assert seen_in_the_vendor(home, vendors)["task:deal-1"] == ("verified", "COMPLETED")
    made["properties"]["hs_task_body"] = made["properties"]["hs_task_body"].replace("Logo", "Logo (asked)")
    assert seen_in_the_vendor(home, vendors)["task:deal-1"] == (None, None)
    vendors.tasks.clear()
    assert seen_in_the_vendor(home, vendors)["task:deal-1"] == ("did_not_stick", None)


def put_by_a_person(home, kind, record_id, **properties):
    with attached(load_settings(handoff_home=home, _env_file=None)) as url:
        request = urllib.request.Request(
            f"{url}/hubspot/crm/objects/2026-09/{kind}/{record_id}",
            data=json.dumps({"properties": properties}).encode(),
            headers={
                "Authorization": f"Bearer {SANDBOX_WRITE_TOKEN}",
                "Content-Type": "application/json",
                "x-sandbox-person": "9001",
            },
            method="PATCH",
        )
        urllib.request.urlopen(request, timeout=10).close()


@pytest.mark.slow
@pytest.mark.thorough
def test_the_next_sync_verifies_what_was_kept_and_finds_what_was_not(copy_of_demo):
    home = copy_of_demo
    assert run(home, "plan", "--rule", "HG01").returncode == 2
    assert run(home, "apply", "latest").returncode == 0
    with Ledger.open(home) as ledger:
        [deal_id, *_] = sorted(
            row["record_id"]
            for row in ledger.change_rows(phase="result")
            if row["object"] == "deals" and row["status"] == "applied"
        )
    put_by_a_person(home, "deals", deal_id, engagement_url="https://example.org/elsewhere")
    synced = run(home, "sync")
    assert synced.returncode == 0, synced.stdout + synced.stderr
    found = findings(home)[f"WB01:hubspot-deals-{deal_id}:engagement_url"]
    assert 'holds "https://example.org/elsewhere" now' in found["reason"]
    report = run(home, "report", "writes", "--format", "json")
    checks = {row["change_id"]: row["status"] for row in json.loads(report.stdout)}
    assert checks.pop(f"fill:deal-{deal_id}:engagement_url") == "did_not_stick"
    assert set(checks.values()) == {"verified"}
    shown = run(home, "show", "latest").stdout
    assert "Verified by load" in shown
    assert "Did not stick: load" in shown
    # the second look has nothing new to say of what was verified, and says the other thing once
    with Ledger.open(home) as ledger:
        before = len(ledger.change_rows(phase="verified"))
    put_by_a_person(home, "deals", deal_id, engagement_url="")
    assert run(home, "plan").returncode in {0, 2}
    assert run(home, "sync").returncode == 0
    with Ledger.open(home) as ledger:
        assert len(ledger.change_rows(phase="verified")) == before
        assert ledger.verify().is_sound
    assert [row["n"] for row in open_current(home).rows("select count(*) as n from ops.writes")] == [1]


@pytest.mark.thorough
def test_with_every_recipe_on_a_sync_publishes_also_when_what_it_had_asked_for_is_no_longer_needed(copy_of_demo, tmp_path):
    home = copy_of_demo
    assert run(home, "plan", "--deal", "1022").returncode == 2
    assert run(home, "apply", "latest").returncode == 0
    put_by_a_person(home, "deals", "1022", dealstage="1007")
    rules = tmp_path / "rules"
    shutil.copytree(PROJECT_ROOT / "dbt/seeds/default", rules)
    with (rules / "rule_guards.csv").open("a") as guards:
        for recipe in ("write_hubspot_task", "extend_decommission_date", "link_project_item", "keep_aws_budget"):
            guards.write(f"enabled_recipe,{recipe},,\n")
    synced = run(home, "sync", RULES_DIR=str(rules))
    assert synced.returncode == 0, synced.stdout + synced.stderr
    proposed = open_current(home).rows("select recipe, finding_id from actions.act_changes")
    recipes = {row["recipe"] for row in proposed}
    assert {"close_github_request", "write_hubspot_task", "link_project_item", "keep_aws_budget"} <= recipes
    assert ("close_github_request", "HG02:deal-1022") in {(row["recipe"], row["finding_id"]) for row in proposed}
