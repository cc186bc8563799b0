"""AWS's sandbox: boto3 reads it, every answer fits botocore's models, sums equal the state, and it refuses in AWS's words."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
import serving
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from conftest import PROJECT
from serving import fresh_state

from pipelines.dialects import AwsDialect
from pipelines.errors import Unauthorized
from pipelines.rules import load_rules
from pipelines.sandbox.world import READ_TOKEN
from pipelines.settings import load_settings
from pipelines.sources.aws import aws_rows, open_aws
from pipelines.sources.landing import Landing

PAYER, ACCOUNT = "999900001111", "222200100101"
WINDOW = {"Start": "2026-09-01", "End": "2026-11-16"}
BY_ACCOUNT, BY_SERVICE = {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, {"Type": "DIMENSION", "Key": "SERVICE"}
USAGE = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Usage"]}}

server, sandbox = serving.server, serving.sandbox


@pytest.fixture(autouse=True)
def _in_no_politeness(monkeypatch):
    """Five calls a second are for AWS's own servers."""
    monkeypatch.setattr(AwsDialect, "rate", (1000, 1.0))


class Services:
    """boto3's clients at the sandbox; every answer is checked against the service's model before it is returned."""

    def __init__(self, sandbox, key=READ_TOKEN, **config):
        self._session = boto3.Session(aws_access_key_id=key, aws_secret_access_key="whatever")
        self._url, self._config = f"{sandbox.url}/aws", Config(retries={"total_max_attempts": 1}, **config)
        self._clients = {}

    def call(self, service, operation, **parameters):
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service, region_name="us-east-1", endpoint_url=self._url, config=self._config
            )
        client = self._clients[service]
        answer = getattr(client, operation)(**parameters)
        del answer["ResponseMetadata"]
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        report = ParamValidator().validate(answer, model.output_shape)
        assert not report.has_errors(), report.generate_report()
        return answer

    def costs(self, **parameters):
        asked = {"TimePeriod": WINDOW, "Granularity": "DAILY", "Metrics": ["UnblendedCost"]} | parameters
        return self.call("ce", "get_cost_and_usage", **asked)

    def all_costs(self, **parameters):
        """Follow the page tokens and return the pages."""
        pages = [self.costs(**parameters)]
        while "NextPageToken" in pages[-1]:
            pages.append(self.costs(**parameters, NextPageToken=pages[-1]["NextPageToken"]))
        return pages


@pytest.fixture
def aws(sandbox):
    return Services(sandbox)


def refusal(call, *arguments, **parameters):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    return caught.value.response["Error"]["Code"], str(caught.value)


def summed(rows, *columns):
    sums = defaultdict(Decimal)
    for row in rows:
        sums[tuple(row[column] for column in columns)] += Decimal(row["amount"])
    return dict(sums)


def in_window(state, **chosen):
    return [
        row
        for row in state.aws.costs
        if WINDOW["Start"] <= row["day"] < WINDOW["End"] and all(row[name] == value for name, value in chosen.items())
    ]


def landed(sandbox, as_of=date(2026, 11, 16)):
    folder = Path(tempfile.mkdtemp(prefix="handoff-landing-"))
    client = open_aws(load_settings(handoff_home=folder), sandbox_url=sandbox.url)
    try:
        landing = Landing("aws", folder / "landing")
        aws_rows(client, load_rules(PROJECT / "dbt/seeds/default"), as_of=as_of, landing=landing)
        return landing
    finally:
        client.transport.close()


@pytest.mark.parametrize("page_size", [5000, 97])
def test_the_source_reads_what_the_state_holds(sandbox, page_size):
    sandbox.limit(aws__page_size=page_size)
    landing = landed(sandbox)
    state = fresh_state()
    columns = ("usage_on", "account_id", "service", "record_type", "amount", "is_estimated")
    read = {
        tuple(row[:4]): (Decimal(row[4]), row[5])
        for row in zip(*(landing.values("costs", name) for name in columns), strict=True)
    }
    estimated = {row["day"] for row in state.aws.costs if row["estimated"]}
    expected = summed(in_window(state), "day", "account", "service", "record_type")
    assert read == {(date.fromisoformat(key[0]), *key[1:]): (amount, key[0] in estimated) for key, amount in expected.items()}
    assert landing.values("accounts", "id") == [account["Id"] for account in state.aws.accounts]
    assert landing.values("accounts", "name") == [account["Name"] for account in state.aws.accounts]
    budgets = state.aws.budgets[PAYER]
    assert landing.values("budgets", "name") == [budget["BudgetName"] for budget in budgets]
    assert landing.values("budgets", "limit_amount") == [budget["BudgetLimit"]["Amount"] for budget in budgets]
    assert len(landing.values("budget_notifications", "state")) == len(state.aws.notifications[PAYER])
    [whole] = [row for row in state.aws.forecasts if row["account"] is None]
    for column, name in (("mean_amount", "mean"), ("low_amount", "low"), ("high_amount", "high")):
        assert landing.values("cost_forecasts", column) == [whole[name]]
    assert landing.quarantine == []


def test_a_day_without_groups_is_there_and_the_end_is_exclusive(sandbox, aws):
    answer = aws.costs(TimePeriod={"Start": "2026-11-14", "End": "2026-11-18"})
    days = [day["TimePeriod"]["Start"] for day in answer["ResultsByTime"]]
    assert days == ["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17"]
    assert len(aws.costs(TimePeriod={"Start": "2026-10-01", "End": "2026-10-03"})["ResultsByTime"]) == 2
    by_day = summed(sandbox.state.aws.costs, "day")
    [october] = aws.costs(TimePeriod={"Start": "2026-10-01", "End": "2026-10-03"}, Granularity="MONTHLY")["ResultsByTime"]
    first_two = by_day["2026-10-01",] + by_day["2026-10-02",]
    assert Decimal(october["Total"]["UnblendedCost"]["Amount"]) == first_two
    for day in answer["ResultsByTime"]:
        start = day["TimePeriod"]["Start"]
        assert Decimal(day["Total"]["UnblendedCost"]["Amount"]) == by_day.get((start,), Decimal(0))
        assert day["TimePeriod"]["End"] == (date.fromisoformat(start) + timedelta(days=1)).isoformat()
        assert day["Groups"] == []


def test_months_are_cut_at_the_ends_of_the_period(sandbox, aws):
    answer = aws.costs(TimePeriod={"Start": "2026-10-15", "End": "2026-11-16"}, Granularity="MONTHLY")
    assert [tuple(month["TimePeriod"].values()) for month in answer["ResultsByTime"]] == [
        ("2026-10-15", "2026-11-01"),
        ("2026-11-01", "2026-11-16"),
    ]
    assert [month["Estimated"] for month in answer["ResultsByTime"]] == [False, True]
    october = sum(Decimal(row["amount"]) for row in sandbox.state.aws.costs if "2026-10-15" <= row["day"] < "2026-11-01")
    assert Decimal(answer["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"]) == october


def test_grouped_answers_have_an_empty_total_and_name_their_accounts(sandbox, aws):
    answer = aws.costs(GroupBy=[BY_ACCOUNT, BY_SERVICE], Granularity="MONTHLY", Filter=USAGE)
    assert answer["GroupDefinitions"] == [BY_ACCOUNT, BY_SERVICE]
    sums = defaultdict(Decimal)
    for month in answer["ResultsByTime"]:
        assert month["Total"] == {}
        for group in month["Groups"]:
            assert group["Metrics"]["UnblendedCost"]["Unit"] == "USD"
            sums[tuple(group["Keys"])] += Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
    assert dict(sums) == summed(in_window(sandbox.state, record_type="Usage"), "account", "service")
    names = {row["Value"]: row["Attributes"]["description"] for row in answer["DimensionValueAttributes"]}
    assert names[ACCOUNT] == "fernhollow"


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        (USAGE, lambda row: row["record_type"] == "Usage"),
        ({"Not": USAGE}, lambda row: row["record_type"] != "Usage"),
        (
            {"And": [USAGE, {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [ACCOUNT]}}]},
            lambda row: row["record_type"] == "Usage" and row["account"] == ACCOUNT,
        ),
        (
            {
                "Or": [
                    {"Dimensions": {"Key": "SERVICE", "Values": ["Tax"]}},
                    {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit"]}},
                ]
            },
            lambda row: row["service"] == "Tax" or row["record_type"] == "Credit",
        ),
    ],
    ids=["one", "not", "and", "or"],
)
def test_filters_choose_costs(sandbox, aws, condition, fits):
    answer = aws.costs(Granularity="MONTHLY", GroupBy=[BY_ACCOUNT], Filter=condition)
    found = defaultdict(Decimal)
    for month in answer["ResultsByTime"]:
        for group in month["Groups"]:
            found[tuple(group["Keys"])] += Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
    expected = summed([row for row in in_window(sandbox.state) if fits(row)], "account")
    assert expected
    assert dict(found) == expected


def test_pages_add_up_to_the_whole_and_keep_to_their_question(sandbox, aws):
    asked = {"GroupBy": [BY_ACCOUNT, BY_SERVICE], "Filter": USAGE}

    def groups(pages):
        return [
            (day["TimePeriod"]["Start"], *group["Keys"], group["Metrics"]["UnblendedCost"]["Amount"])
            for page in pages
            for day in page["ResultsByTime"]
            for group in day["Groups"]
        ]

    [whole] = aws.all_costs(**asked)
    sandbox.limit(aws__page_size=250)
    pages = aws.all_costs(**asked)
    assert len(pages) == -(-len(groups([whole])) // 250)
    assert groups(pages) == groups([whole])
    token = pages[0]["NextPageToken"]
    assert refusal(aws.costs, GroupBy=[BY_ACCOUNT], NextPageToken=token)[0] == "RequestChangedException"
    assert refusal(aws.costs, **asked, NextPageToken="nonsense")[0] == "InvalidNextTokenException"


def test_dimension_values_are_those_of_the_period_and_accounts_have_names(sandbox, aws):
    def values(**parameters):
        asked = {"TimePeriod": WINDOW, "Context": "COST_AND_USAGE"} | parameters
        return aws.call("ce", "get_dimension_values", **asked)

    assert values(Dimension="SERVICE", TimePeriod={"Start": "2026-07-01", "End": "2026-08-01"})["DimensionValues"] == []
    record_types = values(Dimension="RECORD_TYPE")
    assert [row["Value"] for row in record_types["DimensionValues"]] == ["Credit", "Refund", "Tax", "Usage"]
    assert (record_types["ReturnSize"], record_types["TotalSize"]) == (4, 4)
    accounts = values(Dimension="LINKED_ACCOUNT", MaxResults=5)
    assert accounts["ReturnSize"] == 5
    assert accounts["TotalSize"] == len({row["account"] for row in in_window(sandbox.state)})
    following = values(Dimension="LINKED_ACCOUNT", MaxResults=5, NextPageToken=accounts["NextPageToken"])
    assert not {row["Value"] for row in following["DimensionValues"]} & {row["Value"] for row in accounts["DimensionValues"]}
    [found] = values(Dimension="SERVICE", SearchString="elastic file")["DimensionValues"]
    assert found["Value"] == "Amazon Elastic File System"
    names = {row["Value"]: row["Attributes"]["description"] for row in values(Dimension="LINKED_ACCOUNT")["DimensionValues"]}
    assert names[ACCOUNT] == "fernhollow"
    assert aws.call("ce", "get_tags", TimePeriod=WINDOW) == {"Tags": [], "ReturnSize": 0, "TotalSize": 0}


def test_tags_group_filter_and_are_listed(sandbox, aws):
    own = [row for row in in_window(sandbox.state, account=ACCOUNT) if row["service"].endswith("Compute")]
    for row in own:
        row["tags"] = {"hub": "fernhollow"}
    by_tag = {"Type": "TAG", "Key": "hub"}
    read = defaultdict(Decimal)
    for page in aws.all_costs(GroupBy=[BY_ACCOUNT, by_tag]):
        for day in page["ResultsByTime"]:
            for group in day["Groups"]:
                read[group["Keys"][1]] += Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
    tagged = sum(Decimal(row["amount"]) for row in own)
    assert read == {"hub$fernhollow": tagged, "hub$": sum(Decimal(row["amount"]) for row in in_window(sandbox.state)) - tagged}
    chosen = aws.costs(Granularity="MONTHLY", Filter={"Tags": {"Key": "hub", "Values": ["fernhollow"]}})
    assert sum(Decimal(month["Total"]["UnblendedCost"]["Amount"]) for month in chosen["ResultsByTime"]) == tagged
    assert aws.call("ce", "get_tags", TimePeriod=WINDOW)["Tags"] == ["hub"]
    assert aws.call("ce", "get_tags", TimePeriod=WINDOW, TagKey="hub")["Tags"] == ["", "fernhollow"]


def test_the_forecast_is_the_states_and_is_shared_out_over_days(sandbox, aws):
    def forecast(start="2026-11-16", end="2026-12-01", granularity="MONTHLY", **more):
        period = {"Start": start, "End": end}
        return aws.call("ce", "get_cost_forecast", TimePeriod=period, Metric="UNBLENDED_COST", Granularity=granularity, **more)

    [whole] = [row for row in sandbox.state.aws.forecasts if row["account"] is None]
    answer = forecast(PredictionIntervalLevel=80)
    assert answer["Total"] == {"Amount": whole["mean"], "Unit": "USD"}
    [month] = answer["ForecastResultsByTime"]
    assert (month["PredictionIntervalLowerBound"], month["PredictionIntervalUpperBound"]) == (whole["low"], whole["high"])
    daily = forecast(granularity="DAILY")
    assert len(daily["ForecastResultsByTime"]) == 15
    assert "PredictionIntervalLowerBound" not in daily["ForecastResultsByTime"][0]
    one = forecast(Filter={"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [ACCOUNT]}})
    assert one["Total"]["Amount"] == next(row["mean"] for row in sandbox.state.aws.forecasts if row["account"] == ACCOUNT)
    assert refusal(forecast, start="2026-11-10")[0] == "ValidationException"
    assert refusal(forecast, end="2027-02-01")[0] == "DataUnavailableException"
    sandbox.state.aws.forecasts.clear()
    assert refusal(forecast)[0] == "DataUnavailableException"
    assert landed(sandbox).values("cost_forecasts", "mean_amount") == []


def test_budgets_and_their_notifications(sandbox, aws):
    held = sandbox.state.aws
    paged = aws._session.client("budgets", region_name="us-east-1", endpoint_url=aws._url).get_paginator("describe_budgets")
    pages = list(paged.paginate(AccountId=PAYER, PaginationConfig={"PageSize": 2}))
    assert [len(page["Budgets"]) for page in pages] == [2, 2]
    names = [budget["BudgetName"] for page in pages for budget in page["Budgets"]]
    assert names == [budget["BudgetName"] for budget in held.budgets[PAYER]]
    assert aws.call("budgets", "describe_budgets", AccountId=PAYER)["Budgets"][0]["LastUpdatedTime"].year == 2026
    answer = aws.call("budgets", "describe_budget_notifications_for_account", AccountId=PAYER)
    for row in answer["BudgetNotificationsForAccount"]:
        alone = aws.call("budgets", "describe_notifications_for_budget", AccountId=PAYER, BudgetName=row["BudgetName"])
        assert alone["Notifications"] == row["Notifications"]
        for notification in row["Notifications"]:
            asked = {"AccountId": PAYER, "BudgetName": row["BudgetName"], "Notification": notification}
            told = aws.call("budgets", "describe_subscribers_for_notification", **asked)["Subscribers"]
            assert {"SubscriptionType": "EMAIL", "Address": f"support+{row['BudgetName']}@example.org"} in told
    del held.notifications[PAYER][0]["Subscribers"]
    first = {name: held.notifications[PAYER][0][name] for name in ("BudgetName", "Notification")}
    assert aws.call("budgets", "describe_subscribers_for_notification", AccountId=PAYER, **first) == {}
    unknown = {**first, "Notification": {**first["Notification"], "Threshold": 7.0}}
    assert (
        refusal(aws.call, "budgets", "describe_subscribers_for_notification", AccountId=PAYER, **unknown)[0]
        == "NotFoundException"
    )
    assert sum(len(row["Notifications"]) for row in answer["BudgetNotificationsForAccount"]) == len(held.notifications[PAYER])
    assert aws.call("budgets", "describe_budgets", AccountId=ACCOUNT) == {"Budgets": []}
    missing = {"AccountId": PAYER, "BudgetName": "No such budget"}
    assert refusal(aws.call, "budgets", "describe_notifications_for_budget", **missing)[0] == "NotFoundException"
    assert refusal(aws.call, "budgets", "describe_budgets", AccountId="000000000000")[0] == "AccessDeniedException"
    changed = {"AccountId": PAYER, "NextToken": pages[0]["NextToken"]}
    assert refusal(aws.call, "budgets", "describe_budgets", **changed)[0] == "InvalidNextTokenException"


def test_the_organization_and_the_identity_name_the_payer(sandbox, aws):
    assert aws.call("organizations", "describe_organization")["Organization"]["MasterAccountId"] == PAYER
    first = aws.call("organizations", "list_accounts")
    assert len(first["Accounts"]) == 20, "Organizations sends twenty at most"
    rest = aws.call("organizations", "list_accounts", NextToken=first["NextToken"])["Accounts"]
    assert [account["Id"] for account in first["Accounts"] + rest] == [account["Id"] for account in sandbox.state.aws.accounts]
    identity = aws.call("sts", "get_caller_identity")
    assert identity["Account"] == PAYER
    assert identity["Arn"].startswith(f"arn:aws:iam::{PAYER}:")


def test_a_stranger_and_a_missing_signature_are_refused(sandbox):
    stranger, unsigned = Services(sandbox, key="AKIAWRONG"), Services(sandbox, signature_version=UNSIGNED)
    assert refusal(stranger.costs)[0] == "UnrecognizedClientException"
    assert refusal(stranger.call, "organizations", "describe_organization")[0] == "UnrecognizedClientException"
    assert refusal(stranger.call, "sts", "get_caller_identity")[0] == "InvalidClientTokenId"
    assert refusal(unsigned.costs)[0] == "MissingAuthenticationTokenException"
    assert refusal(unsigned.call, "sts", "get_caller_identity")[0] == "MissingAuthenticationToken"
    with sandbox.client("aws", "not-a-signature") as client:
        answer = client.post("/", json={}, headers={"X-Amz-Target": "AWSInsightsIndexService.GetCostAndUsage"})
    assert (answer.status_code, answer.json()["__type"]) == (400, "IncompleteSignatureException")


def test_a_wrong_key_is_named_by_the_source(sandbox, tmp_path):
    endpoints = {
        f"aws_endpoint_url_{name}": f"{sandbox.url}/aws" for name in ("cost_explorer", "budgets", "organizations", "sts")
    }
    settings = load_settings(handoff_home=tmp_path, aws_access_key_id="wrong", aws_secret_access_key="wrong", **endpoints)
    client = open_aws(settings, sandbox_url=None)
    with pytest.raises(Unauthorized, match="AWS_ACCESS_KEY_ID"):
        aws_rows(
            client,
            load_rules(PROJECT / "dbt/seeds/default"),
            as_of=date(2026, 11, 16),
            landing=Landing("aws", tmp_path / "landing"),
        )
    client.transport.close()


def test_the_identity_reads_only_and_what_is_not_built_names_itself(sandbox, aws):
    budget = {"BudgetName": "New", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    code, words = refusal(aws.call, "budgets", "create_budget", AccountId=PAYER, Budget=budget)
    assert (code, "budgets:CreateBudget" in words) == ("AccessDeniedException", True)
    for service, operation, parameters, name in (
        ("ce", "get_savings_plans_utilization", {"TimePeriod": WINDOW}, "AWSInsightsIndexService.GetSavingsPlansUtilization"),
        ("sts", "get_session_token", {}, "sts:GetSessionToken"),
    ):
        code, words = refusal(aws.call, service, operation, **parameters)
        assert code == "NotImplemented"
        assert name in words
    for parameters, name in (
        ({"Metrics": ["BlendedCost"]}, "BlendedCost"),
        ({"GroupBy": [{"Type": "COST_CATEGORY", "Key": "team"}]}, "COST_CATEGORY"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "REGION"}]}, "REGION"),
        ({"Granularity": "HOURLY"}, "hourly"),
        ({"Filter": {"CostCategories": {"Key": "team", "Values": ["a"]}}}, "CostCategories"),
        ({"Filter": {"Tags": {"Key": "team", "Values": ["a"], "MatchOptions": ["ABSENT"]}}}, "ABSENT"),
    ):
        code, words = refusal(aws.costs, **parameters)
        assert (code, name in words) == ("NotImplemented", True), words


def test_a_question_that_makes_no_sense_is_refused(sandbox, aws):
    assert refusal(aws.costs, TimePeriod={"Start": "2026-11-16", "End": "2026-11-16"})[0] == "ValidationException"
    assert refusal(aws.costs, GroupBy=[BY_ACCOUNT, BY_SERVICE, BY_ACCOUNT])[0] == "ValidationException"
    assert refusal(aws.costs, Filter={"And": [USAGE]})[0] == "ValidationException"
    assert refusal(aws.costs, Filter={**USAGE, "Not": USAGE})[0] == "ValidationException"
    assert refusal(aws.call, "organizations", "list_accounts", NextToken="nonsense")[0] == "InvalidInputException"
