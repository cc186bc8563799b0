"""An AWS account gets the budget that was agreed, once; whoever set another one keeps it."""

import json

import pytest
from aws_double import PAYER
from vendor_double import BUSY, LOST_AFTER
from write_back import change, statuses

from pipelines.actions.aws import AwsTarget
from pipelines.actions.opening import OpenTargets
from pipelines.actions.records import change_from_row
from pipelines.actions.target import Write
from pipelines.errors import ConfigurationError, Refused
from pipelines.rules import load_rules
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import PROJECT_ROOT, load_settings

ACCOUNT = "222200100101"
NAME = f"handoff-{ACCOUNT}"


def budget(limit="620", **values):
    wanted = {
        "account_id": ACCOUNT,
        "budget_name": NAME,
        "limit": limit,
        "currency": "USD",
        "alert_email": "support@example.org",
    }
    return change(
        f"create:budget-{ACCOUNT}",
        finding_id=f"BO10:account-{ACCOUNT}:2026-11",
        recipe="keep_aws_budget",
        system="aws",
        object="budgets",
        record_id=None,
        field=None,
        after=json.dumps(wanted | values),
        natural_key=f"{PAYER}/{NAME}",
        is_reversible=False,
        needs="",
    )


def limit(before="620", after="700"):
    return change(
        f"adjust:budget-{ACCOUNT}",
        finding_id=f"BO10:account-{ACCOUNT}:2026-11",
        recipe="keep_aws_budget",
        system="aws",
        object="budgets",
        record_id=f"{PAYER}/{NAME}",
        field="limit",
        before=before,
        after=after,
        policy="if_equal_before",
        needs="",
    )


def why(plan):
    [held] = plan.held_back
    return held.why


def test_a_budget_is_created_with_its_alarms_and_a_second_run_changes_nothing(write_back, vendors):
    assert set(statuses(write_back.apply(write_back.saved([budget()]))).values()) == {"applied"}
    made = vendors.budgets[NAME]
    assert made["BudgetLimit"] == {"Amount": "620", "Unit": "USD"}
    assert made["CostFilters"] == {"LinkedAccount": [ACCOUNT]}
    assert [row["Notification"]["NotificationType"] for row in vendors.budget_alarms[NAME]] == ["FORECASTED", "ACTUAL"]
    assert write_back.plan([budget()]).equal_already == 1


def test_a_lost_answer_leaves_one_budget_and_a_busy_aws_none(write_back, vendors):
    vendors.faults = [LOST_AFTER]
    assert set(statuses(write_back.apply(write_back.saved([budget()]))).values()) == {"applied"}
    vendors.budgets.clear()
    vendors.faults = [BUSY]
    assert set(statuses(write_back.apply(write_back.saved([budget()]))).values()) == {"failed"}
    assert vendors.budgets == {}


def test_another_limit_is_set_and_taken_back_and_what_aws_computes_is_not_sent(write_back, vendors):
    write_back.apply(write_back.saved([budget()]))
    vendors.budgets[NAME]["CalculatedSpend"] = {"ActualSpend": {"Amount": "1", "Unit": "USD"}}
    assert set(statuses(write_back.apply(write_back.saved([limit()]))).values()) == {"applied"}
    assert vendors.budgets[NAME]["BudgetLimit"]["Amount"] == "700"
    assert write_back.plan([limit()]).equal_already == 1
    write_back.apply(write_back.saved([], plan=write_back.undo("latest")))
    assert vendors.budgets[NAME]["BudgetLimit"]["Amount"] == "620"


def test_a_limit_that_somebody_changed_and_a_budget_of_somebody_else_are_left_alone(write_back, vendors):
    write_back.apply(write_back.saved([budget()]))
    path = write_back.saved([limit()])
    vendors.budgets[NAME]["BudgetLimit"] = {"Amount": "650.0", "Unit": "USD"}
    result = write_back.apply(path)
    assert set(statuses(result).values()) == {"conflict"}
    assert "holds '650' now" in result.results[0].sentence
    vendors.budgets = {"theirs": {"BudgetName": "theirs", "CostFilters": {"LinkedAccount": [ACCOUNT]}}}
    assert "the account has a budget already (theirs)" in why(write_back.plan([budget()]))
    vendors.budgets = {NAME: {"BudgetName": NAME, "AutoAdjustData": {"AutoAdjustType": "HISTORICAL"}}}
    assert "follows the spend" in why(write_back.plan([limit()]))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"limit": "0"}, "a number above nothing"),
        ({"limit": "much"}, "a number above nothing"),
        ({"alert_email": ""}, "no alert_email"),
        ({"budget_name": "a:b"}, "would refuse the name"),
        ({"account_id": ""}, "no account_id"),
    ],
)
def test_what_aws_would_refuse_is_shown_in_the_plan(write_back, values, words):
    assert words in why(write_back.plan([budget(**values)]))


def test_keys_for_writing_of_another_account_and_missing_ones_are_refused(write_back, vendors, home):
    path = write_back.saved([budget()])
    vendors.aws_writer = "1"
    refused = write_back.apply(path).refused
    assert "belong to account 1, and those for reading show the payer" in refused
    settings = load_settings(handoff_home=home, aws_access_key_id="AKIAREAD", aws_secret_access_key="x", _env_file=None)
    rules = load_rules(PROJECT_ROOT / "dbt" / "seeds" / "default")
    with pytest.raises(ConfigurationError, match="AWS_WRITE_ACCESS_KEY_ID is not set, so nothing was written"):
        OpenTargets(settings, rules, None, may_write=True).target("aws")


def test_the_sandbox_keeps_budgets_for_the_write_token_alone_and_a_name_once(home):
    rules = load_rules(PROJECT_ROOT / "dbt" / "seeds" / "default")
    with running(build_state()) as served:
        targets = OpenTargets(load_settings(handoff_home=home, _env_file=None), rules, served.url, may_write=True)
        target = targets.target("aws")
        wanted = change_from_row(budget() | {"natural_key": f"{target.place.identity}/{NAME}"})
        write = target.next_write(wanted, target.read(wanted))
        warnings = [item["Notification"] for item in write.body["NotificationsWithSubscribers"]]
        # budget_forecast_ratio and budget_alarm_percent: it warns when the reports would
        assert {item["NotificationType"]: item["Threshold"] for item in warnings} == {"FORECASTED": 120.0, "ACTUAL": 100.0}
        assert target.send(write).made_id == NAME
        assert target.next_write(wanted, target.read(wanted)) is None
        with pytest.raises(Refused, match="DuplicateRecordException"):
            target.send(write)
        other = change_from_row(limit() | {"record_id": wanted.natural_key})
        update = target.next_write(other, target.read(other))
        target.send(update)
        assert target.read(other).value == "700"
        gone = Write(
            1, "set", "POST", update.path, {**update.body, "NewBudget": {**update.body["NewBudget"], "BudgetName": "no"}}
        )
        with pytest.raises(Refused, match="NotFoundException"):
            target.send(gone)
        nothing = {**update.body["NewBudget"], "BudgetLimit": {"Amount": "0", "Unit": "USD"}}
        with pytest.raises(Refused, match="InvalidParameterException"):
            target.send(Write(1, "set", "POST", update.path, {**update.body, "NewBudget": nothing}))
        reader = AwsTarget(target._reader, target._reader, rules, is_sandbox=True)
        with pytest.raises(Exception, match="does not let this identity do UpdateBudget"):
            reader.send(update)
        targets.close()


def test_a_plan_for_another_payer_is_refused_saying_why(write_back, vendors):
    path = write_back.saved([budget()])
    vendors.payer = "1"
    refused = write_back.apply(path).refused
    assert (
        "was made for AWS payer account 999900001111 (SANDBOX), and the present settings lead to AWS payer account 1" in refused
    )
    assert vendors.budgets == {}
