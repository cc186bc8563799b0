"""Rules in shadow, and rules tried on the snapshots that were kept."""

from __future__ import annotations

import json
import shutil

import pytest
from demo import copied
from loop import findings, run, truth

from pipelines import warehouse
from pipelines.settings import PROJECT_ROOT

SHADOWED = "SG12"


@pytest.fixture(scope="module")
def rules_with_a_shadow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rules") / "ours"
    shutil.copytree(PROJECT_ROOT / "dbt" / "seeds" / "default", folder)
    with (folder / "rule_modes.csv").open("a", encoding="utf-8") as file:
        file.write(f"{SHADOWED},shadow,We want to see first how many there are\n")
    return folder


@pytest.fixture(scope="module")
def two_months(demo_home, rules_with_a_shadow, tmp_path_factory):
    """The demo with a second snapshot, of the end of the year, whose rules have a shadow."""
    home = copied(demo_home, tmp_path_factory.mktemp("months") / "home")
    done = run(home, "sync", "--as-of", "2026-12-31", "--brief", RULES_DIR=str(rules_with_a_shadow))
    assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.mark.thorough
def test_a_rule_in_shadow_is_counted_and_reported_nowhere(two_months):
    shadowed = {key for key, row in truth().items() if row["rule_id"] == SHADOWED}
    assert shadowed
    assert not shadowed & set(findings(two_months))
    done = run(two_months, "report", "rule-evaluations", "--format", "json")
    [row] = [row for row in json.loads(done.stdout) if row["rule_id"] == SHADOWED]
    assert (row["mode"], row["open_count"], row["shadow_count"]) == ("shadow", 0, len(shadowed))


@pytest.mark.thorough
def test_a_backtest_says_what_a_rule_would_have_found_on_each_day_that_is_kept(two_months):
    done = run(two_months, "rules", "backtest", "RN05", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert sorted({row["as_of_on"] for row in rows}) == ["2026-11-16", "2026-12-31"]
    of_november = {row["finding_id"] for row in rows if row["as_of_on"] == "2026-11-16"}
    assert of_november == {key for key, row in truth().items() if row["rule_id"] == "RN05"}
    assert not any(row["problem"] for row in rows)


@pytest.mark.thorough
def test_a_backtest_changes_neither_the_snapshot_nor_leaves_a_copy(two_months):
    before = warehouse.sha256_of(warehouse.current_version(two_months) / warehouse.FILE_NAME)
    done = run(two_months, "rules", "backtest", SHADOWED)
    assert done.returncode == 0, done.stderr
    assert "2026-12-31" in done.stdout
    assert warehouse.sha256_of(warehouse.current_version(two_months) / warehouse.FILE_NAME) == before
    assert not list((two_months / "work").glob("backtest-*"))


@pytest.mark.thorough
def test_a_report_of_a_past_day_is_the_report_that_was_published_then(demo_home, two_months):
    then = run(demo_home, "report", "handoff-gaps", "--format", "json").stdout
    now = run(two_months, "report", "handoff-gaps", "--format", "json", "--as-of", "2026-12-30")
    assert now.stdout == then
    assert "As of Monday, 16 November 2026" in now.stderr


@pytest.mark.thorough
def test_a_day_before_the_first_snapshot_is_refused_with_the_first_day_that_there_is(two_months):
    done = run(two_months, "report", "handoff-gaps", "--as-of", "2026-01-01")
    assert done.returncode == 1
    assert "The oldest that is kept speaks of 2026-11-16" in done.stderr


@pytest.mark.thorough
def test_a_backtest_of_an_unknown_rule_names_those_there_are(two_months):
    done = run(two_months, "rules", "backtest", "XX99")
    assert done.returncode == 2
    assert "There is no rule XX99" in done.stderr
    assert "HG01" in done.stderr


def test_rules_check_names_every_mistake_at_once(rules_with_a_shadow, tmp_path):
    folder = tmp_path / "rules"
    shutil.copytree(rules_with_a_shadow, folder)
    for name, old, new in (
        ("rule_modes.csv", "shadow", "sometimes"),
        ("rule_thresholds.csv", "renewal_horizon_days,180", "renewal_horizon_days,half a year"),
        ("rule_findings.csv", "HG02,handoff-gaps", "HG01,handoff-gaps"),
    ):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    done = run(tmp_path, "rules", "check", RULES_DIR=str(folder))
    assert done.returncode == 2
    # what waits for HG02, and what it needs of files, have lost their rule
    places = (
        "rule_modes.csv, line 2, column mode",
        "rule_thresholds.csv, line",
        "rule_findings.csv, line 3",
        "rule_grace.csv, line 3",
        "rule_file_needs.csv, line 4",
    )
    for words in (*places, "5 mistakes"):
        assert words in done.stderr, words


def test_rules_check_says_which_rules_are_not_simply_on(rules_with_a_shadow, tmp_path):
    done = run(tmp_path, "rules", "check", RULES_DIR=str(rules_with_a_shadow))
    assert done.returncode == 0
    assert f"{SHADOWED} is shadow" in done.stderr
