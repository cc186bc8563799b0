"""The loop on the invented organisation: the findings equal the story's truth, twice, and are gone once they were fixed."""

from __future__ import annotations

import json

import pytest
from loop import findings, run, truth


def test_the_findings_equal_the_truth_exactly(demo_home):
    found = findings(demo_home)
    expected = truth()
    assert set(found) == set(expected)
    for finding_id, row in expected.items():
        actual = found[finding_id]
        for column in ("rule_id", "status", "severity", "subject"):
            assert actual[column] == row[column], (finding_id, column)


@pytest.mark.thorough
def test_a_second_sync_finds_the_same(copy_of_demo):
    before = findings(copy_of_demo)
    done = run(copy_of_demo, "sync")
    assert done.returncode == 0, done.stderr
    volatile = {"evidence", "last_seen_at"}  # they say when the sources were read
    after = findings(copy_of_demo)
    assert {key: {k: v for k, v in row.items() if k not in volatile} for key, row in after.items()} == {
        key: {k: v for k, v in row.items() if k not in volatile} for key, row in before.items()
    }


def test_every_finding_explains_itself(demo_home):
    for row in findings(demo_home).values():
        assert row["reason"].strip().endswith("."), row["finding_id"]
        assert row["what_to_do"].strip(), row["finding_id"]
        assert row["owner"], row["finding_id"]
        assert row["record_url"] is None or row["record_url"].startswith("https://"), row["finding_id"]
        for item in json.loads(row["evidence"]):
            assert set(item) >= {"field", "value", "source", "seen_at"}, row["finding_id"]


def test_the_reports_name_each_finding_once(demo_home):
    from pipelines.catalogue import REPORTS

    done = run(demo_home, "report", *(name for name in REPORTS if name != "findings"), "--format", "json")
    assert done.returncode == 0, done.stderr
    named = [row["finding_id"] for row in json.loads(done.stdout)]
    assert sorted(named) == sorted(truth())
    assert "SANDBOX" in done.stderr


@pytest.mark.thorough
def test_after_apply_and_another_sync_the_fixed_findings_are_gone(copy_of_demo):
    before = findings(copy_of_demo)
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
    after = findings(copy_of_demo)
    # a project and a deliverable are two of the three things that HG03 asks for
    gone_on = {finding_id for finding_id in fixed & set(after) if after[finding_id]["reason"] != before[finding_id]["reason"]}
    assert {after[finding_id]["reason"].rsplit(" has ", 1)[1] for finding_id in gone_on} == {"no GitHub item."}
    fixed -= gone_on
    assert not set(after) & fixed
    again = run(copy_of_demo, "plan")
    assert again.returncode == 0, again.stdout + again.stderr
    assert not any(finding_id in again.stdout for finding_id in fixed)
