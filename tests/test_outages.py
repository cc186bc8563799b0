"""A vendor that does not answer makes nothing missing: what depends on it is indeterminate, or was never evaluated."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import pytest
from conftest import PROJECT
from demo import copied
from loop import control, findings, port_of, run, truth

from pipelines import warehouse
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state

VENDORS = ("hubspot", "airtable", "github", "aws")


def rules():
    with (PROJECT / "dbt/seeds/default/rule_findings.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rows(home, sql):
    snapshot = warehouse.open_current(home)
    try:
        return snapshot.rows(sql)
    finally:
        snapshot.close()


RULES = {row["rule_id"]: row for row in rules()}
# rules that the invented organisation breaks nowhere, with the reason; tests of their own show them
WITHOUT_A_FINDING = {
    "WB01": "nothing was written yet",
    "DV04": "usage comes by import",
    "HG05": "the billing sheet comes by import",
    **dict.fromkeys(("BO07", *(f"UB{number:02}" for number in range(1, 11))), "invoices come by import"),
    **dict.fromkeys(("SG03", "SG09"), "in shadow: counted, not reported"),
}


@pytest.fixture(scope="module")
def before(demo_home):
    """The findings of the demo, as they are with every vendor."""
    return findings(demo_home)


@pytest.fixture(
    scope="module", params=[VENDORS[0], *(pytest.param(vendor, marks=pytest.mark.thorough) for vendor in VENDORS[1:])]
)
def stopped(request, demo_home, tmp_path_factory):
    """A vendor that stopped answering, and the home that was synced without it; made once for each vendor."""
    home = copied(demo_home, tmp_path_factory.mktemp(f"without-{request.param}") / "home")
    with running(build_state()) as sandbox:
        control(sandbox, f"vendors/{request.param}", {"up": False})
        done = run(home, "sync", SANDBOX_PORT=port_of(sandbox))
    return SimpleNamespace(vendor=request.param, home=home, done=done, findings=findings(home))


@pytest.fixture
def served():
    """A sandbox of this test's own, with its control surface."""
    with running(build_state()) as sandbox:
        yield sandbox


def depends(rule_id, vendor):
    # engagements are in Airtable, as rule_engagement_stores.csv says
    return vendor in RULES[rule_id]["needs"].replace("engagements", "airtable").split(";")


def of_rule(found, rule_id):
    return {finding_id: row for finding_id, row in found.items() if row["rule_id"] == rule_id}


def test_a_vendor_that_stops_is_named_and_the_sync_goes_on(stopped):
    assert stopped.done.returncode == 3, stopped.done.stdout + stopped.done.stderr
    assert "STALE since" in stopped.done.stderr
    assert "Traceback" not in stopped.done.stderr
    assert "STALE since" in run(stopped.home, "report", "findings").stderr


def test_nothing_is_resolved_or_found_because_a_vendor_does_not_answer(stopped, before, record_property):
    assert set(stopped.findings) == set(before)
    [resolved] = rows(stopped.home, "select count(*) as n from marts.fct_finding_states where state = 'resolved'")
    assert resolved["n"] == 0
    record_property("counted", "vendors down, no finding came or went")


def test_every_rule_that_needs_a_stopped_vendor_says_so(stopped, record_property):
    """All rules, those without a finding in the story as well."""
    gates = {row["rule_id"]: row["gate"] for row in rows(stopped.home, "select rule_id, gate from marts.rpt_rule_evaluations")}
    assert set(gates) == set(RULES)
    for rule_id, gate in gates.items():
        if depends(rule_id, "invoices") or depends(rule_id, "billing_sheet"):
            assert gate == "not_evaluated", rule_id  # none was ever imported
        else:
            assert gate == ("stale" if depends(rule_id, stopped.vendor) else "evaluated"), rule_id
    record_property("counted", "vendors down, each rule that depends on them says so")
    record_property("tried", len(gates))


def test_every_rule_has_a_finding_in_the_story_or_is_named_here(before):
    silent = set(RULES) - {row["rule_id"] for row in before.values()}
    assert silent == set(WITHOUT_A_FINDING)


@pytest.mark.parametrize("rule_id", [rule_id for rule_id in RULES if rule_id not in WITHOUT_A_FINDING])
def test_a_vendor_that_stops_neither_resolves_nor_opens_what_depends_on_it(stopped, before, rule_id):
    """An absence that rests on it is indeterminate; what was seen stays as it was seen."""
    then, now = of_rule(before, rule_id), of_rule(stopped.findings, rule_id)
    assert set(now) == set(then), "nothing may appear or vanish because a vendor does not answer"
    for finding_id, row in now.items():
        if depends(rule_id, stopped.vendor) and RULES[rule_id]["kind"] == "absence":
            assert row["status"] == "indeterminate", finding_id
        else:
            assert row["status"] in {then[finding_id]["status"], "indeterminate"}, finding_id


@pytest.mark.thorough
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_never_answered_is_not_evaluated(home, served, vendor, record_property):
    home.parent.mkdir(exist_ok=True)
    control(served, f"vendors/{vendor}", {"up": False})
    done = run(home, "sync", SANDBOX_PORT=port_of(served))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "NEVER LOADED" in done.stderr
    extra = {finding_id for finding_id, row in findings(home).items() if row["status"] == "open"} - set(truth())
    assert not extra, "an outage must not look like something missing"
    report = run(home, "report", "findings")
    assert "NOT EVALUATED" in report.stderr
    record_property("counted", "vendors that never answered, nothing said to be missing")
