"""Whatever stands in a body, a vendor's sandbox answers as the vendor does: it never falls over, and a refusal changes nothing."""

from __future__ import annotations

import json

import pytest
import serving

TABLE = "/v0/appHandoffDemo000/tblEngagements000"
BOARD, ISSUES = "/orgs/demo-org/projectsV2/60", "/repos/demo-org/bd-requests/issues"
PERIOD = {"Start": "2026-11-16", "End": "2026-12-01"}
BY_SERVICE = {"Dimensions": {"Key": "SERVICE", "Values": ["x"], "MatchOptions": ["EQUALS"]}}
FIELDS = {"Name": "a", "Status": "Planned", "Start date": "2026-01-01", "Monthly cloud budget (USD)": 3, "Projects": []}
SIGNED = "AWS4-HMAC-SHA256 Credential=sandbox-token/20261116/us-east-1/ce/aws4_request, SignedHeaders=host, Signature=" + "0" * 64
JUNK = [None, 0, True, "x", [], {}, [[1]], {"a": 1}, 10**400, float("nan")]

CALLS = {
    "airtable": [
        ("POST", TABLE, {"fields": FIELDS, "typecast": True}),
        ("PATCH", TABLE, {"performUpsert": {"fieldsToMergeOn": ["Name"]}, "records": [{"fields": FIELDS}]}),
        ("PUT", TABLE, {"records": [{"id": "recMissing0000000", "fields": FIELDS}]}),
        (
            "POST",
            f"{TABLE}/listRecords",
            {"pageSize": 3, "fields": ["Name"], "filterByFormula": "1", "sort": [{"field": "Name", "direction": "asc"}]},
        ),
    ],
    "github": [
        ("POST", ISSUES, {"title": "a", "body": "b", "labels": ["x"], "assignees": ["y"]}),
        ("PATCH", f"{ISSUES}/1", {"title": "a", "state": "open", "state_reason": "completed", "labels": [{"name": "x"}]}),
        ("POST", f"{ISSUES}/1/comments", {"body": "a"}),
        ("POST", f"{BOARD}/items", {"type": "Issue", "owner": "demo-org", "repo": "delivery", "number": 3}),
        ("POST", f"{BOARD}/drafts", {"title": "a", "body": "b"}),
        ("PATCH", f"{BOARD}/items/600001", {"fields": [{"id": 60004, "value": "x"}]}),
    ],
    "aws": [
        (
            "AWSInsightsIndexService.GetCostAndUsage",
            "/",
            {
                "TimePeriod": PERIOD,
                "Granularity": "MONTHLY",
                "Metrics": ["UnblendedCost"],
                "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
                "Filter": {"And": [{"Not": BY_SERVICE}, BY_SERVICE]},
            },
        ),
        ("AWSInsightsIndexService.GetDimensionValues", "/", {"TimePeriod": PERIOD, "Dimension": "SERVICE", "MaxResults": 3}),
        (
            "AWSInsightsIndexService.GetCostForecast",
            "/",
            {"TimePeriod": PERIOD, "Granularity": "DAILY", "Metric": "UNBLENDED_COST", "Filter": BY_SERVICE},
        ),
        ("AWSBudgetServiceGateway.DescribeBudgets", "/", {"AccountId": "999900001111", "MaxResults": 3}),
        ("AWSOrganizationsV20161128.ListAccounts", "/", {"MaxResults": 3, "NextToken": "x"}),
    ],
}


def spoilt(good):
    """Yield the JSON of a body with one of its parts, or the whole, replaced by something else."""

    def places(part, place):
        yield place
        items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        for key, value in items:
            yield from places(value, [*place, key])

    for place in list(places(good, [])):
        for junk in JUNK:
            changed = json.loads(json.dumps({"whole": good}))
            part = changed
            for key in ["whole", *place][:-1]:
                part = part[key]
            part[["whole", *place][-1]] = junk
            yield json.dumps(changed["whole"])


server = serving.server


@pytest.mark.parametrize("vendor", CALLS)
def test_no_body_makes_a_vendor_fall_over_and_a_refused_one_changes_nothing(server, vendor):
    sandbox = server.fresh()
    sandbox.limit(github__push_access=1)

    def state():  # nothing is written to AWS
        return None if vendor == "aws" else json.dumps(vars(getattr(sandbox.state, vendor)))

    answered = set()
    with sandbox.client("aws", None, Authorization=SIGNED) if vendor == "aws" else sandbox.client(vendor) as client:
        for method, path, good in CALLS[vendor]:
            headers = {"X-Amz-Target": method} if vendor == "aws" else {}
            for body in spoilt(good):
                before = state()
                answer = client.request("POST" if headers else method, path, content=body, headers=headers)
                answered.add(answer.status_code)
                assert answer.status_code < 500 or answer.status_code == 501, (method, path, body)
                assert "NaN" not in answer.text, body
                if answer.status_code >= 400:
                    assert state() == before, (method, path, body)
    assert {200, 201} & answered
    assert {400, 422} & answered
