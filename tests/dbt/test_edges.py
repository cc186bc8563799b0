"""Every rule has a test on either side of its edge, and every edge case of the reports has the tests that it is named by."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import pytest
from conftest import PROJECT, SHARED
from project import rules, unit_tests

SENTENCES = unit_tests()
# rules that only put into words what another model found: the edge lies there
FOUND_BEFORE = {
    "BO03": "a_jump_is_two_of_the_last_three_complete_days_a_fifth_above_the_median_of_their_weekday",
    "BO10": "an_alarm_of_aws_without_an_overrun_here_is_named_and_so_is_an_overrun_without_an_alarm",
    "HG06": "a_proposal_at_85_percent_fits_above_it_is_tight_and_above_100_percent_it_is_an_overload",
}
DESIGN = SHARED / "design" / "reports.md"


def edges() -> list[dict[str, str]]:
    """Return the rows of edges.csv: each edge case of the design, and the tests that show it or why there are none."""
    with (Path(__file__).parent / "edges.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def edges_of(line: str) -> list[str]:
    """Return the edge cases of a line of the design; a semicolon in brackets parts nothing."""
    return [part.strip().rstrip(".") for part in re.split(r";(?![^(]*\))", line.removeprefix("Edges:"))]


def is_left_alone(test: dict, rule_id: str) -> bool:
    """Whether ``rule_id`` fires in ``test`` and more records are given than it fires for."""
    found = [row for row in test["expect"].get("rows", []) if re.search(rf"\b{rule_id}:", str(row))]
    records = [given for given in test["given"] if not re.search(r"'(?:rule|map)_", given["input"])]
    return bool(found) and any(len(given["rows"]) > len(found) for given in records)


@pytest.mark.parametrize("rule_id", [rule["rule_id"] for rule in rules()])
def test_every_rule_has_a_unit_test_at_the_edge_where_it_does_not_fire(rule_id):
    if rule_id in FOUND_BEFORE:
        assert FOUND_BEFORE[rule_id] in SENTENCES
    else:
        assert any(is_left_alone(test, rule_id) for test in SENTENCES.values())


@pytest.mark.parametrize("row", edges(), ids=lambda row: row["edge"])
def test_every_edge_case_has_its_tests_or_says_why_it_has_none(row):
    assert bool(row["tests"]) != bool(row["not_tested_because"])
    assert set(row["tests"].split()) <= set(SENTENCES) | python_tests()


def python_tests() -> set[str]:
    """Return the names of all tests that are written in Python."""
    if not _PYTHON_TESTS:
        for path in (PROJECT / "tests").rglob("test_*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            _PYTHON_TESTS.update(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return _PYTHON_TESTS


_PYTHON_TESTS: set[str] = set()


@pytest.mark.skipif(not DESIGN.exists(), reason="the design lies outside the repository")
def test_no_edge_case_of_the_design_is_forgotten():
    lines = [line for line in DESIGN.read_text(encoding="utf-8").splitlines() if line.startswith("Edges:")]
    assert [row["edge"] for row in edges()] == [edge for line in lines for edge in edges_of(line)]
