"""What is wrongly set up is said in one sentence: what, where, what to do. Exit 2, no traceback, the rest still syncs."""

from __future__ import annotations

import shutil

import pytest
from conftest import PROJECT
from test_story import run

from pipelines import warehouse


@pytest.fixture
def served():
    from pipelines.sandbox.server import running

    from pipelines.sandbox.story import build_state

    with running(build_state()) as sandbox:
        yield sandbox


def sentences(done):
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"HUBSPOT_ACCESS_TOKEN": "wrong"}, ["HubSpot", "HUBSPOT_ACCESS_TOKEN"]),
        ({"AIRTABLE_TOKEN": "wrong"}, ["Airtable", "AIRTABLE_TOKEN"]),
        ({"GITHUB_TOKEN": "wrong"}, ["GitHub", "GITHUB_TOKEN"]),
        ({"AWS_ACCESS_KEY_ID": "wrong"}, ["AWS", "AWS_"]),
        ({"AIRTABLE_BASE_ID": "appDoesNotExist0"}, ["Airtable", "AIRTABLE_BASE_ID", "appDoesNotExist0"]),
        ({"GITHUB_PROJECT_NUMBERS": "999"}, ["GitHub", "999", "GITHUB_PROJECT_NUMBERS"]),
        ({"GITHUB_ORG": "nobody-here"}, ["GitHub", "nobody-here", "GITHUB_ORG"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_named_and_the_other_sources_are_published(home, served, change, words):
    home.parent.mkdir(exist_ok=True)
    done = run(home, "sync", "--as-of", "2026-11-16", **(served.settings_env | change))
    assert done.returncode == 2, done.stdout + done.stderr
    text = sentences(done)
    for word in words:
        assert word in text, (word, text)
    assert warehouse.current_run_id(home) is not None


def test_a_broken_rule_table_stops_the_run_before_it_begins(home, tmp_path):
    home.parent.mkdir(exist_ok=True)
    profile = shutil.copytree(PROJECT / "dbt/seeds/default", tmp_path / "profile")
    path = profile / "rule_thresholds.csv"
    path.write_text(path.read_text().replace("180,days", "half a year,days"))
    done = run(home, "sync", RULES_DIR=str(profile))
    assert done.returncode == 2
    assert "rule_thresholds.csv, line" in sentences(done)
    assert not home.exists() or warehouse.current_run_id(home) is None


def test_a_lost_token_does_not_replace_real_records_by_invented_ones(home, served):
    home.parent.mkdir(exist_ok=True)
    assert run(home, "sync", "--as-of", "2026-11-16", **served.settings_env).returncode == 0
    published = warehouse.current_run_id(home)
    without = {name: value for name, value in served.settings_env.items() if name != "HUBSPOT_ACCESS_TOKEN"}
    done = run(home, "sync", "--as-of", "2026-11-16", **without)
    assert done.returncode == 2
    assert "HUBSPOT_" in sentences(done)
    assert warehouse.current_run_id(home) == published


def test_a_setting_that_is_no_number_is_named(home):
    home.parent.mkdir(exist_ok=True)
    done = run(home, "status", SANDBOX_PORT="many")
    assert done.returncode == 2
    assert "SANDBOX_PORT" in sentences(done)


def test_two_runs_at_once_one_works_and_the_other_names_it(home):
    from datetime import UTC, datetime

    with warehouse.run_lock(home, what="handoff sync", started_at=datetime(2026, 11, 16, tzinfo=UTC)):
        done = run(home, "sync")
    assert done.returncode == 75
    assert "`handoff sync`" in sentences(done)
