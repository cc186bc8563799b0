"""Who is told what, and that nobody is told twice: against a real mail server and a webhook receiver."""

from __future__ import annotations

from datetime import timedelta

import pytest
from receivers import hooked, mail_server, web_server
from told_home import AT, agreement, end_run, finding, publish, source

from pipelines.errors import ConfigurationError
from pipelines.ledger import Ledger
from pipelines.notify import channels, sending
from pipelines.rules import load_rules
from pipelines.settings import PROJECT_ROOT, load_settings

RULES = load_rules(PROJECT_ROOT / "dbt/seeds/default")


@pytest.fixture(scope="module")
def servers():
    with mail_server() as (mails, mail_url), web_server() as (requests, address):
        yield mails, requests, f"mail={mail_url} operations=json://{address}/hook"


@pytest.fixture
def told(servers, monkeypatch):
    """Return (mails, webhook's requests, tell): the receivers are empty at the beginning of each test."""
    mails, requests, urls = servers
    mails.received.clear()
    requests.clear()
    mails.refuses = False
    monkeypatch.setenv("NOTIFY_URLS", urls)
    return mails, requests, lambda **options: sending.tell(load_settings(), RULES, **options)


@pytest.mark.parametrize(
    ("days", "subject"),
    [
        (61, None),
        (60, "Agreement expiring in 60 days: Alpha hub 1"),
        (15, "Agreement expiring in 15 days: Alpha hub 1"),
        (14, "Agreement expiring in 14 days: Alpha hub 1"),
        (2, "Agreement expiring in 2 days: Alpha hub 1"),
        (0, "Agreement expiring today: Alpha hub 1"),
        (-1, None),
    ],
)
def test_partnerships_hears_of_an_agreement_that_ends_at_its_milestones(home, told, days, subject):
    mails, _, tell = told
    publish(home, agreements=[agreement(days)])
    tell()
    assert mails.subjects == ([subject] if subject else [])
    assert [to for to, _ in mails.received] == ([("partnerships@example.org",)] if subject else [])


def test_each_milestone_of_a_chain_is_told_once_and_a_renewed_chain_again_a_year_later(home, told):
    mails, _, tell = told
    for number, days in enumerate((60, 59, 30, 14, 13, 2, 1, 0)):
        publish(home, f"r{number}", agreements=[agreement(days, chain="c1")])
        tell()
        tell()
    assert [subject.split(":")[0] for subject in mails.subjects] == [
        "Agreement expiring in 60 days",
        "Agreement expiring in 14 days",
        "Agreement expiring in 2 days",
    ]
    publish(home, "r9", agreements=[agreement(60, deal="2", chain="c1", renewal="Alpha hub 3")])
    tell()
    assert mails.subjects[3:] == ["Agreement expiring in 60 days: Alpha hub 2"]
    assert "Renewal: Alpha hub 3, in Engaging." in mails.text(3)


def test_nothing_is_said_of_agreements_while_hubspot_is_stale(home, told):
    mails, requests, tell = told
    publish(home, agreements=[agreement(10)], sources=[source(status="stale", error="No answer.")])
    tell()
    assert mails.subjects == []
    assert hooked(requests) == ["Hubspot is stale"]


def test_a_budget_that_is_exceeded_or_will_be_goes_to_the_support_address_of_the_community(home, told):
    mails, _, tell = told
    publish(home, findings=[finding("BO01:1"), finding("BO02:1"), finding("BO03:1")])
    tell()
    assert sorted(mails.subjects) == ["Budget exceeded: Alpha hub", "Budget will be exceeded: Alpha hub"]
    assert {to for to, _ in mails.received} == {("support+alpha-olm@example.org",)}
    assert "Alpha hub used more than its budget. Find the cause." in mails.text(0)


@pytest.mark.parametrize("state", [{"status": "indeterminate"}, {"state": "snoozed"}, {"state": "waived"}, {"state": "resolved"}])
def test_nothing_is_said_of_what_is_indeterminate_or_set_aside(home, told, state):
    mails, _, tell = told
    publish(home, findings=[finding(**state)])
    tell(with_digests=True)
    assert [subject for subject in mails.subjects if "Budget" in subject] == []


def test_a_finding_that_came_back_is_told_again(home, told):
    mails, _, tell = told
    for run, count in (("r1", 0), ("r2", 0), ("r3", 1)):
        publish(home, run, findings=[finding(reopen_count=count)])
        tell()
    assert len(mails.subjects) == 2


def test_operations_hears_when_a_source_becomes_stale_and_when_it_is_read_again(home, told):
    _, requests, tell = told
    for run, sources in enumerate(
        (
            [source()],
            [source(status="stale", error="No answer.")],
            [source(status="stale", error="Another reason.")],
            [source(at=AT + timedelta(days=2))],
            [source(at=AT + timedelta(days=3))],
            [source(status="stale", error="No answer.", at=AT + timedelta(days=3))],
        )
    ):
        publish(home, f"r{run}", sources=sources)
        tell()
    assert hooked(requests) == ["Hubspot is stale", "Hubspot is read again", "Hubspot is stale"]


def test_operations_hears_when_runs_are_held_or_fail_and_when_they_publish_again(home, told):
    _, requests, tell = told
    publish(home, "r0")
    tell()
    end_run(home, "r1", "held", "Suspiciously many records vanished.")
    tell()
    end_run(home, "r2", "held", "Suspiciously many records vanished.")
    tell()
    publish(home, "r3")
    tell()
    publish(home, "r4")
    tell()
    end_run(home, "r5", "failed")
    tell()
    assert hooked(requests) == ["A sync was held", "Snapshots are published again", "A sync failed"]
    assert "Suspiciously many records vanished." in requests[0][3]


def test_a_home_without_a_snapshot_can_still_say_that_its_runs_fail(home, told):
    _, requests, tell = told
    end_run(home, "r1", "failed")
    tell()
    assert hooked(requests) == ["A sync failed"]


def test_what_a_channel_refuses_is_tried_again_until_it_is_sent_once(home, told):
    mails, _, tell = told
    publish(home, agreements=[agreement(60)])
    mails.refuses = True
    assert tell().exit_code == 3
    assert tell().exit_code == 3
    mails.refuses = False
    assert tell().exit_code == 0
    assert tell().sent == []
    assert len(mails.received) == 1


def test_a_message_whose_sender_died_is_not_sent_again_but_named_until_somebody_has_looked(home, told, monkeypatch):
    mails, _, tell = told
    publish(home, agreements=[agreement(60)])

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(channels, "deliver", killed)
        with pytest.raises(KeyboardInterrupt):
            tell()
    after = tell()
    assert (mails.received, after.exit_code, len(after.unknown)) == ([], 3, 1)
    sending.settle(load_settings(), after.unknown[0], arrived=False)
    assert tell().exit_code == 0
    assert len(mails.received) == 1
    with pytest.raises(ConfigurationError, match="nothing to settle"):
        sending.settle(load_settings(), after.unknown[0], arrived=True)


def test_each_message_carries_its_key_so_that_a_receiver_can_tell_a_repetition(home, told):
    mails, requests, tell = told
    publish(home, agreements=[agreement(60)], sources=[source(), source("aws", "stale", "No answer.")])
    tell()
    assert mails.received[0][1]["X-Handoff-Notice"].startswith("agreement_ends_60:1:1@mail/")
    assert requests[0][2]["X-Handoff-Notice"].startswith("source_stale:aws:")


def test_names_of_contacts_are_in_no_message_and_no_address_is_in_the_ledger(home, told):
    mails, _, tell = told
    reason = "Zoraida Quimby of Alpha hub has not answered."
    publish(home, findings=[finding(reason=reason)], contacts=["Zoraida Quimby"])
    tell(with_digests=True)
    assert all("Zoraida" not in message.as_string() for _, message in mails.received)
    assert "a contact of Alpha hub has not answered." in mails.text(0)
    with Ledger.open(home) as ledger:
        told_rows = str(ledger.event_rows(kind="notice"))
    assert "example.org" not in told_rows
    assert "Zoraida" not in told_rows


def test_a_contact_of_one_word_changes_no_other_word(home, told):
    mails, _, tell = told
    publish(home, findings=[finding(reason="Al has not answered; Alpha hub waits.")], contacts=["Al"])
    tell(with_digests=True)
    assert "a contact has not answered; Alpha hub waits." in mails.text(0)


def test_a_schedule_tells_of_real_accounts_whatever_they_are_called(home, told):
    _, requests, tell = told
    publish(home, sources=[source(), source("aws", "stale", "No answer.") | {"source_name": "SANDBOX payer"}])
    tell(about_sandbox=False)
    assert [request[2]["X-Handoff-Notice"].split(":")[0] for request in requests] == ["source_stale"]


def test_a_schedule_sends_nothing_about_the_invented_organisation(home, told):
    mails, _, tell = told
    publish(home, agreements=[agreement(60)], is_sandbox=True)
    assert tell(about_sandbox=False).sent == []
    tell()
    assert mails.subjects == ["SANDBOX: Agreement expiring in 60 days: Alpha hub 1"]


def test_without_the_channel_a_notice_waits_and_a_rehearsal_sends_and_records_nothing(home, told, monkeypatch):
    mails, _, tell = told
    publish(home, agreements=[agreement(60)])
    assert "To partnerships by mail (partnerships@example.org)" in tell(is_rehearsal=True).sent[0]
    with monkeypatch.context() as patched:
        patched.setenv("NOTIFY_URLS", "other=json://127.0.0.1:9/")
        assert tell().unaddressed == ["mail"]
    with Ledger.open(home) as ledger:
        assert ledger.event_rows(kind="notice") == []
    tell()
    assert len(mails.received) == 1


def test_why_a_message_did_not_go_out_is_said_without_the_secrets_of_its_address():
    url = "json://user:pa55word-canary@127.0.0.1:9/hook-key-canary?token=query-canary"
    problem = channels.deliver(url, "", "subject", "text", key="k")
    assert problem
    assert "canary" not in problem
    assert "canary" not in repr(load_settings(notify_urls=f"a={url}"))
