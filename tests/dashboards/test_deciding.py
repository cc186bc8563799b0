"""Deciding about a finding on its page: what goes into the ledger, and what the page says of it at once."""

from __future__ import annotations

from datetime import date

import invented
import pytest
from opened_pages import grid, open_page, said

from pipelines.decisions import author
from pipelines.ledger import Ledger

FINDING = "HG01:deal-1021"


@pytest.fixture
def published(home):
    return invented.publish(home, invented.rows())


def decisions(home):
    with Ledger.open(home) as ledger:
        return ledger.decision_rows()


def decide(page, word, reason, *, until=None, by=None):
    """Fill in the form of the finding that is shown, and send it."""
    page.segmented_control(key=f"kind-{FINDING}").set_value(word).run()
    if until is not None:
        page.date_input[0].set_value(until)
    fields = {found.label: found for found in page.text_input}
    fields["Reason"].set_value(reason)
    if by is not None:
        fields["In the name of"].set_value(by)
    next(button for button in page.button if button.label == "Record").click()
    return page.run()


def state_of_finding(page):
    findings = grid(page, "What to do").set_index("Subject")
    return findings.loc["Hollowcrag Speleology hub", "State"]


def test_a_decision_is_in_the_ledger_and_beside_the_finding_at_once(home, published):
    page = decide(open_page("handoff", finding=FINDING), "Snooze", "They are on leave", until=date(2026, 12, 1), by="Rosa")
    [row] = decisions(home)
    assert (row["finding_id"], row["kind"], row["until_on"], row["reason"], row["actor"], row["run_id"]) == (
        FINDING,
        "snooze",
        "2026-12-01",
        "They are on leave",
        "Rosa",
        invented.RUN_ID,
    )
    assert state_of_finding(page) == "open, pending: snoozed until 1 Dec 2026"
    text = said(page).replace("\\", "")
    assert "by Rosa: snoozed until 1 Dec 2026: They are on leave." in text
    assert "The next `handoff sync` takes it into the lists and numbers." in text


def test_the_author_is_the_user_who_serves_the_page_unless_a_name_is_given(home, published):
    decide(open_page("handoff", finding=FINDING), "Acknowledge", "Tomas is on it")
    assert decisions(home)[0]["actor"] == author(None)


def test_a_decision_without_a_reason_is_not_recorded(home, published):
    page = decide(open_page("handoff", finding=FINDING), "Waive", "  ")
    assert "Give a reason that others can read later. Nothing was recorded." in said(page)
    assert decisions(home) == []


def test_only_what_was_decided_can_be_reopened(home, published):
    page = open_page("handoff", finding=FINDING)
    control = page.segmented_control(key=f"kind-{FINDING}")
    assert list(control.options) == ["Acknowledge", "Snooze", "Waive"]
    page = decide(page, "Waive", "A pilot without delivery")
    assert list(page.segmented_control(key=f"kind-{FINDING}").options)[-1] == "Reopen"
    page = decide(page, "Reopen", "")
    assert [row["kind"] for row in decisions(home)] == ["reopen", "waive"]
    assert state_of_finding(page) == "open, pending: reopened"


def test_a_decision_that_the_snapshot_knows_is_not_called_pending(home, published):
    with Ledger.open(home) as ledger:
        ledger.record_decision(FINDING, "ack", at=invented.SEEN, actor="rosa", reason="Tomas is on it")
    assert state_of_finding(open_page("handoff")) == "open"


def test_what_somebody_wrote_as_a_reason_is_shown_as_it_is(home, published):
    page = decide(open_page("handoff", finding=FINDING), "Waive", "![x](http://evil.invalid/i.png) **bold**", by="<b>Eve</b>")
    info = next(element.value for element in page.info if "Recorded" in element.value)
    assert "\\!\\[x\\]" in info
    assert "\\<b\\>Eve" in info
