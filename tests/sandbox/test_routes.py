"""docs/sandbox.md names what the vendors' sandboxes answer: every route, operation and limit, and none that is not there."""

from __future__ import annotations

import re

import pytest
from conftest import PROJECT
from serving import fresh_state

from pipelines.sandbox import airtable, asana, aws, github, intacct, prometheus, sheets
from pipelines.sandbox.world import World


def section(name):
    text = (PROJECT / "docs/sandbox.md").read_text(encoding="utf-8")
    return re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[1]


@pytest.mark.parametrize(
    ("name", "built"),
    [
        ("Airtable", lambda: airtable._Airtable(World(fresh_state()))._routes.listed),
        ("Asana", lambda: asana._Asana(World(fresh_state()))._routes.listed),
        ("GitHub", lambda: github._Github(World(fresh_state()))._routes.listed),
        ("Google Sheets", lambda: sheets._Sheets(World(fresh_state()))._routes.listed),
        ("Sage Intacct", lambda: intacct._Intacct(World(fresh_state()))._routes.listed),
        ("Prometheus", lambda: prometheus._Prometheus(World(fresh_state()))._routes.listed),
        ("AWS", lambda: [*aws.OPERATIONS, "sts:GetCallerIdentity"]),
    ],
)
def test_every_route_is_documented_and_none_that_is_not_built(name, built):
    documented = re.findall(r"^\| `((?:[A-Z]+ /|\w+:)[^`]*)`", section(name), re.MULTILINE)
    assert sorted(documented) == sorted(built())


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("Airtable", airtable),
        ("Asana", asana),
        ("GitHub", github),
        ("AWS", aws),
        ("Google Sheets", sheets),
        ("Sage Intacct", intacct),
        ("Prometheus", prometheus),
    ],
)
def test_every_limit_is_documented_with_its_usual_value(name, module):
    documented = dict(re.findall(r"^\| `(\w+\.\w+)` \| (-?\d+)", section(name), re.MULTILINE))
    assert documented == {limit: str(value) for limit, value in module.LIMITS.items()}
