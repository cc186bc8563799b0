"""The rule tables: the shipped ones load, and a mistake is named with file, line and column."""

from __future__ import annotations

import shutil

import pytest
from conftest import PROJECT

from pipelines.errors import ConfigurationError
from pipelines.rules import load_rules

DEFAULT = PROJECT / "dbt" / "seeds" / "default"


@pytest.fixture
def profile(tmp_path):
    return shutil.copytree(DEFAULT, tmp_path / "profile")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_profile_loads():
    rules = load_rules(DEFAULT)
    assert rules.profile == "default"
    assert rules.fields["hubspot", "deals"]["engagement_url"] == "engagement_url"
    assert {pair.to_object for pair in rules.associations if pair.from_object == "deals"} >= {"companies", "contacts"}


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("rule_thresholds.csv", "180,days", "soon,days", ["rule_thresholds.csv", "column value", "'soon' is not a number"]),
        ("rule_stages.csv", "default,1001", "defualt,1001", ["rule_stages.csv", "line 2", "'defualt' is not in rule_pipelines.csv"]),
        ("rule_stages.csv", "lead,10,false", "lead,10,no", ["column is_handoff", "'no' is not true or false"]),
        ("rule_holidays.csv", "2026-01-01", "1/1/2026", ["column holiday_on", "YYYY-MM-DD"]),
        ("rule_findings.csv", "hubspot;airtable,PS", "hubspot;airtabel,PS", ["column needs", "airtabel", "rule_sources.csv"]),
        ("rule_organisation.csv", "key,value", "key,valeu", ["line 1", "the column value is missing"]),
        ("rule_thresholds.csv", "180,days,", "180,days,,,,", ["rule_thresholds.csv", "the row has not"]),
        ("rule_intake_fields.csv", ",negotiation,,high,2", ",negotation,,high,2", ["required_from", "negotation"]),
    ],
)
def test_a_mistake_is_named_with_file_line_and_column(profile, file, old, new, words):
    edit(profile / file, old, new)
    with pytest.raises(ConfigurationError) as caught:
        load_rules(profile)
    for word in words:
        assert word in caught.value.sentence


def test_a_missing_table_is_named(profile):
    (profile / "rule_stages.csv").unlink()
    with pytest.raises(ConfigurationError, match=r"lack rule_stages\.csv"):
        load_rules(profile)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="Set RULES_DIR"):
        load_rules(tmp_path / "nowhere")
