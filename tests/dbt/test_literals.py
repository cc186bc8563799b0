"""Stages, days, percentages and vendor fields are rows of the rule tables; the models name none of them."""

from __future__ import annotations

import csv
import re

import pytest
from project import PROJECT_FOLDER, RULES

MODELS = sorted(PROJECT_FOLDER.glob("models/**/*.sql"))
# Numbers that are no rule, each with what it is. The calendar's own (days of a week, months of a year) are macros.
NOT_A_RULE = {
    ("int_budget_alarms", "100"): "parts of a percent",
    ("int_cost_forecast_methods", "30"): "further days that a month can have",
    ("int_expected_billing", "20"): "years that no agreement outlasts",
    ("int_hub_engagements", "3"): "the place of a way to find the engagement",
    ("int_hub_engagements", "4"): "the place of a way to find the engagement",
    ("int_intake_fields", "3"): "the place of a way to be wrong: empty, a placeholder, in the wrong form",
    ("int_usage_readings", "3"): "the place of a way to tell the number of people",
    ("int_usage_readings", "4"): "the place of a way to tell the number of people",
    ("rpt_capacity", "3"): "the place of a scenario, and the names that a cell has room for",
    ("rpt_kpis", "4"): "decimals",
    ("rpt_time_to_value", "0.5"): "the median, as the column says",
    ("rpt_stage_velocity", "0.5"): "the median, as the column says",
    ("rpt_stage_velocity", "0.8"): "p80, as the column says",
}
# columns of ours that a vendor happens to call something else by
WORDS_OF_OURS = {"name", "pipeline", "prepaid_cloud_amount"}
# what stands inside a vendor's JSON is its structure, not a field of the organisation
VENDOR_JSON = r"json_text\([^()]*\)"
NUMBER = r"(?<![\w.])\d*\.?\d+(?![\w.])"
TIME = r"\b(?:add_days|add_months|add_seconds|weeks_before|days_between|seconds_between|interval|isodow|dayofweek|dayname)\b"


def rows(table):
    with (RULES / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def stage_words():
    words = {row[column] for row in rows("rule_stages") for column in ("stage_key", "stage_id")}
    return words | {row["pipeline_id"] for row in rows("rule_pipelines")} - {"default"}


def vendor_fields():
    """What only the vendor calls it: names that are ours as well say nothing."""
    mapped = rows("map_fields")
    return {row["vendor_field"] for row in mapped} - {row["canonical_field"] for row in mapped} - {""}


def code_of(text):
    return re.sub(r"(?s)--[^\n]*|\{#.*?#\}", "", text)


def words_in(text, *, stages, fields):
    """Return the stages and vendor fields that a model names, as text or as a column."""
    text = re.sub(VENDOR_JSON + r"|(?:organisation|threshold)\([^()]*\)", "", code_of(text))
    literals = set(re.findall(r"'([^']*)'", text))
    columns = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", text))) - WORDS_OF_OURS
    return (literals & (stages | fields)) | (columns & fields)


def numbers_in(text):
    """Return the numbers of a model that may be a rule: all but 0, 1 and 2, types, roundings and parts of a text."""
    text = re.sub(r"decimal\(\d+, ?\d+\)|chr\(\d+\)|split_part\([^()]*\)|, \d\)", "", code_of(text))
    return set(re.findall(NUMBER, re.sub(r"'[^']*[^\d'][^']*'", "''", text))) - {"0", "1", "2"}


def spans_in(text):
    """Return the lines on which a number other than 0 and 1 stands beside a reckoning with days or months."""
    found = []
    for line in code_of(text).splitlines():
        if re.search(TIME, line):
            counted = re.findall(NUMBER, re.sub(r"decimal\(\d+, ?\d+\)", "", line))
            found += [line.strip()] if set(counted) - {"0", "1"} else []
    return found


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_no_stage_day_count_percentage_or_vendor_field_stands_in_a_model(path):
    text = path.read_text(encoding="utf-8")
    assert not words_in(text, stages=stage_words(), fields=vendor_fields())
    unknown = {number for number in numbers_in(text) if (path.stem, number) not in NOT_A_RULE}
    assert not unknown, "write it into rule_thresholds.csv, or say in NOT_A_RULE why it is no rule"
    assert not spans_in(text)


@pytest.mark.parametrize(("model", "number"), sorted(NOT_A_RULE))
def test_an_exception_is_still_needed(model, number):
    [path] = [path for path in MODELS if path.stem == model]
    assert number in numbers_in(path.read_text(encoding="utf-8")), "take it out of NOT_A_RULE"


@pytest.mark.parametrize(
    "line",
    [
        "where stage_key = 'contract_admin'",
        "where stage_id in ('2003', '2004')",
        "where field = 'dealstage'",
        "select hs_object_id from deals",
        "where extract(isodow from day_on) < 6",
        "where {{ days_between('end_on', as_of()) }} > 42",
        "where end_on < day_on + interval 2 day",
        "where {{ add_days('end_on', '2') }} < day_on",
        "where cost > budget * 1.1",
        "where cost > bill * 0.02",
        "where cost > bill * .02",
    ],
)
def test_the_look_finds_what_it_looks_for(line):
    fields = vendor_fields() | {"hs_object_id"}
    assert words_in(line, stages=stage_words(), fields=fields) or numbers_in(line) or spans_in(line), line
    assert not words_in("-- " + line, stages=stage_words(), fields=fields)
    assert not numbers_in("-- " + line)
