"""The catalogue of reports: their names, the questions they answer, and the marts that answer them."""

from __future__ import annotations

from typing import Final

from pipelines.errors import ConfigurationError
from pipelines.report_shapes import FINDING_COLUMNS, SHOWN_COLUMNS, Occasion, Report, ReportFormat, Severity

__all__ = ["OVERVIEWS", "REPORTS", "SHOWN_COLUMNS", "Occasion", "Report", "ReportFormat", "Severity", "report_named"]

_END: Final = Occasion("agreement-end", "effective_end_on", "Agreement ends", ("deal_id",))

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
        Report(
            "delivery-verification",
            "Was what we sold delivered, and how do we know?",
            _findings_of("delivery-verification", "fct_delivery_findings"),
        ),
        Report(
            "billing",
            "Which invoice must be written, collected or corrected?",
            _findings_of("billing", "fct_billing_findings"),
            occasion=None,
        ),
        Report(
            "reconciliation",
            "Which deals and engagements do not belong together as they are linked?",
            _findings_of("reconciliation", "fct_reconciliation_findings"),
            occasion=None,
        ),
        Report(
            "write-back",
            "Which fixes did the vendors not keep?",
            _findings_of("write-back", "fct_unkept_writes"),
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
            "deliveries",
            "Which deliveries are done, and which are stuck where?",
            "select * from marts.rpt_deliveries order by late_step_count desc, next_due_on nulls last, engagement_name, engagement_id",
            (
                ("engagement_name", "Engagement"),
                ("delivery_owner", "Delivery"),
                ("status", "Status"),
                ("rag", "Light"),
                ("promised_item_count", "Promised"),
                ("delivered_item_count", "Delivered"),
                ("done_step_count", "Steps done"),
                ("step_count", "Of"),
                ("next_step", "Next step"),
                ("next_step_status", "Its status"),
                ("tfv_days", "Days to value"),
                ("last_status_update_days", "Days since status"),
            ),
            None,
            "delivery-verification",
        ),
        Report(
            "capacity",
            "Does delivery have the hours for what is sold and what may be sold?",
            "select * from marts.rpt_capacity order by team, scenario_rank, week_on",
            (
                ("scenario", "Scenario"),
                ("team", "Team"),
                ("week_on", "Week from"),
                ("supply_hours", "Hours there"),
                ("committed_hours", "Promised"),
                ("demand_hours", "Needed"),
                ("utilisation_ratio", "Share"),
                ("light", "Light"),
                ("first_overload_on", "First overload"),
                ("drivers", "Most of it"),
                ("undated_hours", "Without dates"),
            ),
            None,
        ),
        Report(
            "capacity-demand",
            "Which deals and engagements take the hours of which week?",
            "select * from marts.rpt_capacity_demand order by week_on nulls last, team, hours desc, subject, subject_id",
            (
                ("subject", "For"),
                ("team", "Team"),
                ("week_on", "Week from"),
                ("hours", "Hours"),
                ("weighted_hours", "By its chance"),
                ("win_ratio", "Chance"),
                ("win_ratio_source", "From"),
                ("basis", "Reckoned by"),
            ),
            None,
        ),
        Report(
            "capacity-verdicts",
            "Which proposals fit, and was delivery asked?",
            "select * from marts.rpt_capacity_verdicts order by highest_utilisation_ratio desc nulls first, deal_name, deal_id",
            (
                ("deal_name", "Deal"),
                ("deal_owner", "Owner"),
                ("stage_name", "Stage"),
                ("start_on", "Starts"),
                ("verdict", "Verdict"),
                ("highest_utilisation_ratio", "Highest share"),
                ("tightest_week_on", "In the week from"),
                ("why_unknown", "Why unknown"),
                ("checked_on", "Checked"),
            ),
            None,
            "handoff-gaps",
        ),
        Report(
            "time-to-value",
            "How long does a community wait until its people use the hub?",
            "select * from marts.rpt_time_to_value",
            (
                ("hub_count", "Hubs"),
                ("reached_count", "In use"),
                ("waiting_count", "Too few people"),
                ("unknown_count", "Unknown"),
                ("average_days", "Mean days"),
                ("median_days", "Median days"),
                ("longest_days", "Longest"),
            ),
            None,
            "delivery-verification",
        ),
        Report(
            "usage-hubs",
            "Which usage was imported, and whose is it?",
            "select * from marts.rpt_usage_hubs order by engagement_id is not null, hub",
            (
                ("hub", "Hub"),
                ("engagement_name", "Engagement"),
                ("first_on", "From"),
                ("through_on", "To"),
                ("person_count", "People"),
                ("staff_count", "Staff"),
                ("highest_user_count", "Highest number"),
                ("no_data_count", "No data"),
                ("file_names", "Files"),
            ),
            None,
        ),
        Report(
            "delivery-steps",
            "How far is each delivery, and what shows it?",
            "select * from marts.rpt_delivery_steps order by engagement_name, engagement_id, step_rank",
            (
                ("engagement_name", "Engagement"),
                ("step_name", "Step"),
                ("step_status", "Status"),
                ("evidence_type", "Shown by"),
                ("evidence_on", "On"),
                ("verified_by", "Vouched for by"),
                ("due_on", "Due"),
                ("evidence_url", "Look there"),
            ),
            None,
            "delivery-verification",
        ),
        Report(
            "relations",
            "Which deals and engagements are one to one, and what are the others?",
            "select * from marts.rpt_relations order by relation = 'ok_1_1', relation, subject, component_id",
            (
                ("subject", "Subject"),
                ("relation", "Relation"),
                ("deal_names", "Deals"),
                ("engagement_names", "Engagements"),
                ("unresolved_addresses", "Leads nowhere"),
                ("suggested_id", "Perhaps with"),
                ("allowed_reason", "Allowed because"),
                ("finding_count", "Findings"),
            ),
            None,
            "reconciliation",
        ),
        Report(
            "field-drift",
            "What does the engagement say otherwise than the deal, and whose value counts?",
            """
            select * from marts.rpt_field_drift
            where kind is not null or not is_equal
            order by is_equal, engagement_name, engagement_id, deal_id, field_key
            """,
            (
                ("engagement_name", "Engagement"),
                ("field_name", "Field"),
                ("deal_value", "Deal says"),
                ("engagement_value", "Engagement says"),
                ("kind", "Kind"),
                ("is_conflict", "Both changed"),
                ("fix", "What to do"),
            ),
            None,
            "reconciliation",
        ),
        Report(
            "link-suggestions",
            "Which deal may this engagement deliver?",
            "select * from marts.rpt_link_suggestions order by confidence_ratio desc, engagement_name, engagement_id, deal_id",
            (
                ("engagement_name", "Engagement"),
                ("deal_name", "Perhaps delivers"),
                ("confidence_ratio", "Confidence"),
                ("reasons", "Because"),
                ("is_best", "Best for both"),
                ("engagement_url", "Engagement at"),
                ("deal_url", "Deal at"),
            ),
            None,
            "reconciliation",
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
            "forecasts",
            "What will this month come to, by which method, and how far was that off before?",
            """
            select * from marts.rpt_forecasts
            order by subject_type = 'deal', forecast_usd > budget_usd desc nulls last, subject, is_used desc, method_name
            """,
            (
                ("subject", "Subject"),
                ("method_name", "Method"),
                ("spent_usd", "Spent"),
                ("forecast_usd", "Expected"),
                ("low_usd", "At least"),
                ("high_usd", "At most"),
                ("budget_usd", "Budget"),
                ("backtest_month_count", "Tried on months"),
                ("backtest_error_ratio", "Off by"),
                ("unknown_reason", "Why not known"),
            ),
            None,
        ),
        Report(
            "coverage",
            "Which days of which bill does a signed agreement cover, and who pays for the others?",
            """
            select * from marts.rpt_coverage_months
            order by month_on desc, coverage = 'covered', billed_cost desc, account_name, coverage, currency
            """,
            (
                ("account_name", "Account"),
                ("month_on", "Month from"),
                ("coverage", "Class"),
                ("deal_name", "Deal"),
                ("day_count", "Days"),
                ("first_on", "From"),
                ("last_on", "To"),
                ("billed_cost", "Billed"),
                ("currency", "Currency"),
            ),
            None,
        ),
        Report(
            "billing-months",
            "What should have been billed, and was it?",
            """
            select * from marts.rpt_billing
            order by unbilled_amount > 0 desc nulls first, due_to_bill_on, deal_name, deal_id, component
            """,
            (
                ("deal_name", "Deal"),
                ("component", "What"),
                ("service_from_on", "From"),
                ("service_to_on", "To"),
                ("due_to_bill_on", "Bill on"),
                ("expected_amount", "Expected"),
                ("invoiced_amount", "Billed"),
                ("unbilled_amount", "Missing"),
                ("currency", "Currency"),
                ("invoice_ids", "Invoices"),
            ),
            None,
            "billing",
        ),
        Report(
            "kpis",
            "What is committed, what is likely, and who stays?",
            "select * from marts.rpt_kpis order by kpi_rank, month_on",
            (
                ("kpi_name", "KPI"),
                ("month_on", "Month from"),
                ("value", "Value"),
                ("unit", "Unit"),
                ("target", "Target"),
                ("sample_count", "Out of"),
                ("basis", "Reckoned from"),
                ("unknown_reason", "Why not known"),
            ),
            None,
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
            "writes",
            "Which fixes did the last load see, and which not?",
            "select * from marts.fct_write_checks order by written_at desc, change_id",
            (
                ("change_id", "Change"),
                ("plan_id", "Plan"),
                ("status", "Seen again"),
                ("after", "Written"),
                ("seen_value", "Found"),
                ("load_id", "By load"),
                ("written_by", "By"),
                ("written_at", "When"),
            ),
            None,
            "write-back",
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
