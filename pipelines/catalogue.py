"""The catalogue of reports: their names, the questions they answer, and the marts that answer them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipelines.errors import ConfigurationError


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
_DUE: Final = Occasion("due", "due_on", "Due", ("finding_id",))
_END: Final = Occasion("agreement-end", "effective_end_on", "Agreement ends", ("deal_id",))


@dataclass(frozen=True)
class Report:
    """One report: its name, the question it answers, and the SELECT over the marts that answers it.

    ``shown`` are the columns that people read, with their titles; the first names the row, or in a report of findings how bad it is.
    ``rests_on`` is the report of findings whose rules it rests on, by which it says what could not be evaluated.
    """

    name: str
    question: str
    sql: str
    shown: tuple[tuple[str, str], ...] = SHOWN_COLUMNS
    occasion: Occasion | None = _DUE
    rests_on: str | None = None

    @property
    def is_of_findings(self) -> bool:
        """Whether its rows are findings, with severity, reason and what to do."""
        return self.shown is SHOWN_COLUMNS


_ORDER: Final = """
    order by
        case severity when 'blocker' then 0 when 'high' then 1 when 'medium' then 2 when 'low' then 3 else 4 end,
        due_on nulls last,
        finding_id
"""

# what somebody snoozed or waived is counted, and listed by the report set-aside
_LISTED: Final = "state not in ('snoozed', 'waived')"


def _findings_of(name: str, mart: str) -> str:
    """Return the SELECT of a report: its findings as fct_findings has them, then what the report's own mart adds to each."""
    return f"""
        select *
        from (
            select findings.*, details.* exclude ({", ".join(FINDING_COLUMNS)})
            from marts.fct_findings as findings
            left join marts.{mart} as details on findings.finding_id = details.finding_id
            where findings.report = '{name}' and findings.{_LISTED}
        ) {_ORDER}
    """


REPORTS: Final[dict[str, Report]] = {
    report.name: report
    for report in (
        Report(
            "findings",
            "Everything that is missing, late, due or over budget.",
            f"select * from marts.fct_findings where {_LISTED} {_ORDER}",
        ),
        Report(
            "handoff-gaps",
            "What was sold and has not reached delivery?",
            _findings_of("handoff-gaps", "fct_handoff_gaps"),
        ),
        Report(
            "missing-intake",
            "What must be asked of which community before delivery?",
            _findings_of("missing-intake", "fct_missing_intake"),
        ),
        Report(
            "renewals-due",
            "Which agreements end soon, and is somebody talking?",
            _findings_of("renewals-due", "fct_renewal_findings"),
            occasion=_END,
        ),
        Report(
            "lapsed-but-active",
            "What is still in use without an agreement, and by when must somebody decide?",
            _findings_of("lapsed-but-active", "fct_lapsed_findings"),
        ),
        Report(
            "budget-overruns",
            "Where does cloud spend leave its budget or agreement?",
            _findings_of("budget-overruns", "fct_budget_overruns"),
            occasion=None,
        ),
        Report(
            "stage-gates",
            "Which deals left the agreed path of stages?",
            _findings_of("stage-gates", "rpt_stage_gates"),
            occasion=None,
        ),
    )
}

# Reports whose rows are records, not findings.
OVERVIEWS: Final[dict[str, Report]] = {
    report.name: report
    for report in (
        Report(
            "handoff-deals",
            "How far is each handoff?",
            "select * from marts.rpt_handoff_deals order by handoff_score_low_ratio nulls first, handoff_started_on, deal_name, deal_id",
            (
                ("deal_name", "Deal"),
                ("deal_owner", "Owner"),
                ("delivery_owner", "Delivery"),
                ("start_on", "Starts"),
                ("agreement_step", "Agreement"),
                ("request_step", "Request"),
                ("engagement_step", "Engagement"),
                ("breakdown_step", "Breakdown"),
                ("started_step", "Started"),
                ("handoff_score_low_ratio", "Done"),
            ),
            Occasion("agreement-start", "start_on", "Agreement starts", ("deal_id",)),
            "handoff-gaps",
        ),
        Report(
            "intake-deals",
            "Which deals are ready for delivery to be planned?",
            "select * from marts.rpt_intake_deals order by weighted_completeness_ratio nulls first, deal_name, deal_id",
            (
                ("deal_name", "Deal"),
                ("deal_owner", "Owner"),
                ("stage_name", "Stage"),
                ("ok_count", "In order"),
                ("required_count", "Required"),
                ("weighted_completeness_ratio", "Complete"),
                ("missing_fields", "To be asked"),
            ),
            None,
            "missing-intake",
        ),
        Report(
            "agreements",
            "Which agreements end when, and who is renewing them?",
            "select * from marts.fct_renewals_due order by effective_end_on nulls last, deal_name, deal_id",
            (
                ("deal_name", "Agreement"),
                ("deal_owner", "Owner"),
                ("effective_end_on", "Ends"),
                ("window_name", "Window"),
                ("amount", "Amount"),
                ("currency", "Currency"),
                ("renewal_deal_name", "Renewal"),
                ("renewal_stage_name", "Its stage"),
                ("last_contacted_on", "Last contact"),
                ("finding_count", "Findings"),
            ),
            _END,
            "renewals-due",
        ),
        Report(
            "lapsed-services",
            "Which services are in use without an agreement, since when, and what do they cost?",
            "select * from marts.rpt_lapsed_but_active order by decision_due_on nulls first, deal_name, deal_id",
            (
                ("deal_name", "Service"),
                ("deal_owner", "Owner"),
                ("effective_end_on", "Ended"),
                ("bucket", "Lapsed for"),
                ("signals", "In use by"),
                ("daily_burn_usd", "A day"),
                ("uncovered_cost_to_date_usd", "Not covered"),
                ("decision_due_on", "Decision due"),
                ("renewal_state", "Renewal"),
            ),
            Occasion("decision", "decision_due_on", "Decide about", ("deal_id",)),
            "lapsed-but-active",
        ),
        Report(
            "budget-months",
            "Who stays within budget?",
            "select * from marts.fct_budget_months order by month_on desc, variance_usd desc nulls last, gross_usd desc nulls last, subject",
            (
                ("subject", "Subject"),
                ("month_on", "Month from"),
                ("budget_usd", "Budget"),
                ("budget_source", "Budget from"),
                ("gross_usd", "Spent"),
                ("forecast_usd", "Expected"),
                ("uncovered_usd", "Without agreement"),
                ("variance_usd", "Above budget"),
            ),
            None,
            "budget-overruns",
        ),
        Report(
            "set-aside",
            "What did people acknowledge, snooze or waive, and why?",
            """
            select * from marts.fct_findings
            where state in ('acknowledged', 'snoozed', 'waived')
            order by state, snoozed_until_on nulls last, finding_id
            """,
            (
                ("finding_id", "Finding"),
                ("subject", "Subject"),
                ("state", "State"),
                ("snoozed_until_on", "Until"),
                ("decision_reason", "Why"),
                ("decided_by", "By"),
                ("decided_at", "When"),
                ("reason", "What was found"),
            ),
            None,
        ),
        Report(
            "stage-velocity",
            "How long do deals stay in each stage?",
            "select * from marts.rpt_stage_velocity order by pipeline_name, pipeline_id, stage_rank, stage_name, stage_id",
            (
                ("stage_name", "Stage"),
                ("pipeline_name", "Pipeline"),
                ("closed_visit_count", "Visits that ended"),
                ("open_visit_count", "Still there"),
                ("median_days", "Median days"),
                ("p80_days", "Four in five within"),
                ("longest_open_days", "Longest still there"),
                ("sla_days", "Agreed days"),
            ),
            None,
        ),
        Report(
            "stage-conversion",
            "How many deals get from one stage to another?",
            "select * from marts.rpt_stage_conversion order by pipeline_name, from_stage_rank, to_stage_rank, from_stage_id, to_stage_id",
            (
                ("from_stage_name", "From"),
                ("to_stage_name", "To"),
                ("pipeline_name", "Pipeline"),
                ("cohort_count", "Deals"),
                ("converted_count", "Got there"),
                ("not_converted_count", "Did not"),
                ("censored_count", "Not decided yet"),
                ("conversion_ratio", "Share"),
            ),
            None,
        ),
        Report(
            "sync-health",
            "Which source can be trusted as of now?",
            "select * from marts.rpt_sources order by source",
            (
                ("source_name", "Source"),
                ("status", "Status"),
                ("last_complete_at", "Last complete"),
                ("row_count", "Rows"),
                ("quarantined_count", "Set aside"),
                ("error", "Why not complete"),
            ),
            None,
        ),
        Report(
            "rule-evaluations",
            "Which rules could be judged, and if not, because of which source?",
            "select * from marts.rpt_rule_evaluations order by report, rule_id",
            (
                ("rule_id", "Rule"),
                ("title", "What it says"),
                ("severity", "Severity"),
                ("gate", "Judged"),
                ("gate_reason", "Why not"),
                ("open_count", "Open"),
                ("indeterminate_count", "Unknown"),
                ("what_to_do", "What to do"),
            ),
            None,
        ),
        Report(
            "quarantine",
            "What must be corrected at the vendor or in the rule tables?",
            "select * from marts.rpt_quarantine order by quarantined_at desc, source, table_name, record_ref",
            (
                ("record_ref", "Record"),
                ("source", "Source"),
                ("table_name", "Table"),
                ("reason", "Why it was set aside"),
                ("quarantined_at", "When"),
            ),
            None,
        ),
        Report(
            "drift",
            "What changed lately in the fields that the reports read?",
            "select * from marts.rpt_drift order by seen_at desc, what_to_do is null, source, table_name, field_name, kind",
            (
                ("field_name", "Field"),
                ("source", "Source"),
                ("table_name", "Table"),
                ("kind", "Change"),
                ("before", "Before"),
                ("after", "After"),
                ("seen_at", "Noticed"),
                ("what_to_do", "What to do"),
            ),
            None,
        ),
    )
}


def report_named(name: str) -> Report:
    """Return the report called ``name``. Raises ConfigurationError that lists the names."""
    known = REPORTS | OVERVIEWS
    try:
        return known[name]
    except KeyError:
        raise ConfigurationError(f"There is no report called {name!r}. Choose one of {', '.join(known)}.") from None
