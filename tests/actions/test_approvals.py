"""Who may do what with a plan, what must be approved by whom, and what is then carried out."""

import json
import sqlite3
from datetime import timedelta

import pytest
from vendor_double import LOST_AFTER
from write_back import DoubleTargets, all_recipes, change, community_change, engagement_changes, statuses

from pipelines import clock
from pipelines.actions.approvals import approvals_of, approve
from pipelines.actions.refusals import PlanRefused
from pipelines.actions.rehearsal import rehearse_plan
from pipelines.actions.roles import NotAllowed
from pipelines.actions.store import seal_on
from pipelines.errors import HandoffError
from pipelines.ledger import Ledger


def risky(**columns):
    return community_change(risk="high", **columns)


def approved(write_back, path, person="berta", change_ids=None, now=None):
    with Ledger.open(write_back.home) as ledger:
        return approve(
            path, write_back.home, write_back.rules, ledger, now=now or clock.now(), person=person, change_ids=change_ids
        )


def rehearsed(write_back, path):
    with Ledger.open(write_back.home) as ledger:
        return rehearse_plan(
            path,
            write_back.settings,
            write_back.rules,
            ledger,
            now=clock.now(),
            operator="ana",
            targets=DoubleTargets(write_back.vendors, write_back.rules, may_write=False),
        )


def give_roles(write_back, *pairs):
    write_back.rules._tables["rule_roles"] = [{"person": person, "role": role, "reason": ""} for person, role in pairs]


# High risk -----------------------------------------------------------------------------------------------------------------


def test_low_and_medium_risk_need_no_approval(write_back):
    path = write_back.saved([change("low"), community_change(risk="medium")])
    assert write_back.apply(path).exit_code == 0


def test_a_high_risk_is_applied_only_once_somebody_who_did_not_propose_it_approved_it(write_back, vendors):
    path = write_back.saved([risky(), change("c")], proposer="ana")
    refused = write_back.apply(path)
    assert refused.exit_code == 1
    assert "fill-community-50 has high risk and is not approved" in refused.refused
    assert f"handoff approve {path.stem}" in refused.refused
    with pytest.raises(NotAllowed, match="somebody else must approve it"):
        approved(write_back, path, person="Ana")
    assert vendors.writes == []
    approved(write_back, path, person="berta")
    assert write_back.apply(path).exit_code == 0
    assert len(vendors.writes) == 2


def test_a_risk_that_nobody_knows_counts_as_high(write_back):
    path = write_back.saved([change("c", risk="who knows")], proposer="ana")
    assert "not approved" in write_back.apply(path).refused


def test_the_proposer_may_approve_what_is_not_of_high_risk_and_leave_the_rest_out(write_back, vendors):
    path = write_back.saved([risky(), change("c")], proposer="ana")
    approved(write_back, path, person="ana", change_ids=["c"])
    result = write_back.apply(path)
    assert statuses(result) == {"c": "applied", "fill-community-50": "left_out"}
    assert result.exit_code == 0
    assert len(vendors.writes) == 1


def test_an_approval_of_somebody_who_is_no_approver_any_more_does_not_count(write_back):
    path = write_back.saved([risky()], proposer="ana")
    approved(write_back, path)
    give_roles(write_back, ("*", "operator"), ("*", "proposer"), ("carl", "approver"))
    assert "is not approved" in write_back.apply(path).refused


def test_when_the_rows_about_approvals_are_missing_or_wrong_nothing_is_applied(write_back, vendors):
    path = write_back.saved([change("c")])
    rows = write_back.rules._tables["rule_guards"]
    write_back.rules._tables["rule_guards"] = [row for row in rows if row["key"] != "needs_approval"]
    assert "cannot be judged which changes need an approval" in write_back.apply(path).refused
    write_back.rules._tables["rule_guards"] = [row | {"value": "hihg"} if row["value"] == "high" else row for row in rows]
    assert "gives 'hihg' for needs_approval" in write_back.apply(path).refused
    assert vendors.writes == []


# Choosing ------------------------------------------------------------------------------------------------------------------


def test_once_some_changes_are_approved_only_those_are_carried_out(write_back, vendors):
    path = write_back.saved(all_recipes())
    approved(write_back, path, change_ids=["create-engagement-2", "link-deal-2"])
    result = write_back.apply(path)
    assert {name for name, status in statuses(result).items() if status == "applied"} == {"create-engagement-2", "link-deal-2"}
    assert {name for name, status in statuses(result).items() if status == "left_out"} == {
        "fill-community-50",
        "fill-engagement-url-1",
        "open-issue-3",
    }
    assert result.exit_code == 0


def test_a_change_cannot_be_approved_without_the_one_that_it_waits_for(write_back):
    path = write_back.saved(engagement_changes())
    with pytest.raises(PlanRefused, match="link-deal-2 needs create-engagement-2"):
        approved(write_back, path, change_ids=["link-deal-2"])
    approved(write_back, path, change_ids=["create-engagement-2"])
    approved(write_back, path, person="carl", change_ids=["link-deal-2"])
    assert set(statuses(write_back.apply(path)).values()) == {"applied"}


def test_a_change_that_the_plan_does_not_hold_cannot_be_approved(write_back):
    path = write_back.saved([change("c")])
    with pytest.raises(PlanRefused, match="has no change 'd'. It has c"):
        approved(write_back, path, change_ids=["d"])


@pytest.mark.parametrize("state", ["applied", "expired", "edited"])
def test_a_plan_that_cannot_be_applied_cannot_be_approved(write_back, state):
    path = write_back.saved([change("c")])
    now = clock.now()
    if state == "applied":
        write_back.apply(path)
    elif state == "expired":
        now += timedelta(hours=25)
    else:
        path.write_text(path.read_text().replace('"low"', '"high"'))
    with pytest.raises(HandoffError, match=state if state != "applied" else "applied before"):
        approved(write_back, path, now=now)


def test_an_approval_belongs_to_what_was_read_and_stands_in_the_ledger(write_back, home):
    path = write_back.saved([risky()], proposer="ana")
    approved(write_back, path)
    with Ledger.open(home) as ledger:
        [row] = [row for row in ledger.plan_rows() if row["phase"] == "approved"]
        assert (row["actor"], row["plan_id"]) == ("berta", path.stem)
        assert json.loads(row["details"])["change_ids"] == ["fill-community-50"]
        assert json.loads(row["details"])["user"]
    connection = sqlite3.connect(home / "ledger.sqlite")
    connection.execute("update plans set actor = 'carl', details = 'x' where phase = 'approved'")
    connection.commit()
    connection.close()
    with Ledger.open(home) as ledger:
        assert approvals_of(ledger, path.stem, seal_on(path, home)) == []
    assert "The ledger was altered" in write_back.apply(path).refused


# Roles ---------------------------------------------------------------------------------------------------------------------


def test_each_role_does_its_part_and_no_other(write_back, vendors):
    give_roles(write_back, ("pia", "proposer"), ("Berta", "approver"), ("ana", "operator"), ("vera", "viewer"))
    with pytest.raises(NotAllowed, match=r"ana may not make plans: .* add the row ana,proposer"):
        write_back.saved([risky()], proposer="ana")
    path = write_back.saved([risky()], proposer="pia")
    for person in ("pia", "ana", "vera"):
        with pytest.raises(NotAllowed, match="may not approve"):
            approved(write_back, path, person=person)
    approved(write_back, path, person="berta")
    give_roles(write_back, ("pia", "proposer"), ("berta", "approver"), ("otto", "operator"))
    result = write_back.apply(path)
    assert result.exit_code == 1
    assert "ana may not apply plans" in result.refused
    assert vendors.writes == []
    with Ledger.open(write_back.home) as ledger:
        assert ledger.event_rows()[0]["kind"] == "apply_refused"
        assert ledger.event_rows()[0]["actor"] == "ana"


def test_without_the_table_of_roles_nobody_may_do_anything(write_back):
    del write_back.rules._tables["rule_roles"]
    with pytest.raises(NotAllowed):
        write_back.saved([change("c")])


# Rehearsing ----------------------------------------------------------------------------------------------------------------


def test_a_rehearsal_says_what_would_come_of_each_change_and_writes_nothing(write_back, vendors, home):
    path = write_back.saved([*all_recipes(), change("gone", record_id="3")])
    vendors.communities["50"]["community_id"] = "willow"
    vendors.deals["1"]["engagement_url"] = change("x")["after"]
    del vendors.deals["3"]
    with Ledger.open(home) as ledger:
        before = ledger.verify().row_count
    result = rehearsed(write_back, path)
    assert statuses(result) == {
        "create-engagement-2": "would_write",
        "link-deal-2": "would_write",
        "fill-community-50": "conflict",
        "fill-engagement-url-1": "already",
        "gone": "conflict",
        "open-issue-3": "would_write",
    }
    assert result.exit_code == 3
    assert vendors.writes == []
    with Ledger.open(home) as ledger:
        assert ledger.verify().row_count == before


def test_a_rehearsal_leaves_the_plan_usable_and_says_what_an_apply_would_refuse(write_back):
    path = write_back.saved([risky()], proposer="ana")
    assert "is not approved" in rehearsed(write_back, path).refused
    approved(write_back, path)
    assert statuses(rehearsed(write_back, path)) == {"fill-community-50": "would_write"}
    assert write_back.apply(path).exit_code == 0
    assert "was applied before" in rehearsed(write_back, path).refused


def test_a_rehearsal_after_an_interruption_settles_nothing_and_says_so(write_back, vendors):
    path = write_back.saved([community_change()])

    def silent(*_):
        vendors._hubspot = lambda *_: __import__("vendor_double").Answer(503, {})

    original, vendors.after_write, vendors.faults = vendors._hubspot, silent, [LOST_AFTER]
    write_back.apply(path)
    vendors._hubspot, vendors.after_write = original, None
    result = rehearsed(write_back, write_back.saved([change("c")]))
    assert result.settled == ["1 request of an interrupted apply would be settled first, by reading."]
    assert len(write_back.unsettled()) == 1
