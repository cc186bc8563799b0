"""The loop on the invented organisation: the findings equal the story's truth, twice, and survive whatever a vendor does."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from conftest import PROJECT

from pipelines import warehouse

HANDOFF = [sys.executable, "-m", "pipelines.cli"]
VENDORS = ("hubspot", "airtable", "github", "aws")


def run(home, *arguments, **environment):
    return subprocess.run(
        [*HANDOFF, *arguments],
        env=os.environ | {"HANDOFF_HOME": str(home), "PYTHONPATH": str(PROJECT), "COLUMNS": "200"} | environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def truth() -> dict[str, dict[str, str]]:
    from pipelines.sandbox.story import TRUTH_FILE

    with TRUTH_FILE.open(newline="", encoding="utf-8") as file:
        return {row["finding_id"]: row for row in csv.DictReader(file)}


def findings(home):
    return {row["finding_id"]: row for row in warehouse.open_current(home).rows("select * from marts.fct_findings")}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    done = run(home, "sync")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.fixture
def copy_of_demo(demo, tmp_path):
    target = tmp_path / "home"
    subprocess.run(["cp", "-a", str(demo), str(target)], check=True)
    return target


@pytest.fixture
def served(tmp_path):
    """A sandbox of this test's own, with its control surface."""
    from pipelines.sandbox.server import running

    from pipelines.sandbox.story import build_state

    with running(build_state()) as sandbox:
        yield sandbox


def port_of(sandbox) -> str:
    return sandbox.url.rsplit(":", 1)[1]


def control(sandbox, path, body):
    request = urllib.request.Request(
        f"{sandbox.url}/_control/{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_the_findings_equal_the_truth_exactly(demo):
    found = findings(demo)
    expected = truth()
    assert set(found) == set(expected)
    for finding_id, row in expected.items():
        actual = found[finding_id]
        for column in ("rule_id", "status", "severity", "subject"):
            assert actual[column] == row[column], (finding_id, column)


def test_a_second_sync_finds_the_same(copy_of_demo):
    before = findings(copy_of_demo)
    done = run(copy_of_demo, "sync")
    assert done.returncode == 0, done.stderr
    volatile = {"evidence"}  # says when the source was read
    after = findings(copy_of_demo)
    assert {key: {k: v for k, v in row.items() if k not in volatile} for key, row in after.items()} == {
        key: {k: v for k, v in row.items() if k not in volatile} for key, row in before.items()
    }


def test_every_finding_explains_itself(demo):
    for row in findings(demo).values():
        assert row["reason"].strip().endswith("."), row["finding_id"]
        assert row["what_to_do"].strip(), row["finding_id"]
        assert row["owner"], row["finding_id"]
        assert row["record_url"] is None or row["record_url"].startswith("https://"), row["finding_id"]
        for item in json.loads(row["evidence"]):
            assert set(item) >= {"field", "value", "source", "seen_at"}, row["finding_id"]


def test_the_reports_name_each_finding_once(demo):
    done = run(demo, "report", "handoff-gaps", "missing-intake", "renewals-due", "budget-overruns", "--format", "json")
    assert done.returncode == 0, done.stderr
    named = [row["finding_id"] for row in json.loads(done.stdout)]
    assert sorted(named) == sorted(truth())
    assert "SANDBOX" in done.stderr


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_stops_makes_its_findings_indeterminate_and_nothing_new(copy_of_demo, served, vendor):
    before = findings(copy_of_demo)
    control(served, f"vendors/{vendor}", {"up": False})
    done = run(copy_of_demo, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "STALE since" in done.stderr
    assert "Traceback" not in done.stderr
    after = findings(copy_of_demo)
    assert set(after) == set(before), "nothing may appear or vanish because a vendor does not answer"
    needs = {
        row["rule_id"]: row["needs"].split(";")
        for row in csv.DictReader((PROJECT / "dbt/seeds/default/rule_findings.csv").open(newline=""))
    }
    kinds = {
        row["rule_id"]: row["kind"] for row in csv.DictReader((PROJECT / "dbt/seeds/default/rule_findings.csv").open(newline=""))
    }
    for finding_id, row in after.items():
        depends = vendor in needs[row["rule_id"]] and kinds[row["rule_id"]] == "absence"
        if depends:
            assert row["status"] == "indeterminate", finding_id
        else:
            assert row["status"] in {before[finding_id]["status"], "indeterminate"}, finding_id
    report = run(copy_of_demo, "report", "findings")
    assert "STALE since" in report.stderr


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_never_answered_is_not_evaluated(home, served, vendor):
    home.parent.mkdir(exist_ok=True)
    control(served, f"vendors/{vendor}", {"up": False})
    done = run(home, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "NEVER LOADED" in done.stderr
    extra = {finding_id for finding_id, row in findings(home).items() if row["status"] == "open"} - set(truth())
    assert not extra, "an outage must not look like something missing"
    report = run(home, "report", "findings")
    assert "NOT EVALUATED" in report.stderr


@pytest.mark.slow
def test_killed_at_ten_moments_the_last_snapshot_stays_and_the_next_run_is_whole(copy_of_demo):
    expected = set(truth())
    published = warehouse.current_run_id(copy_of_demo)
    begun = time.monotonic()
    assert run(copy_of_demo, "sync").returncode == 0
    duration = time.monotonic() - begun
    generator = random.Random(20261116)
    for moment in sorted(generator.uniform(0.03, 0.97) for _ in range(10)):
        published = warehouse.current_run_id(copy_of_demo)
        process = subprocess.Popen(
            [*HANDOFF, "sync"],
            env=os.environ | {"HANDOFF_HOME": str(copy_of_demo), "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(duration * moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert warehouse.current_run_id(copy_of_demo) == published
        assert set(findings(copy_of_demo)) == expected
    assert run(copy_of_demo, "sync").returncode == 0
    assert warehouse.current_run_id(copy_of_demo) != published
    assert set(findings(copy_of_demo)) == expected


def test_after_apply_and_another_sync_the_fixed_findings_are_gone(copy_of_demo):
    planned = run(copy_of_demo, "plan")
    assert planned.returncode == 2, planned.stdout + planned.stderr
    applied = run(copy_of_demo, "apply", "latest")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    from pipelines.actions.plan import list_plans

    [plan] = list_plans(copy_of_demo)
    fixed = {change.finding_id for change in plan.plan.changes}
    assert fixed
    synced = run(copy_of_demo, "sync")
    assert synced.returncode == 0, synced.stdout + synced.stderr
    after = set(findings(copy_of_demo))
    assert not after & fixed
    again = run(copy_of_demo, "plan")
    assert not any(finding_id in again.stdout for finding_id in fixed)
