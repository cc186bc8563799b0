"""The meetings that the reports are made for, in the order in which each looks at them, and what changed since the last one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dashboards.parts import severity_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.queries import Row
    from pipelines.rules import Rules


@dataclass(frozen=True)
class Meeting:
    """One meeting: how many days lie between two of them, and the reports in the order of its agenda."""

    name: str
    every_days: int
    what_for: str
    reports: tuple[str, ...]


def meetings_of(rules: Rules) -> list[Meeting]:
    """Return the meetings of rule_meetings.csv in their order."""
    return [
        Meeting(
            row["meeting"], int(row["every_days"]), row["what_for"], tuple(part.strip() for part in row["reports"].split(";"))
        )
        for row in rules.table("rule_meetings")
    ]


OPENED, REOPENED, WORSE, ASIDE, RESOLVED = "✚ opened", "↺ reopened", "▲ worse", "◌ set aside", "✓ resolved"
KINDS: Final = (OPENED, REOPENED, WORSE, ASIDE, RESOLVED)
_RANKS: Final = {"blocker": 0, "high": 1, "medium": 2, "low": 3, "unknown": 4}


@dataclass(frozen=True)
class Findings:
    """The findings of a snapshot: those that are listed, and those that somebody set aside."""

    listed: list[Row]
    aside: list[Row]


def what_changed(then: Findings, now: Findings) -> list[Row]:
    """Return the findings that are not as they were, each with its ``change``, the most telling first.

    What was listed then and is neither listed nor set aside now is resolved: a finding that nobody could judge stays in the list.
    """
    before, today = _by_id(then.listed), _by_id(now.listed)
    aside_then, aside_now = _by_id(then.aside), _by_id(now.aside)
    changes: list[Row] = []
    for finding_id, row in today.items():
        if finding_id in before:
            kind = WORSE if _is_worse(before[finding_id], row) else None
        elif finding_id in aside_then:
            kind = REOPENED
        else:
            kind = REOPENED if (row.get("reopen_count") or 0) > 0 else OPENED
        if kind:
            changes.append(row | {"change": kind})
    for finding_id, row in before.items():
        if finding_id not in today:
            changes.append((aside_now.get(finding_id) or row) | {"change": ASIDE if finding_id in aside_now else RESOLVED})
    return sorted(changes, key=lambda row: (KINDS.index(row["change"]), _RANKS[severity_of(row)], str(row["finding_id"])))


def _by_id(rows: Iterable[Row]) -> dict[str, Row]:
    return {str(row["finding_id"]): row for row in rows}


def _is_worse(then: Row, now: Row) -> bool:
    """Return whether a finding became more severe, or late; one that became certain or uncertain is the same matter."""
    severities = severity_of(then), severity_of(now)
    if "unknown" not in severities and _RANKS[severities[1]] < _RANKS[severities[0]]:
        return True
    return bool(now.get("is_overdue")) and not then.get("is_overdue")
