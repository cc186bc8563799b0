"""A fix that must wait is marked when it is first called for, and proposed some days later if it is still called for."""

from datetime import date

import pytest
from test_github_fields import closing
from write_back import Snapshot, change, shipped_rules

from pipelines import clock
from pipelines.actions.marks import note_marks
from pipelines.ledger import Ledger


class DatedSnapshot(Snapshot):
    """A snapshot as of a day."""

    def __init__(self, changes, day, stale=()):
        super().__init__(changes, stale)
        self.day = day

    def __call__(self, sql):
        return [{"run_id": "run-1", "as_of_on": self.day}] if "ops.run" in sql else super().__call__(sql)


@pytest.fixture
def synced(write_back, vendors, home):
    """Return what a sync records of a snapshot, and what a plan over it then proposes and holds back."""
    held = {"id": 9002, "number": 2, "state": "open", "title": "Deliver", "body": "<!-- handoff:3 -->", "html_url": "https://g/2"}
    vendors.issues.append(held)
    write_back.rules = shipped_rules()

    def sync(changes, day, stale=()):
        snapshot = DatedSnapshot(changes, date(2026, 11, day), stale)
        with Ledger.open(home) as ledger:
            note_marks(snapshot, write_back.rules, ledger, at=clock.now())
        plan = write_back.plan(snapshot)
        return [change.change_id for change in plan.changes], [held.why for held in plan.held_back]

    return sync


def test_it_waits_for_its_days_and_not_one_longer(synced):
    proposed, why = synced([closing()], 1)
    assert proposed == []
    assert why == ["it is marked since 2026-11-01 and is proposed from 2026-11-08 on, if it is still called for then"]
    assert synced([closing()], 7)[0] == []
    assert synced([closing()], 8)[0] == ["close:request-for-deal-3:2"]


def test_what_is_not_called_for_in_between_begins_to_wait_anew(synced):
    synced([closing()], 1)
    synced([], 4)
    assert "marked since 2026-11-09" in synced([closing()], 9)[1][0]


def test_a_source_that_fails_lifts_no_mark(synced):
    synced([closing()], 1)
    synced([], 4, stale=("github",))
    assert synced([closing()], 9)[0] == ["close:request-for-deal-3:2"]


def test_what_no_sync_has_marked_waits_and_what_has_no_row_does_not(write_back, synced):
    [held] = write_back.plan([closing()]).held_back
    assert "no sync has marked it yet" in held.why
    assert synced([change("fill")], 1)[0] == ["fill"]


def test_a_mark_is_a_row_of_the_ledger_that_is_written_once(synced, home):
    synced([closing()], 1)
    synced([closing()], 2)
    with Ledger.open(home) as ledger:
        assert [row["subject"] for row in ledger.event_rows() if row["kind"] == "marked"] == ["close:request-for-deal-3:2"]
        assert ledger.verify().is_sound
