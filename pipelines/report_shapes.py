"""What a report is: its name, question and SELECT, what people read of its rows, and how it can be written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ReportFormat(StrEnum):
    """How a report is written."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"
    xlsx = "xlsx"
    ical = "ical"


class Severity(StrEnum):
    """How bad a finding is; see rule_findings.csv."""

    blocker = "blocker"
    high = "high"
    medium = "medium"
    low = "low"


@dataclass(frozen=True)
class Occasion:
    """What a row puts into a calendar: on the day in ``date_column``, ``words`` and the subject; rows with the same key are one event."""

    kind: str
    date_column: str
    words: str
    key_columns: tuple[str, ...]


# what every mart of findings has; see dbt/macros/finding_columns.sql
FINDING_COLUMNS: Final = (
    *("finding_id", "rule_id", "report", "status", "severity", "subject_type", "subject_id", "subject", "deal_id"),
    *("community_name", "owner_team", "owner", "due_on", "is_overdue", "reason", "what_to_do", "fix_action", "record_url"),
    *("evidence", "as_of_on"),
)
SHOWN_COLUMNS: Final = (
    ("severity", "Severity"),
    ("finding_id", "Finding"),
    ("subject", "Subject"),
    ("reason", "Why"),
    ("what_to_do", "What to do"),
    ("owner", "Owner"),
    ("due_on", "Due"),
)
DUE: Final = Occasion("due", "due_on", "Due", ("finding_id",))
AGREEMENT_END: Final = Occasion("agreement-end", "effective_end_on", "Agreement ends", ("deal_id",))


@dataclass(frozen=True)
class Report:
    """One report: its name, the question it answers, and the SELECT over the marts that answers it.

    ``shown`` are the columns that people read, with their titles; the first names the row, or in a report of findings how bad it is.
    ``rests_on`` is the report of findings whose rules it rests on, by which it says what could not be evaluated. ``month_column`` names the
    month of a row in a report of many: a terminal shows those around the day, and a file holds all.
    """

    name: str
    question: str
    sql: str
    shown: tuple[tuple[str, str], ...] = SHOWN_COLUMNS
    occasion: Occasion | None = DUE
    rests_on: str | None = None
    month_column: str | None = None

    @property
    def is_of_findings(self) -> bool:
        """Whether its rows are findings, with severity, reason and what to do."""
        return self.shown is SHOWN_COLUMNS
