"""A thousand changes take hardly longer than the vendors' own limits demand, and never go faster than they allow.

Time is simulated: every wait is counted and none is slept, so that the figures are those of the pace and not of this machine.
"""

from __future__ import annotations

import pytest
from test_airtable_recipes import correction
from test_github_fields import link
from vendor_double import Vendors
from write_back import DoubleTargets, Snapshot, WriteBack, change, deal_url, default_rules, statuses

from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.actions.opening import OpenTargets, budgets_for
from pipelines.ledger import Ledger
from pipelines.settings import load_settings

COUNT = 1000
# What the vendors publish: so many requests in so many seconds, and of GitHub so many contents a minute and an hour
PUBLISHED = {"hubspot": [(100, 10)], "airtable": [(5, 1)], "github": [(80, 60), (500, 3600)]}


class Time:
    """A clock that moves only when somebody waits."""

    def __init__(self):
        self.now = 0.0

    def sleep(self, seconds):
        self.now += seconds

    def monotonic(self):
        return self.now


class Paced:
    """The double behind the pace of the real vendor; remembers when each request went out."""

    def __init__(self, vendors, vendor, time):
        self._vendors, self._time = vendors, time
        self._reading, self._writing = budgets_for(vendor, time.sleep, time.monotonic)
        self.sent, self.written = [], []

    def request(self, method, url, **parts):
        is_write = method != "GET" and not url.endswith("/batch/read")
        (self._writing if is_write else self._reading).wait()
        self.sent.append(self._time.now)
        self.written += [self._time.now] if is_write else []
        return self._vendors.request(method, url, **parts)


def thousand(vendor, vendors):
    """Return a thousand changes of one field each, over records that the double holds."""
    if vendor == "hubspot":
        vendors.deals.update({str(number): {"engagement_url": None} for number in range(10_000, 10_000 + COUNT)})
        return [change(f"fill-{number}", record_id=str(number)) for number in range(10_000, 10_000 + COUNT)]
    if vendor == "airtable":
        vendors.engagements.update({f"rec{number:014d}": {"fldEngValue000000": 24000} for number in range(COUNT)})
        return [correction(change_id=f"correct-{number}", record_id=f"rec{number:014d}") for number in range(COUNT)]
    vendors.items += [{"id": 80_000 + number, "content_type": "Issue", "content": {}, "fields": []} for number in range(COUNT)]
    return [
        link(change_id=f"link-{number}", record_id=f"60/{80_000 + number}", after=deal_url(number)) for number in range(COUNT)
    ]


def dictated(times, limits):
    """Return the least time in which as many requests may go out."""
    return max((len(times) - 1) // count * seconds for count, seconds in limits)


def most_within(times, seconds):
    """Return the most requests in any stretch of so many seconds."""
    first, most = 0, 0
    for last, moment in enumerate(times):
        while moment - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.fixture
def roomy(home):
    rules = default_rules()
    rules._tables["rule_guards"] = [
        row | {"value": {"max_changes": "2000", "max_share_of_records": "1000", "max_money_change": "9999999"}[row["key"]]}
        if row["key"] in {"max_changes", "max_share_of_records", "max_money_change"}
        else row
        for row in rules.table("rule_guards")
    ]
    return rules


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("vendor", list(PUBLISHED))
def test_a_thousand_changes_keep_to_the_limits_and_take_hardly_longer_than_they_demand(vendor, home, roomy, capsys):
    vendors, time = Vendors(), Time()
    write_back = WriteBack(home, vendors, roomy)
    path = write_back.saved(Snapshot(thousand(vendor, vendors)))
    paced = Paced(vendors, vendor, time)
    with Ledger.open(home) as ledger:
        result = apply_plan(
            path,
            write_back.settings,
            roomy,
            ledger,
            now=clock.now(),
            operator="ana",
            targets=DoubleTargets(paced, roomy),
            sleep=time.sleep,
        )
    assert set(statuses(result).values()) == {"applied"}
    assert len(paced.written) == COUNT
    counted = paced.written if vendor == "github" else paced.sent
    least = dictated(counted, PUBLISHED[vendor])
    for count, seconds in PUBLISHED[vendor]:
        assert most_within(counted, seconds) <= count
    assert time.now <= 1.2 * least
    with capsys.disabled():
        print(f"\n{vendor}: {len(paced.sent)} requests in {time.now:.0f} simulated s, {time.now / least:.2f} x of {least} s")  # noqa: T201


def test_reading_and_writing_share_the_limit_of_a_vendor(home):
    settings = load_settings(handoff_home=home, _env_file=None)
    targets = OpenTargets(settings, default_rules(), "http://127.0.0.1:9", may_write=True)
    connection = targets.target("airtable")._connection
    reading, writing = (transport._budget for transport in (connection.reader, connection.writer))
    assert reading.budgets[0] is writing.budgets[0]
    targets.close()
