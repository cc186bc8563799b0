"""The invented organisation day by day through one year: what its vendors knew on each day, and what somebody edited for some days.

A part of the story is told (its handoffs, renewals and costs); of a day before the last, what was created or changed later is taken away.
On the last day the vendors hold what the story holds, so that its truth.csv says what must be found then.
"""

from __future__ import annotations

import csv
import pickle
import random
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.sandbox.story import TRUTH_FILE, handoff, money, renewals
from pipelines.sandbox.story.calendar import TODAY
from pipelines.sandbox.story.storybook import Storybook

LAST = TODAY
DAYS = 365
FIRST = LAST - timedelta(days=DAYS - 1)
# when the schedule runs, in UTC; the same date in the organisation's zone
HOUR = "23:00:00.000Z"
_EDITS = 80
_EDITED_UNTIL = 355  # the last day finds everything as the story has it
_ENGAGEMENTS, _DEAL_URL = "tblEngagements000", "fldEngDealUrl0000"
# of a deal or an engagement: days on which somebody did something, which nobody knows before
_DONE_ON = ("notes_last_contacted", "capacity_checked_date")
_WRITTEN_ON = ("fldEngUpdated0000", "fldEngNotified000", "fldEngConfirmed00", "fldEngNotice00000", "fldEngDecommiss00")


@dataclass(frozen=True)
class Edit:
    """What somebody changed on one day and changed back on another."""

    kind: str
    target: int  # taken modulo the number of records there are
    first: date
    last: date


def told():
    """Return the state of the last day, before any edit."""
    book = Storybook()
    for theme in (handoff, renewals, money):
        theme.tell(book)
    return book.state()


def expected():
    """Return the rows of truth.csv about what is told, by finding."""
    state = told()
    subjects = {record.properties.get("dealname") for record in state.hubspot.objects["deals"].values()}
    subjects |= {record["fields"]["fldEngName0000000"] for record in state.airtable.records[_ENGAGEMENTS]}
    subjects |= {account["Name"] for account in state.aws.accounts} | {account["Id"] for account in state.aws.accounts}
    with TRUTH_FILE.open(newline="", encoding="utf-8") as file:
        return {row["finding_id"]: row for row in csv.DictReader(file) if row["subject"] in subjects}


def edits(seed):
    """Return what is edited in the year, the same for the same seed."""
    chance = random.Random(seed)
    made = []
    for _ in range(_EDITS):
        begins = chance.randrange(5, _EDITED_UNTIL - 1)
        ends = min(begins + chance.choice((1, 2, 3, 8, 20, 45)), _EDITED_UNTIL)
        made.append(
            Edit(chance.choice(sorted(_KINDS)), chance.randrange(1000), FIRST + timedelta(begins), FIRST + timedelta(ends))
        )
    return made


class Year:
    """The states of all days; ``seed`` says what is edited."""

    def __init__(self, seed):
        """Tell the story once."""
        self._memory = pickle.dumps(told())
        self._edits = edits(seed)

    def on(self, day):
        """Return what the vendors know on ``day``, at the hour of the schedule."""
        state = pickle.loads(self._memory)  # noqa: S301 - our own bytes, and the quickest deep copy
        _take_back(state, f"{day}T{HOUR}")
        state.today = day.isoformat()
        for edit in self._edits:
            if edit.first <= day:
                _KINDS[edit.kind](state, edit, is_on=day <= edit.last)
        return state


def _take_back(state, now):
    _portal_at(state.hubspot, now)
    _base_at(state.airtable, now)
    _organization_at(state.github, now)
    state.aws.costs = [row for row in state.aws.costs if row["day"] < now[:10]]


def _portal_at(portal, now):
    for kind, records in portal.objects.items():
        modified = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        for record in [record for record in records.values() if record.created_at > now]:
            del records[record.id]
        for record in records.values():
            if record.archived_at and record.archived_at > now:
                record.archived, record.archived_at = False, None
            changed = [record.created_at]
            for name, entries in record.history.items():
                known = [entry for entry in entries if entry["timestamp"] <= now]
                record.history[name] = known
                if known:
                    record.properties[name] = known[0]["value"]
                    changed.append(known[0]["timestamp"])
                else:
                    record.properties.pop(name, None)
            for name in _DONE_ON:
                if (record.properties.get(name) or "") > now:
                    del record.properties[name]
            record.updated_at = record.properties[modified] = max(changed)
    portal.associations = [
        link
        for link in portal.associations
        if link["fromId"] in portal.objects[link["from"]] and link["toId"] in portal.objects[link["to"]]
    ]


def _base_at(base, now):
    for table, records in base.records.items():
        base.records[table] = [record for record in records if record["createdTime"] <= now]
    known = {record["id"] for records in base.records.values() for record in records}
    for records in base.records.values():
        for record in records:
            for name, value in list(record["fields"].items()):
                if isinstance(value, list) and value and all(str(item).startswith("rec") for item in value):
                    record["fields"][name] = [item for item in value if item in known]
                elif name in _WRITTEN_ON and str(value) > now:
                    del record["fields"][name]


def _organization_at(organization, now):
    second = now[:19] + "Z"
    for name, issues in organization.issues.items():
        organization.issues[name] = [issue for issue in issues if issue["created_at"] <= second]
        for issue in organization.issues[name]:
            if (issue["closed_at"] or "") > second:
                issue.update(state="open", state_reason=None, closed_at=None)
            issue["updated_at"] = max(issue["created_at"], issue["closed_at"] or "")
    for project in organization.projects:
        project["items"] = [item for item in project["items"] if item["created_at"] <= second]
        for item in project["items"]:
            if (item["archived_at"] or "") > second:
                item["archived_at"] = None


def _touched(edit, *, is_on):
    """Return the instant of the last change: the first day's morning, or the morning after the last day."""
    return f"{edit.first if is_on else edit.last + timedelta(days=1)}T16:00:00.000Z"


def _hubspot(kind, name, value):
    """Return an edit that gives one property of one record another value."""

    def change(state, edit, *, is_on):
        records = sorted(state.hubspot.objects[kind].values(), key=lambda record: (record.created_at, record.id))
        if not records:
            return
        record = records[edit.target % len(records)]
        if is_on:
            record.properties[name] = value
        at = _touched(edit, is_on=is_on)
        modified = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        record.updated_at = record.properties[modified] = max(record.updated_at, at)

    return change


def _airtable(name, value):
    """Return an edit that gives one cell of one engagement another value, or empties it."""

    def change(state, edit, *, is_on):
        records = state.airtable.records[_ENGAGEMENTS]
        if records and is_on:
            fields = records[edit.target % len(records)]["fields"]
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value

    return change


def _engagement_deleted(state, edit, *, is_on):
    records = state.airtable.records[_ENGAGEMENTS]
    if records and is_on:
        records.pop(edit.target % len(records))


def _issue_closed(state, edit, *, is_on):
    issues = state.github.issues["delivery"]
    if issues:
        at = _touched(edit, is_on=is_on)[:19] + "Z"
        issue = issues[edit.target % len(issues)]
        if is_on:
            issue.update(state="closed", state_reason="completed", closed_at=at)
        issue["updated_at"] = max(issue["updated_at"], at)


_KINDS = {
    "community without website": _hubspot("communities", "website", ""),
    "community without logo": _hubspot("communities", "logo_url", ""),
    "community with placeholder": _hubspot("communities", "community_id", "TBD"),
    "contact renamed": _hubspot("contacts", "lastname", "Renamed"),
    "deal renamed": _hubspot("deals", "dealname", "A name that somebody tried"),
    "company renamed": _hubspot("companies", "name", "Another Institute"),
    "engagement without deal": _airtable(_DEAL_URL, None),
    "engagement renamed": _airtable("fldEngName0000000", "A name that somebody tried"),
    "engagement without owner": _airtable("fldEngOwner000000", None),
    "engagement deleted": _engagement_deleted,
    "issue closed": _issue_closed,
}
