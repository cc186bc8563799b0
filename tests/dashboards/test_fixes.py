"""A plan on the Fixes page: who approved it, what came of it, what is there instead, and what later loads found."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import invented
import pytest
from opened_pages import grid, open_page, said
from test_safety import SANDBOX, plan_for

from dashboards import commands, jobs
from dashboards.grids import height_of
from pipelines.actions.plan import save_plan
from pipelines.actions.records import ApplyResult
from pipelines.decisions import author
from pipelines.errors import HandoffError
from pipelines.ledger import Ledger
from pipelines.settings import PROJECT_ROOT

AT = datetime(2026, 11, 16, 7, tzinfo=UTC)


def planned(home, *, risk="low", proposer="ada"):
    plan = plan_for(SANDBOX)
    [change] = plan.changes
    plan = replace(plan, changes=[replace(change, risk=risk)], proposer=proposer)
    save_plan(plan, home)
    return plan


def record(home, plan, phase, **columns):
    [change] = plan.changes
    with Ledger.open(home) as ledger:
        ledger.record_change(
            plan.plan_id, change.change_id, phase, at=AT, actor="rosa", system="hubspot", object="deals", record_id="1",
            field=change.field, before=None, after=change.after, **columns,
        )  # fmt: skip


def ended(home, plan, status, **details):
    with Ledger.open(home) as ledger:
        ledger.record_plan(plan.plan_id, "apply_started", at=AT, actor="rosa")
    record(home, plan, "result", status=status, sentence=f"It is {status}.", details=details)
    with Ledger.open(home) as ledger:
        ledger.record_plan(plan.plan_id, "apply_finished", at=AT, actor="rosa", outcome="partial")


def button(page, label):
    return next(found for found in page.button if found.label.startswith(label))


def approve_as(page, name):
    next(found for found in page.text_input if found.label == "In the name of").set_value(name)
    button(page, "Approve").click()
    return page.run()


@pytest.fixture
def published(home):
    return invented.publish(home, invented.rows())


def test_an_approval_from_the_page_is_a_row_of_the_ledger_with_the_name_and_the_user_beside_it(home, published):
    plan = planned(home)
    page = approve_as(open_page("fixes"), "Rosa")
    assert "Rosa approves 1 change. Nothing has been written yet." in said(page).replace("\\", "")
    assert "✓ approved" in said(page)
    with Ledger.open(home) as ledger:
        [row] = [row for row in ledger.plan_rows(plan.plan_id) if row["phase"] == "approved"]
    assert row["actor"] == "Rosa"
    assert f'"user": "{author(None)}"' in row["details"]


def test_what_needs_a_second_person_is_not_applied_until_somebody_else_approved_it(home, published):
    planned(home, risk="high", proposer="ada")
    page = open_page("fixes")
    page.checkbox[0].check().run()
    assert button(page, "Apply").disabled
    assert "! needs an approval" in said(page)
    page = approve_as(page, "Ada")
    assert "somebody else must approve it" in said(page)
    page = approve_as(page, "Rosa")
    assert "Still needed" not in said(page)
    assert not button(page, "Apply").disabled


def test_who_may_not_approve_is_told_so_and_the_refusal_is_recorded(home, published, tmp_path, monkeypatch):
    plan = planned(home)
    rules = Path(shutil.copytree(PROJECT_ROOT / "dbt/seeds/default", tmp_path / "rules"))
    (rules / "rule_roles.csv").write_text("person,role,reason\n*,viewer,all\nrosa,approver,lead\n")
    monkeypatch.setenv("RULES_DIR", str(rules))
    page = approve_as(open_page("fixes"), "ben")
    assert "ben may not approve changes" in said(page)
    with Ledger.open(home) as ledger:
        [event] = ledger.event_rows()
    assert (event["kind"], event["actor"], event["subject"]) == ("approve_refused", "ben", f"approve {plan.plan_id}")


def test_a_conflict_shows_what_was_planned_on_what_is_there_and_what_would_have_been_written(home, published):
    plan = planned(home)
    ended(home, plan, "conflict", url=None, live="https://airtable.com/other")
    page = open_page("fixes")
    assert "Left alone: somebody changed 1 target since the plan" in said(page)
    shown = [code.value for code in page.code]
    assert shown[shown.index("(empty)") :][:3] == ["(empty)", "https://airtable.com/other", "https://airtable.com/x"]
    assert "! applied in part" in said(page)


@pytest.mark.parametrize(
    ("status", "details", "words"),
    [
        ("verified", {"load_id": "17.5", "run_id": "r"}, "✓ verified by load 17.5"),
        ("did_not_stick", {"load_id": "17.5", "seen_value": "old"}, "! did not stick: it holds old"),
    ],
)
def test_what_a_later_load_found_of_a_write_stands_beside_it(home, published, status, details, words):
    plan = planned(home)
    ended(home, plan, "applied")
    assert "○ nothing to verify" in said(open_page("fixes"))
    record(home, plan, "outcome", status="acknowledged", attempt_id="1")
    page = open_page("fixes")
    assert "○ not verified yet" in said(page)
    assert button(page, "Plan to take it all back")
    record(home, plan, "verified", status=status, details=details)
    page = open_page("fixes")
    assert {"verified": "**✓ verified**", "did_not_stick": r"**\! did not stick**"}[status] in said(page)
    assert list(grid(page, "What happened")["The next load"]) == [words]


def test_the_address_names_the_plan_that_is_shown(home, published):
    first = planned(home)
    second = replace(plan_for(SANDBOX), plan_id="plan-20261116T070000Z-bbbb", proposer="zoe")
    save_plan(second, home)
    assert "by zoe" in said(open_page("fixes"))
    page = open_page("fixes")
    page.selectbox(key="plan").set_value(first.plan_id).run()
    assert "by ada" in said(page)


def test_one_plan_is_applied_once_at_a_time_whoever_clicks(tmp_path):
    gate = threading.Event()

    def work(progress):
        progress.step("Writing 1 of 2")
        progress.step("Writing 2 of 2")
        gate.wait(10)
        return ApplyResult("p", "ada")

    first = jobs.begin(tmp_path, "p", 2, work)
    assert jobs.begin(tmp_path, "p", 2, work) is first
    assert jobs.job_of(tmp_path, "p") is first
    gate.set()
    first.wait(10)
    assert not first.is_running
    assert (first.begun, first.share) == (2, 0.5)
    assert first.result == ApplyResult("p", "ada")


def test_why_an_apply_could_not_begin_is_kept_for_the_page(tmp_path):
    def refuse(_):
        raise HandoffError("Somebody else is syncing.")

    job = jobs.begin(tmp_path, "p", 1, refuse)
    job.wait(10)
    assert job.problem == "Somebody else is syncing."


def test_a_plan_for_a_real_account_is_not_begun_from_a_page_whoever_asks():
    from test_safety import REAL

    board = type("Board", (), {"person": None, "settings": type("Settings", (), {"handoff_home": Path("nowhere")})})
    with pytest.raises(HandoffError, match="is not applied from a page"):
        commands.begin_apply(board, plan_for(REAL), "ada")


def test_rows_grow_with_what_they_say_to_five_lines_and_no_further():
    heights = [height_of(texts, 230) for texts in ((), ("x" * 60,), ("x" * 120,), ("x" * 60, "x" * 900))]
    assert heights == [62, 62, 81, 100]
