"""The weekly digest says what is new, worse, resolved or due, and nothing else; one for each team and week."""

from __future__ import annotations

from datetime import timedelta

import pytest
from receivers import mail_server
from told_home import AS_OF, AT, finding, publish, source

from pipelines.notify import sending
from pipelines.rules import load_rules
from pipelines.settings import PROJECT_ROOT, load_settings

LAST_MONTH = AT - timedelta(days=30)
OLD = {"first_seen_at": LAST_MONTH, "state_since_at": LAST_MONTH}


@pytest.fixture(scope="module")
def server():
    with mail_server() as found:
        yield found


@pytest.fixture
def digest(server, monkeypatch):
    """Return (mails, send): ``send`` tells with digests, by the default rule tables and further recipients."""
    mails, url = server
    mails.received.clear()
    monkeypatch.setenv("NOTIFY_URLS", f"mail={url}")

    def send(*recipients):
        rules = load_rules(PROJECT_ROOT / "dbt/seeds/default")
        rules._tables["rule_recipients"] = [*rules.table("rule_recipients"), *recipients]
        return sending.tell(load_settings(), rules, with_digests=True)

    return mails, send


def test_only_what_is_new_worse_resolved_or_due_is_in_it(home, digest):
    mails, send = digest
    worse = finding("HG03:worse", severity="low", subject="Worse", reason="It became worse.", **OLD)
    publish(home, "r1", as_of=AS_OF - timedelta(days=7), findings=[worse, finding("HG09:same", **OLD)])
    publish(
        home,
        "r2",
        findings=[
            finding("HG02:new", subject="New", reason="It is new."),
            worse | {"severity": "high"},
            finding("HG04:resolved", subject="Done", reason="It was missing.", state="resolved", resolved_at=AT, **OLD),
            finding("HG05:due", subject="Due", reason="It is due soon.", due_on=AS_OF + timedelta(days=7), **OLD),
            finding("HG06:later", subject="Later", due_on=AS_OF + timedelta(days=8), **OLD),
            finding("HG07:old", subject="Old", state="resolved", resolved_at=LAST_MONTH, **OLD),
            finding("HG08:aside", subject="Aside", state="snoozed"),
            finding("HG09:same", subject="Same", **OLD),
            finding("HG10:unsure", subject="Unsure", status="indeterminate"),
        ],
    )
    send()
    assert mails.subjects == ["Week of 9 November 2026: 1 new, 1 worse, 1 due, 1 resolved"]
    text = mails.text(0)
    for expected in (
        "- high: New: It is new. Find the cause. https://app-na2.hubspot.com/1",
        "- high: Worse: It became worse.",
        "- high: Done: It was missing.",
        "- high: Due: It is due soon. (due 23 November 2026)",
        'handoff report findings --team "BD"',
    ):
        assert expected in text
    for left_out in ("Later", "Old", "Aside", "Same", "Unsure"):
        assert left_out not in text


def test_a_week_has_one_digest_and_an_empty_one_is_not_sent(home, digest):
    mails, send = digest
    publish(home, "r1", findings=[finding("HG01:1")])
    send()
    publish(home, "r2", as_of=AS_OF + timedelta(days=2), findings=[finding("HG01:1"), finding("HG01:2")])
    send()
    assert len(mails.received) == 1, "Monday's and Wednesday's are of one week"
    publish(home, "r3", as_of=AS_OF + timedelta(days=8), findings=[finding("HG01:1", **OLD)])
    send()
    assert len(mails.received) == 1, "nothing changed"
    publish(home, "r4", as_of=AS_OF + timedelta(days=9), findings=[finding("HG01:3", first_seen_at=AT + timedelta(days=9))])
    send()
    assert len(mails.received) == 2


def test_an_owner_with_a_row_of_their_own_gets_their_own(home, digest):
    mails, send = digest
    publish(home, findings=[finding("HG01:1"), finding("HG01:2", owner="Linnea Marchbanks")])
    send({"audience": "owner Linnea Marchbanks", "channel": "mail", "address": "linnea@example.org", "reason": ""})
    assert [(to, message["subject"]) for to, message in mails.received] == [
        (("partnerships@example.org",), "Week of 9 November 2026: 2 new"),
        (("linnea@example.org",), "Your week of 9 November 2026: 1 new"),
    ]


def test_what_cannot_be_trusted_stands_first(home, digest):
    mails, send = digest
    publish(home, findings=[finding("HG01:1")], sources=[source(), source("airtable", "stale", "No answer.")])
    send()
    digest_text = next(mails.text(number) for number, subject in enumerate(mails.subjects) if subject.startswith("Week"))
    assert digest_text.startswith("Airtable is stale")
