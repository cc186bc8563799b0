"""Every report in every format, with every filter: it answers, or says in one sentence what does not fit."""

from __future__ import annotations

import json

import openpyxl
import pytest
from command_line import run

from pipelines.catalogue import REPORTS
from pipelines.overviews import OVERVIEWS

NAMES = tuple(REPORTS | OVERVIEWS)
FILTERS = {"--owner": "Nobody Known", "--team": "BD", "--severity": "high", "--since": "2026-11-01"}


def answered(home, *arguments):
    """Return what a report printed, or None where it was refused in one sentence that says what to do."""
    done = run(home, "report", *arguments)
    if done.returncode == 0:
        return done.stdout
    assert done.returncode == 2, done.stderr
    assert done.stdout == "", "what is refused prints nothing"
    sentence = done.stderr.splitlines()[-1]
    assert arguments[0] in sentence
    assert sentence.endswith("."), sentence
    return None


@pytest.mark.thorough  # several hundred reports
@pytest.mark.parametrize("name", NAMES)
def test_a_report_can_be_had_in_every_format_that_fits(demo_home, tmp_path, name):
    found = json.loads(answered(demo_home, name, "--format", "json"))
    for output_format in ("csv", "md"):
        assert answered(demo_home, name, "--format", output_format)
    path = tmp_path / "report.xlsx"
    assert answered(demo_home, name, "--format", "xlsx", "--output", str(path)) == ""
    assert openpyxl.load_workbook(path)[f"{name} SANDBOX"].max_row == 1 + len(found)
    has_dates = (REPORTS | OVERVIEWS)[name].occasion is not None
    assert (answered(demo_home, name, "--format", "ical") is not None) is has_dates


@pytest.mark.thorough  # several hundred reports
@pytest.mark.parametrize("name", NAMES)
def test_a_filter_chooses_rows_or_is_refused(demo_home, name):
    everything = json.loads(answered(demo_home, name, "--format", "json"))
    for option, value in FILTERS.items():
        text = answered(demo_home, name, option, value, "--format", "json")
        if text is not None:
            chosen = json.loads(text)
            assert all(row in everything for row in chosen), option
            assert option != "--owner" or not chosen, "nobody of that name owns anything"
        else:
            assert not (REPORTS | OVERVIEWS)[name].is_of_findings, f"findings can be chosen by {option}"


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_no_line_of_a_report_is_wider_than_the_terminal(demo_home, columns):
    text = run(demo_home, "report", *NAMES, columns=columns).stdout
    wide = [line for line in text.splitlines() if len(line) > columns and "https://" not in line]
    assert not wide, wide[:3]
    assert not {"None", "null", "NaN"} & set(text.split())
