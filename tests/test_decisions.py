"""What people decide about findings, from the command line through the ledger into the reports, and what becomes of it at the vendors."""

from __future__ import annotations

import json
import os
import pwd
import urllib.request
from datetime import UTC, date, datetime

import pytest
from demo import copied
from loop import control, findings, port_of, run

from pipelines import warehouse
from pipelines.decisions import Decision, DecisionKind, decide
from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.sandbox.world import WRITE_TOKEN

VENDORS = ("hubspot", "airtable", "github", "aws")
AS_OF = date(2026, 11, 16)  # the demo's

SNOOZED = "HG04:deal-10255"  # won, with an agreement that is not executed
WAIVED = "HG08:deal-1026"  # should have begun and is only planned
ACKNOWLEDGED = "HG01:deal-1021"
LATE = "HG08:deal-10265"  # should begin today and is only requested


def states(home):
    return {row["finding_id"]: row for row in warehouse.open_current(home).rows("select * from marts.fct_finding_states")}


def synced(home, sandbox, *, exit_code=0):
    done = run(home, "sync", "--brief", SANDBOX_PORT=port_of(sandbox))
    assert done.returncode == exit_code, done.stdout + done.stderr
    return states(home)


def change_deal(sandbox, deal_id, **properties):
    """Change a deal as somebody in HubSpot would."""
    request = urllib.request.Request(
        f"{sandbox.url}/hubspot/crm/v3/objects/deals/{deal_id}",
        data=json.dumps({"properties": properties}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {WRITE_TOKEN}"},
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def decided(home, finding_id, *arguments):
    done = run(home, "decide", finding_id, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@pytest.fixture
def served():
    with running(build_state()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def decided_home(demo_home, tmp_path_factory):
    """Return the demo with one finding snoozed, one waived and one acknowledged, synced; it is shared, so it is read or copied."""
    home = copied(demo_home, tmp_path_factory.mktemp("decided") / "home")
    decided(home, SNOOZED, "snooze", "--until", "2026-12-01", "--reason", "They  are\non leave", "--by", "Rosa Lindqvist")
    decided(home, WAIVED, "waive", "--reason", "A pilot of ours")
    decided(home, ACKNOWLEDGED, "ack", "--reason", "Tomas is on it")
    with running(build_state()) as sandbox:
        synced(home, sandbox)
    return home


@pytest.fixture
def home_with_decisions(decided_home, tmp_path):
    return copied(decided_home, tmp_path / "home")


# From the command line into the reports -----------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_decision_is_in_the_ledger_with_author_time_and_reason(decided_home):
    with Ledger.open(decided_home) as ledger:
        acknowledged, waived, snoozed = ledger.decision_rows()
        assert ledger.verify().is_sound
    assert (snoozed["finding_id"], snoozed["kind"], snoozed["until_on"]) == (SNOOZED, "snooze", "2026-12-01")
    assert (snoozed["actor"], snoozed["reason"]) == ("Rosa Lindqvist", "They are on leave")
    assert waived["actor"] == pwd.getpwuid(os.getuid()).pw_name
    assert (acknowledged["kind"], acknowledged["until_on"]) == ("ack", None)
    assert datetime.fromisoformat(snoozed["at"]) <= datetime.fromisoformat(waived["at"]) <= datetime.now(tz=UTC)


@pytest.mark.thorough
def test_the_next_sync_brings_decisions_into_the_reports(demo_home, decided_home):
    before, after = findings(demo_home), findings(decided_home)
    assert set(after) == set(before)
    changed = {SNOOZED: "snoozed", WAIVED: "waived", ACKNOWLEDGED: "acknowledged"}
    assert {name: row["state"] for name, row in after.items()} == {name: changed.get(name, "open") for name in before}
    assert after[SNOOZED]["snoozed_until_on"] == date(2026, 12, 1)
    assert (after[SNOOZED]["decided_by"], after[SNOOZED]["decision_reason"]) == ("Rosa Lindqvist", "They are on leave")
    for name, row in after.items():
        assert row["first_seen_at"] == before[name]["first_seen_at"]
        assert row["last_seen_at"] > before[name]["last_seen_at"]
        assert (row["state_since_at"] == before[name]["state_since_at"]) == (name not in changed)


@pytest.mark.thorough
def test_reports_leave_out_what_is_set_aside_and_count_it(decided_home):
    done = run(decided_home, "report", "handoff-gaps", "--format", "json")
    named = {row["finding_id"] for row in json.loads(done.stdout)}
    assert ACKNOWLEDGED in named
    assert not {SNOOZED, WAIVED} & named
    assert "2 more findings are snoozed or waived; `handoff report set-aside` lists them." in done.stderr
    status = run(decided_home, "status")
    assert status.stdout.count("1 set aside") == 2, "one is missing, one is late"
    aside = run(decided_home, "report", "set-aside", "--format", "json")
    assert {row["finding_id"] for row in json.loads(aside.stdout)} == {SNOOZED, WAIVED, ACKNOWLEDGED}


# What is not accepted -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Decision("HG01:deal-1012", DecisionKind.ack, "Yes"), "The nearest are HG01:deal-1021"),
        (Decision("nothing like it at all", DecisionKind.ack, "Yes"), "`handoff report findings --format csv` lists the ids"),
        (Decision(ACKNOWLEDGED, DecisionKind.ack, " "), "takes a reason"),
        (Decision(ACKNOWLEDGED, DecisionKind.waive, ""), "takes a reason"),
        (Decision(ACKNOWLEDGED, DecisionKind.snooze, "Later"), "none was given: add --until DATE"),
        (Decision(ACKNOWLEDGED, DecisionKind.snooze, "Later", AS_OF), "2026-11-16 is not after 2026-11-16"),
        (Decision(ACKNOWLEDGED, DecisionKind.waive, "Later", date(2026, 12, 1)), "--until belongs to snooze"),
        (Decision(ACKNOWLEDGED, DecisionKind.reopen, ""), "No decision about HG01:deal-1021 is in force"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_in_a_sentence_and_leaves_no_row(demo_home, asked, words):
    with pytest.raises(ConfigurationError) as refused:
        decide(demo_home, asked, today=AS_OF)
    assert words in refused.value.sentence
    with Ledger.open(demo_home) as ledger:
        assert ledger.decision_rows() == []


def test_an_unknown_kind_of_decision_ends_with_2_and_names_the_known_ones(demo_home):
    done = run(demo_home, "decide", ACKNOWLEDGED, "forget", "--reason", "Yes")
    assert done.returncode == 2
    assert "choose one of ack, snooze, waive, reopen" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_decision_can_be_made_while_a_sync_holds_the_home(copy_of_demo):
    with warehouse.run_lock(copy_of_demo, what="handoff sync", started_at=datetime.now(tz=UTC)):
        decided(copy_of_demo, ACKNOWLEDGED, "ack", "--reason", "Tomas is on it")
    with Ledger.open(copy_of_demo) as ledger:
        assert [row["finding_id"] for row in ledger.decision_rows()] == [ACKNOWLEDGED]


# What becomes of it at the vendors ----------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_source_that_is_missing_changes_a_state_to_indeterminate_or_not_at_all(home_with_decisions, served, vendor):
    before = states(home_with_decisions)
    control(served, f"vendors/{vendor}", {"up": False})
    after = synced(home_with_decisions, served, exit_code=3)
    assert set(after) == set(before)
    for name, row in after.items():
        assert row["state"] in {before[name]["state"], "indeterminate"}, name
        assert row["first_seen_at"] == before[name]["first_seen_at"], name
    assert {after[SNOOZED]["state"], after[WAIVED]["state"]} == {"snoozed", "waived"}
    unknown = {name for name, row in after.items() if row["state"] == "indeterminate"}
    assert unknown, "an absence rests on every one of them"


@pytest.mark.thorough
def test_a_finding_that_goes_while_a_source_is_missing_is_unknown_until_that_source_is_back(home_with_decisions, served):
    control(served, "vendors/airtable", {"up": False})
    change_deal(served, "10265", contract_start_date="2027-02-01")
    after = synced(home_with_decisions, served, exit_code=3)
    assert (after[LATE]["state"], after[LATE]["status"]) == ("indeterminate", "indeterminate")
    assert LATE in findings(home_with_decisions)
    listed = run(home_with_decisions, "report", "handoff-gaps", "--format", "json")
    assert LATE in {row["finding_id"] for row in json.loads(listed.stdout)}
    control(served, "vendors/airtable", {"up": True})
    after = synced(home_with_decisions, served)
    assert after[LATE]["state"] == "resolved"
    assert LATE not in findings(home_with_decisions)


@pytest.mark.thorough
def test_a_snooze_wakes_with_its_evidence_and_a_fixed_finding_is_resolved_and_reopened(home_with_decisions, served):
    change_deal(served, "10255", agreement_url="https://agreements.example.org/inkwell-ledgers-2")
    after = synced(home_with_decisions, served)
    assert after[SNOOZED]["state"] == "open"
    assert after[SNOOZED]["decided_by"] is None
    assert after[WAIVED]["state"] == "waived"

    change_deal(served, "10255", agreement_executed="true")
    after = synced(home_with_decisions, served)
    resolved = after[SNOOZED]
    assert (resolved["state"], resolved["reopen_count"]) == ("resolved", 0)
    assert resolved["resolved_at"] == resolved["state_since_at"]
    assert SNOOZED not in findings(home_with_decisions)
    refused = run(home_with_decisions, "decide", SNOOZED, "ack", "--reason", "Yes")
    assert refused.returncode == 2
    assert "is resolved since" in refused.stderr

    change_deal(served, "10255", agreement_executed="false")
    decided(home_with_decisions, WAIVED, "reopen")
    after = synced(home_with_decisions, served)
    assert (after[SNOOZED]["state"], after[SNOOZED]["reopen_count"]) == ("open", 1)
    assert after[SNOOZED]["first_seen_at"] == resolved["first_seen_at"]
    assert after[SNOOZED]["resolved_at"] == resolved["resolved_at"]
    assert (after[WAIVED]["state"], after[WAIVED]["decision_reason"]) == ("open", None)
