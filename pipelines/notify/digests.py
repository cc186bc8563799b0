"""The weekly digest of a team or an owner: only what is new, worse, resolved or due since the last one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipelines.notify.notices import Notice, day_in_words, rows_for, written
from pipelines.warehouse import NoSnapshot, open_as_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.rules import Rules
    from pipelines.warehouse import Snapshot

_DAYS: Final = 7
_LISTED: Final = 25  # of each kind; the command at the end prints all
_SEVERITIES: Final = ("low", "medium", "high", "blocker")
_SET_ASIDE: Final = frozenset({"snoozed", "waived"})
_TITLES: Final = {"new": "New", "worse": "Worse", "due": "Due", "resolved": "Resolved"}
_OWNER: Final = "owner"


@dataclass
class Week:
    """What changed, by kind; a finding stands under one kind only."""

    new: list[dict[str, Any]] = field(default_factory=list)
    worse: list[dict[str, Any]] = field(default_factory=list)
    due: list[dict[str, Any]] = field(default_factory=list)
    resolved: list[dict[str, Any]] = field(default_factory=list)

    @property
    def counts(self) -> str:
        """How many of each, in words; empty when there is nothing to tell."""
        return ", ".join(f"{len(rows)} {kind}" for kind in _TITLES if (rows := getattr(self, kind)))


def digests(rules: Rules, home: Path, snapshot: Snapshot) -> Iterator[Notice]:
    """Yield one digest for each team and owner that has something to hear; the key is the week, so that each week has one."""
    [run] = snapshot.rows("select as_of_on from ops.run")
    as_of: date = run["as_of_on"]
    since = as_of - timedelta(days=_DAYS)
    findings = snapshot.rows(
        "select * from marts.fct_finding_states where status = 'open' or state = 'resolved' order by finding_id"
    )
    before = _before(home, since, snapshot)
    year, week, _ = as_of.isocalendar()
    stale = snapshot.rows(
        "select source_name, last_complete_at from marts.rpt_sources where status in ('stale', 'never') and error is not null"
    )
    first = [f"{row['source_name']} is stale, so what depends on it may have changed since." for row in stale]
    for row, audience, chosen in _audiences(rules, findings):
        changed = week_of(chosen, before, since=since, as_of=as_of)
        if not changed.counts:
            continue
        values = {"week": day_in_words(since), "counts": changed.counts, "organisation": rules.organisation["name"]}
        notice = written(row, f"{row['notification']}:{audience}:{year}-W{week:02}", values, audience=audience)
        command = (
            f'handoff report findings {"--owner" if audience.startswith(_OWNER) else "--team"} "{audience.split(" ", 1)[1]}"'
        )
        text = "\n".join([*first, *([notice.text] if notice.text else []), *_lines(changed), f"All of them: {command}"])
        yield Notice(notice.key, audience, notice.subject, text, facts={"since": since.isoformat(), "counts": changed.counts})


def _audiences(rules: Rules, findings: list[dict[str, Any]]) -> Iterator[tuple[dict[str, str], str, list[dict[str, Any]]]]:
    for row in rows_for(rules, "digest_of_team"):
        yield row, row["audience"], [finding for finding in findings if finding["owner_team"] == row["applies_from"]]
    known = sorted({recipient["audience"] for recipient in rules.table("rule_recipients")})
    for row in rows_for(rules, "digest_of_owner"):
        for audience in known:
            if audience.startswith(f"{row['audience']} "):
                name = audience.split(" ", 1)[1]
                yield row, audience, [finding for finding in findings if finding["owner"] == name]


def _before(home: Path, day: date, snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Return the findings as they stood on ``day``, where a snapshot of it is kept."""
    try:
        earlier = open_as_of(home, day)
    except NoSnapshot:
        return {}
    if earlier.run_id == snapshot.run_id:
        return {}
    try:
        return {row["finding_id"]: row for row in earlier.rows("select finding_id, severity, is_overdue from marts.fct_findings")}
    finally:
        earlier.close()


def week_of(findings: list[dict[str, Any]], before: dict[str, dict[str, Any]], *, since: date, as_of: date) -> Week:
    """Sort what changed after ``since`` into kinds; what is set aside is left out."""
    week = Week()
    for finding in findings:
        if finding["state"] in _SET_ASIDE:
            continue
        if finding["state"] == "resolved":
            if _day(finding["resolved_at"]) > since:
                week.resolved.append(finding)
        elif _day(finding["first_seen_at"]) > since or (finding["reopen_count"] and _day(finding["state_since_at"]) > since):
            week.new.append(finding)
        elif _is_worse(finding, before.get(finding["finding_id"])):
            week.worse.append(finding)
        elif finding["due_on"] is not None and since < finding["due_on"] <= as_of + timedelta(days=_DAYS):
            week.due.append(finding)
    for rows in vars(week).values():
        rows.sort(key=lambda row: (-_SEVERITIES.index(row["severity"]), row["due_on"] or date.max, row["finding_id"]))
    return week


def _day(at: datetime | None) -> date:
    return at.date() if at is not None else date.min


def _is_worse(finding: dict[str, Any], before: dict[str, Any] | None) -> bool:
    if before is None:
        return False
    has_risen = _SEVERITIES.index(finding["severity"]) > _SEVERITIES.index(before["severity"])
    return has_risen or (bool(finding["is_overdue"]) and not before["is_overdue"])


def _lines(week: Week) -> Iterator[str]:
    for kind, title in _TITLES.items():
        rows = getattr(week, kind)
        if not rows:
            continue
        yield f"\n{title} ({len(rows)})"
        for row in rows[:_LISTED]:
            due = f" (due {day_in_words(row['due_on'])})" if row["due_on"] and kind != "resolved" else ""
            end = "" if kind == "resolved" else f" {row['what_to_do'].rstrip('.')}. {row['record_url'] or ''}"
            about = "" if row["subject"] in row["reason"] else f"{row['subject']}: "
            yield f"- {row['severity']}: {about}{row['reason']}{due}{end}".rstrip()
        if len(rows) > _LISTED:
            yield f"- and {len(rows) - _LISTED} more"
    yield ""
