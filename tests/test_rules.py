"""The rule tables: the shipped ones load, and a mistake is named with file, line and column."""

from __future__ import annotations

import re
import shutil
from datetime import date

import pytest
from conftest import PROJECT

from pipelines.errors import ConfigurationError
from pipelines.rule_tables import REQUIRED_KEYS, REQUIRED_TABLES, key_columns
from pipelines.rules import load_rules

DEFAULT = PROJECT / "dbt" / "seeds" / "default"


@pytest.fixture
def profile(tmp_path):
    return shutil.copytree(DEFAULT, tmp_path / "profile")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def complaint(profile) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_rules(profile)
    assert caught.value.exit_code == 2
    return caught.value.sentence


def test_the_shipped_profile_loads():
    rules = load_rules(DEFAULT)
    assert rules.profile == "default"
    assert rules.fields["hubspot", "deals"]["engagement_url"] == "engagement_url"
    assert {pair.to_object for pair in rules.associations if pair.from_object == "deals"} >= {"companies", "contacts"}


def test_every_shipped_table_is_required():
    assert {path.stem for path in DEFAULT.glob("*.csv")} == set(REQUIRED_TABLES)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("rule_thresholds.csv", "180,days", "soon,days", ["line 5, column value", "'soon' is not a number"]),
        ("rule_thresholds.csv", "180,days", "NaN,days", ["line 5, column value", "'NaN' is not a number"]),
        (
            "rule_stages.csv",
            "default,1001",
            "defualt,1001",
            ["line 2, column pipeline_id", "'defualt' is not in rule_pipelines.csv"],
        ),
        ("rule_stages.csv", "lead,10,false", "lead,10,no", ["column is_handoff", "'no' is not true or false"]),
        ("rule_stages.csv", "lead,10,false", "lead,10.5,false", ["column stage_rank", "'10.5' is not a whole number"]),
        ("rule_holidays.csv", "2026-01-01", "1/1/2026", ["line 2, column holiday_on", "YYYY-MM-DD"]),
        (
            "rule_findings.csv",
            "hubspot;engagements,PS",
            "hubspot;engagments,PS",
            ["column needs", "'engagments'", "rule_sources.csv"],
        ),
        (
            "rule_findings.csv",
            "hubspot;engagements,PS",
            "hubspot;engagements,OPS",
            ["column owner_team", "'OPS'", "map_teams_to_owners.csv"],
        ),
        (
            "rule_findings.csv",
            "high,absence",
            "hihg,absence",
            ["line 2, column severity", "'hihg'", "blocker, high, medium, low"],
        ),
        ("rule_organisation.csv", "key,value", "key,valeu", ["line 1", "the column value is missing"]),
        ("rule_organisation.csv", "America/Los_Angeles", "Pacific", ["column value", "'Pacific' cannot be the timezone"]),
        ("rule_organisation.csv", ",4400001,", ",portal 4400001,", ["cannot be the hubspot_portal_id", "digits"]),
        ("rule_organisation.csv", ",Requested,", ",Asked,", ["'Asked' cannot be the new_engagement_status", "Requested"]),
        ("rule_thresholds.csv", "180,days,", "180,days,,,,", ["line 5", "the row has not"]),
        ("rule_intake_fields.csv", ",negotiation,,high,2", ",negotation,,high,2", ["column required_from", "negotation"]),
        (
            "rule_intake_fields.csv",
            "deal.membership_level",
            "deal.membership",
            ["column lookups", "hubspot,deals,membership", "map_fields"],
        ),
        (
            "rule_intake_fields.csv",
            ";engagement.cloud_region",
            ";engagement.region",
            ["line 9, column lookups", "airtable,engagements,region"],
        ),
        (
            "rule_intake_fields.csv",
            "community.logo_url",
            "comunity.logo_url",
            ["column lookups", "'comunity.logo_url' names no place"],
        ),
        (
            "rule_intake_fields.csv",
            "text,context_answer_characters",
            "text,context_characters",
            ["line 11, column minimum_characters_key", "'context_characters' is not in rule_thresholds.csv"],
        ),
        (
            "rule_intake_fields.csv",
            ",context_field_characters,",
            ",context_fields,",
            ["line 11, column fallback_characters_key", "'context_fields' is not in rule_thresholds.csv"],
        ),
        (
            "rule_intake_fields.csv",
            ",2,BD,Agree",
            ",2,DB,Agree",
            ["line 2, column owner_team", "'DB'", "map_teams_to_owners.csv"],
        ),
        ("rule_contact_fields.csv", "github_login", "github", ["column validator", "'github' is not in rule_validators.csv"]),
        ("rule_validators.csv", "^[a-z]{2,63}$", "^[a-z{2,63}$", ["line 2, column pattern", "not a regular expression"]),
        ("rule_test_deals.csv", "^\\[TEST\\]", "(?<!x)TEST", ["column name_pattern", "not a regular expression"]),
        ("map_teams_to_owners.csv", "BD,deal", "BD,company", ["line 2, column owner_from", "'company'", "deal, engagement"]),
        ("map_teams_to_owners.csv", "owner_team,owner_from", "owner_team,from", ["line 1", "the column owner_from is missing"]),
        ("rule_cost_sources.csv", "aws,3", "aws,third", ["line 4, column source_rank", "'third' is not a whole number"]),
        ("rule_cost_sources.csv", "aws,3", "azure,3", ["line 4, column cost_source", "'azure' is not known there"]),
        ("rule_guards.csv", "max_changes,50", "max_changes,", ["column value", "the cell is empty"]),
    ],
)
def test_a_mistake_is_named_with_file_line_and_column(profile, file, old, new, words):
    edit(profile / file, old, new)
    sentence = complaint(profile)
    for word in [file, *words]:
        assert word in sentence, (word, sentence)


# Tables that ship without rows
ROWS_OF_EMPTY_TABLES = {
    "rule_modes": "SG12,shadow,We want to see first",
    "map_cost_tags": "hub,alpha,,1001,1,true,,,",
    "map_hubs_to_deals": "moss,1001,Its hub",
    "map_file_values": "deals,stage_id,Paperwork,1005,Ours",
    "rule_file_sources": "hubspot,No access",
    "rule_engagement_templates": "default,1201,1202,on_track,Ours",
}


@pytest.mark.parametrize("table", sorted(REQUIRED_TABLES))
def test_a_row_that_stands_there_twice_is_named_with_both_lines(profile, table):
    path = profile / f"{table}.csv"
    lines = path.read_text().splitlines()
    if len(lines) == 1:
        lines.append(ROWS_OF_EMPTY_TABLES[table])
    path.write_text("\n".join([*lines, lines[1]]) + "\n")
    sentence = complaint(profile)
    assert f"{table}.csv, line {len(lines) + 1}, column {key_columns(table)[0]}" in sentence
    assert "stands in line 2 already" in sentence


def test_a_guard_may_allow_many_fields_and_no_field_twice(profile):
    rules = load_rules(profile)
    assert sum(row["key"] == "allowed_field" for row in rules.table("rule_guards")) > 1
    path = profile / "rule_guards.csv"
    path.write_text(path.read_text() + "allowed_field,hubspot.deals.cloud_region,field,Again\n")
    assert "column key and value: 'allowed_field, hubspot.deals.cloud_region' stands in line" in complaint(profile)


@pytest.mark.parametrize(
    ("table", "key"), [(table, key) for table, keys in sorted(REQUIRED_KEYS.items()) for key in sorted(keys)]
)
def test_a_row_that_rules_rest_on_cannot_go_missing_in_silence(profile, table, key):
    path = profile / f"{table}.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith(f"{key},")) + "\n")
    sentence = complaint(profile)
    assert f"{table}.csv" in sentence
    assert f"there is no row {key}" in sentence


def test_every_key_that_a_model_asks_for_is_required():
    asked = {"rule_organisation": set(), "rule_thresholds": set()}
    for path in PROJECT.glob("dbt/**/*.sql"):
        text = path.read_text()
        asked["rule_organisation"] |= set(re.findall(r"\borganisation\('(\w+)'\)", text))
        asked["rule_thresholds"] |= set(re.findall(r"\bthreshold\('(\w+)'\)", text))
    for path in PROJECT.glob("pipelines/**/*.py"):
        text = path.read_text()
        asked["rule_organisation"] |= set(re.findall(r"\borganisation(?:\.get\(|\[)[\"'](\w+)[\"']", text))
        asked["rule_thresholds"] |= set(re.findall(r"\bthresholds\[[\"'](\w+)[\"']", text))
    assert all(asked.values())
    for table, keys in asked.items():
        assert keys <= REQUIRED_KEYS[table], keys - REQUIRED_KEYS[table]


def test_the_line_is_right_below_a_cell_of_two_lines_and_an_empty_line(profile):
    path = profile / "rule_thresholds.csv"
    lines = path.read_text().splitlines()
    lines[1] = 'handoff_request_business_days,2,business days,"Agreed,\nin writing",'
    lines[4] = lines[4].replace("180", "half a year")
    path.write_text("\n".join([lines[0], "", *lines[1:]]) + "\n")
    assert "rule_thresholds.csv, line 7, column value: 'half a year' is not a number" in complaint(profile)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "not a readable CSV file"),
        (b'key,value,unit\n"open,1,days\n', "not a readable CSV file"),
        (b"key;value;unit\nx;1;days\n", "the column key is missing"),
        (b"", "the column key is missing"),
    ],
    ids=["bytes", "open quote", "semicolons", "empty"],
)
def test_a_file_that_is_no_table_is_named(profile, content, words):
    (profile / "rule_thresholds.csv").write_bytes(content)
    sentence = complaint(profile)
    assert "rule_thresholds.csv" in sentence
    assert words in sentence


def test_a_table_as_a_spreadsheet_saves_it_loads(profile):
    """With a byte-order mark and Windows line ends."""
    path = profile / "rule_thresholds.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_rules(profile).thresholds["renewal_horizon_days"] == 180


def test_a_table_of_ones_own_may_lie_beside_the_others(profile):
    (profile / "map_regions.csv").write_text("region,region\nx,x\n")
    assert load_rules(profile).table("map_regions")


def test_a_missing_table_is_named(profile):
    (profile / "rule_stages.csv").unlink()
    assert "lack rule_stages.csv" in complaint(profile)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    assert "Set RULES_DIR" in complaint(tmp_path / "nowhere")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    path = tmp_path / "rules.csv"
    path.write_text("")
    assert "is not a folder" in complaint(path)
    assert "is not a folder" in complaint(path / "below")


def test_holidays_that_end_within_a_year_are_to_be_added(profile):
    path = profile / "rule_holidays.csv"
    path.write_text("holiday_on,holiday_name\n2027-12-24,Christmas Day (observed)\n2027-01-01,New Year's Day\n")
    rules = load_rules(profile)
    assert rules.holidays_to_add(date(2026, 12, 24)) is None
    sentence = rules.holidays_to_add(date(2026, 12, 25))
    assert sentence == f"Due dates after 24 December 2027 skip no holiday. Add the holidays of the next year to {path}."
    path.write_text("holiday_on,holiday_name\n")
    assert load_rules(profile).holidays_to_add(date(2026, 12, 25)).startswith("Due dates skip no holiday.")


@pytest.mark.parametrize("value", ["", "Monday;Mon", "Monday;Monday", "Monday, Tuesday"])
def test_working_days_are_names_of_days_each_once(profile, value):
    edit(profile / "rule_organisation.csv", "working_days,Monday;Tuesday;Wednesday;Thursday;Friday", f'working_days,"{value}"')
    sentence = complaint(profile)
    assert "rule_organisation.csv" in sentence
    assert "working_days" in sentence or "value" in sentence
