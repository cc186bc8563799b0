"""A vendor that does not answer makes nothing missing: what depends on it is indeterminate, or was never evaluated."""

from __future__ import annotations

import csv

import pytest
from conftest import PROJECT
from loop import control, findings, port_of, run, truth

from pipelines import warehouse

VENDORS = ("hubspot", "airtable", "github", "aws")


def declared():
    """Return what each rule of rule_findings.csv needs, and its kind."""
    with (PROJECT / "dbt/seeds/default/rule_findings.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {row["rule_id"]: row["needs"].split(";") for row in rows}, {row["rule_id"]: row["kind"] for row in rows}


def gates_of(home):
    rows = warehouse.open_current(home).rows("select rule_id, gate from marts.rpt_rule_evaluations")
    return {row["rule_id"]: row["gate"] for row in rows}


def states_of(home):
    rows = warehouse.open_current(home).rows("select finding_id, state from marts.fct_finding_states")
    return {row["finding_id"]: row["state"] for row in rows}


@pytest.fixture
def served(tmp_path):
    """A sandbox of this test's own, with its control surface."""
    from pipelines.sandbox.server import running
    from pipelines.sandbox.story import build_state

    with running(build_state()) as sandbox:
        yield sandbox


# two vendors for those who wait, all of them in continuous integration
@pytest.mark.parametrize(
    "vendor",
    [vendor if vendor == "hubspot" else pytest.param(vendor, marks=pytest.mark.thorough) for vendor in VENDORS],
)
def test_a_vendor_that_stops_makes_its_findings_indeterminate_and_nothing_new(copy_of_demo, served, vendor):
    before, gates, states = findings(copy_of_demo), gates_of(copy_of_demo), states_of(copy_of_demo)
    control(served, f"vendors/{vendor}", {"up": False})
    done = run(copy_of_demo, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "STALE since" in done.stderr
    assert "Traceback" not in done.stderr
    after = findings(copy_of_demo)
    assert set(after) == set(before), "nothing may appear or vanish because a vendor does not answer"
    needs, kinds = declared()
    for finding_id, row in after.items():
        depends = vendor in needs[row["rule_id"]] and kinds[row["rule_id"]] == "absence"
        if depends:
            assert row["status"] == "indeterminate", finding_id
        else:
            assert row["status"] in {before[finding_id]["status"], "indeterminate"}, finding_id
    report = run(copy_of_demo, "report", "findings")
    assert "STALE since" in report.stderr
    # also of the rules that find nothing in the demo, and of the findings that are set aside or resolved
    gates_now, states_now = gates_of(copy_of_demo), states_of(copy_of_demo)
    assert set(gates_now) == set(needs)
    for rule_id, gate in gates_now.items():
        stale = vendor in needs[rule_id] and gates[rule_id] == "evaluated"
        assert gate == ("stale" if stale else gates[rule_id]), rule_id
    assert set(states_now) == set(states)
    for finding_id, state in states_now.items():
        assert state in {states[finding_id], "indeterminate"}, finding_id
    for table in ("snp_deals", "snp_engagements", "snp_project_items"):
        [row] = warehouse.open_current(copy_of_demo).rows(
            f"select count(*) as n, count(valid_to_at) as closed from history.{table}"
        )
        assert row["n"] > 0
        assert row["closed"] == 0, "an outage closes no record's history"


@pytest.mark.thorough
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_never_answered_is_not_evaluated(home, served, vendor):
    home.parent.mkdir(exist_ok=True)
    control(served, f"vendors/{vendor}", {"up": False})
    done = run(home, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "NEVER LOADED" in done.stderr
    extra = {finding_id for finding_id, row in findings(home).items() if row["status"] == "open"} - set(truth())
    assert not extra, "an outage must not look like something missing"
    report = run(home, "report", "findings")
    assert "NOT EVALUATED" in report.stderr
