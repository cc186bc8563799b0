"""AWS: who the keys are, and whether they show the organization and the budgets.

    sts GetCallerIdentity
    organizations DescribeOrganization, ListAccounts (one)
    budgets DescribeBudgets (one) of each account whose budgets are read

Cost Explorer is not asked, because each of its pages costs one US cent: its permissions show at the first sync.
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from pipelines.sources.aws import NO_ORGANIZATION, open_aws, payer_account
from pipelines.sources.aws_answers import error_code, in_sentences
from pipelines.sources.aws_budgets import NO_BUDGETS

if TYPE_CHECKING:
    from pipelines.access.inquiry import Inquiry
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.aws import AwsClient


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:  # noqa: ARG001 - every vendor is asked alike
    """Return what is fine about the access to AWS; ``inquiry`` keeps the rest. Raises HandoffError."""
    client = open_aws(settings, sandbox_url=None)
    with closing(client.transport):
        with in_sentences():
            identity = client.call("sts", "get_caller_identity")
            account, arn = str(identity["Account"]), str(identity["Arn"])
        inquiry.compare_clocks(identity["ResponseMetadata"]["HTTPHeaders"].get("date"))
        payer, accounts = inquiry.ask(partial(_organization, client)) or (account, "its organization cannot be asked")
        seen = [inquiry.ask(partial(_see_budgets, client, account_id)) for account_id in client.budget_account_ids or (payer,)]
    if arn.endswith(":root"):
        inquiry.note(
            f"The AWS keys are those of the root user of account {account}, which may do everything. Make a role or a user that may only "
            "read costs, budgets and accounts (README, Connect your accounts), and set its keys."
        )
    elsewhere = f", which is not the payer {payer}" if payer != account else ""
    return (
        f"the keys are those of {arn}{elsewhere}; {accounts}, and the budgets of {sum(map(bool, seen))} of {len(seen)} accounts can be read; "
        "Cost Explorer was not asked, because each question costs $0.01, nor IAM, so what else they may do is not known."
    )


def _organization(client: AwsClient) -> tuple[str, str]:
    """Return the payer, and what Organizations shows of its accounts."""
    with in_sentences():
        payer = payer_account(client)
        try:
            client.call("organizations", "list_accounts", MaxResults=1)
        except Exception as error:
            if error_code(error) not in NO_ORGANIZATION:
                raise
            return payer, "Organizations shows them no accounts, so names come from Cost Explorer"
    return payer, "Organizations shows them the accounts"


def _see_budgets(client: AwsClient, account_id: str) -> bool:
    """Return True when the budgets of an account can be read. Raises VendorError when not."""
    with in_sentences():
        try:
            client.call("budgets", "describe_budgets", AccountId=account_id, MaxResults=1)
        except Exception as error:
            if error_code(error) not in NO_BUDGETS:
                raise
    return True
