"""plan, show, approve and apply as a person runs them, against the sandbox."""

from __future__ import annotations

import re

import pytest
from command_line import run

from pipelines.ledger import Ledger

pytestmark = pytest.mark.slow


def plan_named(stdout):
    return re.search(r"plan-\d{8}T\d{6}Z-[0-9a-f]{4}", stdout)[0]


def test_a_plan_is_shown_approved_in_part_rehearsed_applied_and_shown_again(copy_of_demo):
    home = copy_of_demo
    made = run(home, "plan", "--rule", "HG01", "--by", "Ana Lopez")
    assert made.returncode == 2, made.stderr
    plan_id = plan_named(made.stdout)
    shown = run(home, "show", "latest")
    assert shown.returncode == 0
    assert "Proposed by Ana Lopez." in shown.stdout
    assert "State: open" in shown.stdout
    change_ids = sorted(set(re.findall(r"create:engagement-for-deal-\d+", shown.stdout)))
    assert change_ids
    approved = run(home, "approve", plan_id, "--change", change_ids[0], "--by", "Berta Moss")
    assert approved.returncode == 0, approved.stderr
    assert f"Berta Moss approves 1 change of {plan_id}." in approved.stdout
    rehearsed = run(home, "apply", plan_id, "--dry-run")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "1 would be written" in rehearsed.stdout
    assert "nothing was written" in rehearsed.stdout
    with Ledger.open(home) as ledger:
        assert not ledger.change_rows()
    applied = run(home, "apply", plan_id, "--by", "Otto")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    after = run(home, "show", plan_id)
    assert "State: applied by Otto." in after.stdout
    assert applied.stderr.startswith("SANDBOX: what is written goes to the invented organisation.")
    assert "Approved by Berta Moss on 20" in after.stdout
    assert f"applied: {change_ids[0]}" in after.stdout
    again = run(home, "approve", plan_id)
    assert again.returncode == 1
    assert "was applied before, by Otto" in again.stderr
    with Ledger.open(home) as ledger:
        assert ledger.event_rows()[0]["kind"] == "approve_refused"
    # a ledger that was put back or lost does not make a plan that was used a new one
    (home / "ledger.sqlite").unlink()
    for words in (("show", plan_id), ("apply", plan_id), ("audit", "verify"), ("audit",)):
        forgotten = run(home, *words)
        assert forgotten.returncode == 1, words
        assert "ledger does not know" in " ".join((forgotten.stderr + forgotten.stdout).split()).lower().replace(
            "the ledger", "ledger"
        ), words


@pytest.mark.parametrize(
    ("filters", "code", "words"),
    [
        (("--deal", "no such deal"), 1, "There is no deal 'no such deal'"),
        (("--owner", "nobody at all"), 1, "Nobody called 'nobody at all' owns a finding."),
        (("--rule", "XX99"), 1, "There is no rule 'XX99'."),
        (("--system", "salesforce"), 1, "Nothing is written to 'salesforce'. Give one of hubspot, "),
        (("--max", "0"), 2, "Invalid value for '--max'"),
    ],
)
def test_a_filter_that_nothing_can_meet_is_an_error_and_no_empty_plan(on_demo, demo_home, filters, code, words):
    done = run(demo_home, "plan", *filters)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_a_rule_without_fixes_leaves_nothing_to_apply(copy_of_demo):
    none = run(copy_of_demo, "plan", "--rule", "BO01")
    assert none.returncode == 0
    assert "There is nothing to apply." in none.stdout


def test_who_has_no_role_is_refused_and_the_refusal_recorded(copy_of_demo, tmp_path):
    import shutil

    from pipelines.settings import PROJECT_ROOT

    rules = tmp_path / "rules"
    shutil.copytree(PROJECT_ROOT / "dbt" / "seeds" / "default", rules)
    (rules / "rule_roles.csv").write_text("person,role,reason\nAna,proposer,x\nBerta,approver,x\nAna,viewer,x\n")
    refused = run(copy_of_demo, "plan", "--by", "Otto", RULES_DIR=str(rules))
    assert refused.returncode == 1
    assert "Otto may not make plans" in refused.stderr
    assert run(copy_of_demo, "plan", "--by", "ana", RULES_DIR=str(rules)).returncode == 2
    applied = run(copy_of_demo, "apply", "latest", "--by", "Berta", RULES_DIR=str(rules))
    assert applied.returncode == 1
    assert "Berta may not apply plans" in applied.stderr
    with Ledger.open(copy_of_demo) as ledger:
        assert [(row["kind"], row["actor"]) for row in ledger.event_rows()] == [
            ("apply_refused", "Berta"),
            ("plan_refused", "Otto"),
        ]


def test_a_run_is_undone_and_the_ledger_tells_it_until_somebody_alters_it(copy_of_demo):
    import sqlite3

    home = copy_of_demo
    run(home, "plan", "--rule", "HG01", "--max", "4")
    assert run(home, "apply", "latest").returncode == 0
    undone = run(home, "undo", "latest", "--by", "Ana")
    assert undone.returncode == 2, undone.stderr
    assert "-> (empty)" in undone.stdout
    assert "handoff deletes nothing" in undone.stdout
    assert run(home, "apply", "latest").returncode == 0
    listed = run(home, "audit")
    assert listed.returncode == 0
    assert "made by Ana: plan-" in listed.stdout
    assert "result applied by" in listed.stdout
    assert len(run(home, "audit", "--max", "3").stdout.splitlines()) == 4
    sound = run(home, "audit", "verify")
    assert sound.returncode == 0
    assert "The ledger is as it was written" in sound.stdout
    connection = sqlite3.connect(home / "ledger.sqlite")
    seq = connection.execute("select max(seq) from changes").fetchone()[0]
    connection.execute("update changes set actor = 'nobody' where seq = ?", [seq])
    connection.commit()
    connection.close()
    altered = run(home, "audit", "verify")
    assert altered.returncode == 1
    assert f"changes row {seq}" in altered.stderr
    assert run(home, "undo", "latest").returncode == 1
    assert run(home, "audit", "burn").returncode == 1


def test_a_home_without_a_ledger_has_nothing_to_audit(home):
    home.mkdir()
    done = run(home, "audit", "verify")
    assert done.returncode == 0
    assert "Nothing was ever recorded" in done.stdout
