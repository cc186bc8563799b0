"""A number in SQL is arithmetic or a calendar; a number that somebody could want otherwise is a row of a rule table."""

from __future__ import annotations

import re

import pytest
from project import PROJECT_FOLDER

ARITHMETIC = {
    "0": "nothing",
    "1": "one",
    "2": "twice, and cents",
    "3": "a rank, three digits of a ratio, and the three deals that a week of capacity names",
    "4": "a rank, and four digits of a ratio",
    "0.5": "the median",
    "0.8": "the stage that four visits in five are out of, by definition of the report",
    "5": "working days of a week",
    "6": "Saturday, and the last day of a week that begins today",
    "7": "days of a week",
    "12": "months of a year",
    "20": "years of the longest agreement",
    "30": "days after the first of a month",
    "52": "weeks of a year",
    "99": "the rank of what has none",
    "100": "percent",
    "364": "the last day of a year that begins today",
    "365.25": "days of a mean year",
}
MODELS = sorted(PROJECT_FOLDER.glob("models/**/*.sql"))


def numbers_of(sql: str) -> set[str]:
    """Return the numbers of a model, without those of comments, characters, types and HubSpot's kinds of records."""
    bare = re.sub(r"--.*|decimal\(\d+, \d+\)|chr\(\d+\)|'0-\d+'", "", sql)
    # what stands in a text that a macro is given is SQL again
    return set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", bare.replace("'", " ")))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_holds_no_number_that_somebody_could_want_otherwise(path):
    assert numbers_of(path.read_text(encoding="utf-8")) <= set(ARITHMETIC)


def test_a_day_count_a_percentage_and_a_ratio_would_be_found():
    assert numbers_of("select cast(a as decimal(18, 2)) -- 17\nwhere days > 45 and {{ add_days('on', 'x * 14') }} < 1.2") == {
        "45",
        "14",
        "1.2",
    }
