"""AWS Budgets: of each account, with who is told of what, and nobody's address in clear."""

from __future__ import annotations

from datetime import date

import pytest
from conftest import PROJECT

from pipelines.rules import load_rules
from pipelines.sandbox.faults import fault_from
from pipelines.sandbox.server import running
from pipelines.sandbox.story import build_state
from pipelines.settings import load_settings
from pipelines.sources.aws import aws_rows, open_aws
from pipelines.sources.landing import Landing

AS_OF = date(2026, 11, 16)
PAYER, LINKED = "999900001111", "222200100101"


@pytest.fixture(scope="module")
def server():
    with running(build_state()) as sandbox:
        yield sandbox


@pytest.fixture
def world(server, monkeypatch):
    # the pace is the transport's matter and has tests of its own
    monkeypatch.setattr("pipelines.dialects.AwsDialect.rate", (10_000, 1.0))
    server.world.state, server.world.limits = build_state(), {}
    server.world.faults.clear()
    return server.world


def read(server, folder, *account_ids, **settings):
    """Return the landing of one reading."""
    client = open_aws(load_settings(handoff_home=folder, _env_file=None, **settings), sandbox_url=server.url)
    client.budget_account_ids = account_ids
    landing = Landing("aws", folder / "landing")
    aws_rows(client, load_rules(PROJECT / "dbt/seeds/default"), as_of=AS_OF, landing=landing)
    client.transport.close()
    return landing


def subscribers(landing):
    return landing.values("budget_subscribers", "budget_name", "notification_type", "threshold", "subscription_type", "address")


@pytest.mark.parametrize("page_size", [100, 1])
def test_every_notification_names_who_is_told(server, world, tmp_path, page_size):
    world.limits = {"aws.page_size": page_size}
    world.state.aws.costs = world.state.aws.costs[-3:]
    landing = read(server, tmp_path, store_emails=True)
    expected = [
        (row["BudgetName"], row["Notification"]["NotificationType"], row["Notification"]["Threshold"], *subscriber.values())
        for row in world.state.aws.notifications[PAYER]
        for subscriber in row["Subscribers"]
    ]
    assert len(expected) > len(world.state.aws.notifications[PAYER])
    assert sorted(subscribers(landing)) == sorted(expected)


def test_addresses_are_hashes_and_topics_stay_as_they_are(server, world, tmp_path):
    addresses = [row[-1] for row in subscribers(read(server, tmp_path, email_hash_key="a key"))]
    assert addresses
    assert not [address for address in addresses if "@" in address]
    assert {address.split(":")[0] for address in addresses} == {"hmac", "arn"}
    again = [row[-1] for row in subscribers(read(server, tmp_path / "elsewhere", email_hash_key="a key"))]
    assert again == addresses


def test_the_budgets_of_each_account_are_read(server, world, tmp_path):
    aws = world.state.aws
    own = {**aws.budgets[PAYER][0], "BudgetName": "of the linked account"}
    aws.budgets[LINKED] = [own]
    aws.notifications[LINKED] = [{**aws.notifications[PAYER][0], "BudgetName": "of the linked account"}]
    landing = read(server, tmp_path, PAYER, LINKED)
    found = landing.values("budgets", "account_id", "name")
    assert (LINKED, "of the linked account") in found
    assert len(found) == len(aws.budgets[PAYER]) + 1
    assert (LINKED, "of the linked account") in landing.values("budget_subscribers", "account_id", "budget_name")


def test_a_notification_that_is_deleted_while_it_is_read_is_no_failure(server, world, tmp_path):
    gone = {"__type": "NotFoundException", "message": "Unable to get subscribers: the notification doesn't exist."}
    fault = fault_from(
        {"kind": "answer", "status": 400, "body": gone, "vendor": "aws", "path": "DescribeSubscribersForNotification"}
    )
    world.faults.append(fault)
    landing = read(server, tmp_path, store_emails=True)
    assert fault.hits == 1
    first, *others = world.state.aws.notifications[PAYER]
    assert len(subscribers(landing)) == sum(len(row["Subscribers"]) for row in others)
    assert len(first["Subscribers"]) >= 1
    assert len(landing.values("budget_notifications", "budget_name")) == len(others) + 1
