"""The Meeting page: what changed since the last one, the reports in their order, and what was decided."""

from __future__ import annotations

from datetime import date

import invented
import pytest
from conftest import PROJECT
from opened_pages import grid, open_page, said

from dashboards.meetings import ASIDE, OPENED, REOPENED, RESOLVED, WORSE, Findings, meetings_of, what_changed
from pipelines.catalogue import REPORTS
from pipelines.ledger import Ledger
from pipelines.rules import load_rules

MEETINGS = meetings_of(load_rules(PROJECT / "dbt/seeds/default"))
LAST_WEEK = date(2026, 11, 9)
EARLIER = "20261109T060200000000Z-0001"
YESTERDAY = "20261115T060200000000Z-0002"


def row(finding_id="HG01:deal-1", severity="high", **more):
    return {"finding_id": finding_id, "severity": severity, "status": "open", "is_overdue": False, "reopen_count": 0} | more


def changes(then, now, aside_then=(), aside_now=()):
    found = what_changed(Findings(list(then), list(aside_then)), Findings(list(now), list(aside_now)))
    return [(change["finding_id"], change["change"]) for change in found]


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        ([], [row()], OPENED),
        ([], [row(reopen_count=1)], REOPENED),
        ([row()], [], RESOLVED),
        ([row(severity="medium")], [row()], WORSE),
        ([row()], [row(is_overdue=True)], WORSE),
    ],
)
def test_a_finding_is_named_by_what_became_of_it(then, now, change):
    assert changes(then, now) == [("HG01:deal-1", change)]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (row(), row()),
        (row(), row(severity="medium")),
        (row(), row(status="indeterminate")),
        (row(status="indeterminate"), row(severity="blocker")),
        (row(is_overdue=True), row(is_overdue=True)),
    ],
)
def test_what_is_as_it_was_or_better_or_not_known_did_not_get_worse(then, now):
    assert changes([then], [now]) == []


def test_what_somebody_set_aside_is_not_called_resolved_and_is_back_when_it_is_listed_again():
    assert changes([row()], [], aside_now=[row()]) == [("HG01:deal-1", ASIDE)]
    assert changes([], [row()], aside_then=[row()]) == [("HG01:deal-1", REOPENED)]
    assert changes([], [], aside_then=[row()], aside_now=[row()]) == []


def test_the_most_telling_changes_come_first():
    found = changes([row("a"), row("b", "low")], [row("b", "high"), row("c", "medium"), row("d", "blocker")])
    assert found == [("d", OPENED), ("c", OPENED), ("b", WORSE), ("a", RESOLVED)]


def test_every_report_of_a_meeting_is_one_of_findings():
    assert {report for meeting in MEETINGS for report in meeting.reports} <= set(REPORTS)


@pytest.fixture
def published(home):
    tables = invented.rows()
    gaps = tables["marts.fct_handoff_gaps"]
    tables["marts.fct_handoff_gaps"] = gaps[1:]
    invented.publish(home, tables, EARLIER, as_of=LAST_WEEK)
    invented.publish(home, invented.rows(), YESTERDAY, as_of=date(2026, 11, 15))
    tables = invented.rows()
    tables["marts.fct_handoff_gaps"] = tables["marts.fct_handoff_gaps"][:-1]
    return invented.publish(home, tables)


def test_a_meeting_compares_with_the_last_one_and_can_compare_with_another_day(published):
    page = open_page("meeting", meeting="Engagement review")
    assert "What changed since 9 Nov 2026" in said(page)
    assert sorted(grid(page, "Change")["Change"]) == sorted([OPENED, RESOLVED])
    page.selectbox(key="since").set_value("As of 15 Nov 2026, published 16 Nov 2026 06:02 UTC, 0002").run()
    assert "What changed since 15 Nov 2026" in said(page)
    assert list(grid(page, "Change")["Change"]) == [RESOLVED]


def test_the_first_snapshot_has_nothing_to_compare_with_and_says_so(home):
    invented.publish(home, invented.rows())
    assert "No earlier snapshot is kept yet." in said(open_page("meeting"))


@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda meeting: meeting.name)
def test_the_agenda_has_the_reports_of_the_meeting_in_their_order(published, meeting):
    page = open_page("meeting", meeting=meeting.name)
    [agenda] = [control for control in page.segmented_control if control.label == "Agenda"]
    assert [point.partition(" · ")[0] for point in agenda.options] == [str(n + 1) for n in range(len(meeting.reports))]
    assert meeting.what_for in said(page).replace("\\", "")


def test_what_is_decided_in_the_meeting_is_listed_at_once_with_who_and_why(home, published):
    with Ledger.open(home) as ledger:
        from pipelines import clock

        ledger.record_decision("HG01:deal-1021", "ack", at=clock.now(), actor="Rosa", reason="Tomas is on it")
    decided = grid(open_page("meeting"), "Decided")
    assert list(decided.iloc[0][["Finding", "Decided", "Reason", "By"]]) == [
        "HG01:deal-1021", "acknowledged", "Tomas is on it", "Rosa",
    ]  # fmt: skip


def test_a_meeting_over_an_earlier_snapshot_compares_with_one_before_it_and_decides_nothing(home, published):
    page = open_page("meeting", snapshot=YESTERDAY, meeting="Engagement review", finding="HG01:deal-1021")
    assert "What changed since 9 Nov 2026" in said(page)
    assert "Record" not in [button.label for button in page.button]
