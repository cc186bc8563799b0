"""What the rule tables must look like: columns, what identifies a row, what a cell may hold, and what refers to what.

``rules.py`` reads the tables and holds them against this.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from string import Formatter
from typing import Final

import duckdb

# What is wrong with a cell, and how to repair it; None when nothing is.
Complaint = tuple[str, str] | None

_STAGE_FLAGS: Final = ("is_handoff", "is_closed_won", "is_closed_lost", "is_skippable")
# table -> columns that must be there and may not be empty
REQUIRED_TABLES: Final[dict[str, tuple[str, ...]]] = {
    "rule_organisation": ("key", "value"),
    "rule_pipelines": ("pipeline_id", "pipeline_kind", "is_delivering", "engagement_policy", "is_renewable"),
    "rule_stages": ("pipeline_id", "stage_id", "stage_key", "stage_rank", *_STAGE_FLAGS),
    "rule_move_sources": ("source_type", "source_name", "is_bypassing"),
    "rule_sources": ("source", "source_name", "max_age_hours", "is_shrink_guarded"),
    "rule_summary_lines": ("summary_key", "summary_rank", "label", "what_to_do"),
    "rule_findings": ("rule_id", "report", "summary_key", "title", "severity", "kind", "needs", "owner_team", "what_to_do"),
    "rule_modes": ("rule_id", "mode", "reason"),
    "rule_thresholds": ("key", "value", "unit"),
    "rule_renewal_windows": ("window_key", "window_name", "from_days", "to_days", "window_rank", "expected_stage_key"),
    "rule_renewal_statuses": ("renewal_status", "meaning"),
    "rule_placeholders": ("placeholder",),
    "rule_validators": ("validator", "pattern", "message"),
    "rule_contact_roles": ("role_key", "role_name", "label", "minimum_count", "required_from", "severity", "what_to_ask"),
    "rule_intake_fields": (
        *("field_key", "label", "lookups", "validator", "is_unique", "required_from", "severity", "weight", "owner_team"),
        "what_to_ask",
    ),
    "rule_contact_fields": ("field_key", "label", "property", "validator", "severity", "what_to_ask"),
    "rule_engagement_stores": ("store", "pipeline_id"),
    "rule_engagement_templates": ("pipeline_id", "template_id"),
    "rule_engagement_statuses": ("store", "status", "is_started", "is_active", "is_complete"),
    "rule_deliverable_statuses": ("store", "status", "is_done"),
    "rule_delivery_steps": ("step_key", "step_rank", "step_name", "applies_to"),
    "rule_delivery_evidence": ("step_key", "evidence_key", "evidence_rank", "evidence_name", "source"),
    "rule_issue_states": ("content", "state", "outcome"),
    "rule_invoice_states": ("state", "is_billed"),
    "map_invoice_items": ("item", "component"),
    "rule_usage_tiers": ("from_users", "to_users", "price_per_user"),
    "rule_milestone_items": ("name_pattern",),
    "rule_rag_statuses": ("rag", "light", "is_action_needed"),
    "rule_staff_users": ("name_pattern",),
    "rule_capacity": ("team", "person", "fte", "hours_per_week", "overhead_ratio"),
    "rule_time_off": ("team", "person", "from_on", "to_on"),
    "rule_effort": ("deal_type", "team", "onboarding_hours", "onboarding_weeks", "steady_hours_per_week"),
    "map_hubs_to_deals": ("hub", "deal_id"),
    "map_usage_queries": ("query_key", "promql", "hub_label", "period_kind"),
    "map_relation_overrides": ("deal_id", "engagement_id", "reason"),
    "rule_compared_fields": (
        *("field_key", "label", "comparison", "tolerance", "truth", "severity", "deal_field", "engagement_field"),
    ),
    "rule_cost_sources": ("cost_source", "source_rank"),
    "rule_file_sources": ("source",),
    "rule_file_needs": ("rule_id", "source", "needs"),
    "map_file_columns": ("kind_of_file", "column_name", "field"),
    "map_file_values": ("kind_of_file", "field", "file_value", "vendor_value"),
    "rule_win_rates": ("pipeline_kind", "rate_key", "rate_name", "qualifying_stage_key", "prior_ratio"),
    "rule_kpis": ("kpi_key", "kpi_rank", "kpi_name", "unit"),
    "rule_internal_accounts": ("provider", "sub_account_id"),
    "rule_evidence": ("field", "wakes_snooze", "ends_waiver"),
    "rule_guards": ("key", "value"),
    "rule_roles": ("person", "role"),
    "rule_grace": ("recipe", "rule_id", "grace_days"),
    "rule_notifications": ("notification", "occasion", "audience", "subject"),
    "rule_recipients": ("audience", "channel"),
    "rule_meetings": ("meeting", "every_days", "reports", "what_for"),
    "rule_holidays": ("holiday_on",),
    "rule_test_deals": ("name_pattern",),
    "map_teams_to_owners": ("owner_team", "owner_from", "fallback_owner"),
    "map_fields": ("system", "object", "canonical_field", "vendor_field"),
    "map_accounts_to_deals": ("provider", "sub_account_id", "deal_id"),
    "map_cost_tags": ("tag_key", "tag_value", "deal_id", "tag_rank", "is_before_account"),
    "map_fx_rates": ("currency", "rate_on", "rate_to_org"),
    "map_likely_names": ("what", "stands_for", "also_called"),
    "map_id_aliases": ("source", "object", "old_id", "canonical_id"),
    "map_associations": ("from_object", "to_object"),
}
# table -> further columns that must be there; their cells may be empty
OPTIONAL_CELLS: Final[dict[str, tuple[str, ...]]] = {
    "rule_stages": ("sla_days", "sla_reason", "valid_from", "valid_to"),
    "rule_findings": ("fix_action",),
    "rule_engagement_stores": ("valid_from",),
    "rule_engagement_templates": ("portfolio_id", "status_type"),
    "rule_delivery_steps": ("due_from", "late_rule_id"),
    "rule_delivery_evidence": ("canonical_field",),
    "rule_issue_states": ("state_reason",),
    "rule_capacity": ("valid_from", "valid_to"),
    "rule_summary_lines": ("report",),
    "rule_intake_fields": ("minimum_characters_key", "fallback_characters_key", "required_if"),
    "rule_internal_accounts": ("valid_from", "valid_to"),
    "rule_kpis": ("target",),
    "rule_notifications": ("applies_from", "text"),
    "rule_recipients": ("address",),
    "map_accounts_to_deals": ("valid_from", "valid_to"),
    "map_cost_tags": ("sub_account_id", "valid_from", "valid_to"),
}
# table -> columns that no two rows may share; the first column of REQUIRED_TABLES for a table that is not listed
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "rule_stages": ("stage_id",),
    "rule_engagement_stores": ("pipeline_id", "valid_from"),
    "rule_engagement_statuses": ("store", "status"),
    "rule_deliverable_statuses": ("store", "status"),
    "rule_delivery_evidence": ("step_key", "evidence_key"),
    "rule_issue_states": ("content", "state", "state_reason"),
    "rule_capacity": ("team", "person", "valid_from"),
    "rule_time_off": ("team", "person", "from_on"),
    "rule_effort": ("deal_type", "team"),
    "rule_guards": ("key", "value"),  # allowed_field stands there once for each field
    "rule_roles": ("person", "role"),
    "rule_grace": ("recipe", "rule_id"),
    "rule_recipients": ("audience", "channel", "address"),
    "map_fields": ("system", "object", "canonical_field"),
    "rule_internal_accounts": ("provider", "sub_account_id", "valid_from"),
    "map_accounts_to_deals": ("provider", "sub_account_id", "deal_id", "valid_from"),
    "map_cost_tags": ("tag_key", "tag_value", "sub_account_id", "valid_from"),
    "map_fx_rates": ("currency", "rate_on"),
    "rule_file_needs": ("rule_id", "source"),
    "map_file_columns": ("kind_of_file", "column_name"),
    "map_file_values": ("kind_of_file", "field", "file_value"),
    "map_likely_names": ("what", "stands_for", "also_called"),
    "map_id_aliases": ("source", "object", "old_id"),
    "map_relation_overrides": ("deal_id", "engagement_id"),
    "map_associations": ("from_object", "to_object"),
}
# Rows that models and Python ask for by key: without one of them a rule would fall silent.
REQUIRED_KEYS: Final[dict[str, frozenset[str]]] = {
    "rule_organisation": frozenset(
        {
            *("name", "timezone", "currency", "handoff_epoch"),
            *("hubspot_portal_id", "hubspot_app_host", "community_object_type"),
            *("delivery_request_repository", "delivery_request_project", "new_engagement_status"),
            *("new_item_status", "budget_alert_email"),
            *("renewal_of_label", "renewed_by_label", "cloud_paid_by_us"),
            *("capacity_from_stage", "delivery_team", "working_days", "deal_name_pattern", "indirect_fees"),
        }
    ),
    "rule_thresholds": frozenset(
        {
            *("handoff_request_business_days", "handoff_engagement_business_days", "handoff_started_business_days"),
            *("renewal_horizon_days", "renewal_touch_before_end_days", "renewal_touch_recent_days", "renewal_notice_days"),
            *("renewal_deal_due_days", "renewal_talk_due_days", "renewal_gap_days", "renewal_overlap_days"),
            *("lapsed_grace_days", "lapsed_notice_days", "lapsed_extension_days", "lapsed_cost_usd"),
            *("lapsed_cost_days", "lapsed_cost_window_days"),
            *(
                "lapsed_issue_recent_days",
                "lapsed_usage_recent_days",
                "budget_forecast_ratio",
                "budget_months_reported",
                "budget_settle_days",
            ),
            *("budget_forecast_history_days", "budget_forecast_minimum_days", "budget_no_agreement_usd"),
            *("budget_forecast_interval_deviations", "budget_backtest_months", "budget_anomaly_ratio", "budget_anomaly_usd"),
            *("budget_anomaly_days", "budget_anomaly_window_days", "budget_anomaly_weeks", "budget_anomaly_minimum_weeks"),
            *("budget_burn_ahead_ratio", "budget_alarm_percent", "lapsed_decommissioned_days", "renewal_offboarding_days"),
            *("budget_unattributed_ratio", "budget_unattributed_usd", "mass_change_ratio", "mass_change_minimum"),
            *("stage_lookback_days", "stage_misclick_minutes", "stage_passing_minutes", "stage_dates_apart_days"),
            *("billing_unbilled_days", "billing_overdue_days", "billing_silent_months", "billing_collected_ratio"),
            *(
                "billing_ending_months",
                "billing_left_ratio",
                "billing_behind_ratio",
                "billing_recoverable_days",
                "billing_rounding_amount",
            ),
            *("billing_aging_first_days", "billing_aging_second_days", "billing_aging_third_days"),
            *("kpi_months_back", "kpi_months_ahead", "kpi_horizon_months", "kpi_win_rate_months", "kpi_win_rate_minimum"),
            *("kpi_retention_months", "kpi_campaign_months", "kpi_concentration_chains", "kpi_soft_term_months"),
            *("stage_conversion_days", "stage_cohort_days", "stage_history_kept_entries", "unkept_write_days", "task_due_days"),
            *("delivery_status_recent_days", "usage_people", "usage_window_days", "usage_recent_days"),
            *("capacity_amber_ratio", "capacity_red_ratio", "capacity_horizon_weeks", "capacity_minimum_deals"),
            *("link_community_weight", "link_dates_weight", "link_name_weight", "link_confidence"),
        }
    ),
}
# table, column -> table, column in which its words must stand
REFERENCES: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("rule_stages", "pipeline_id", "rule_pipelines", "pipeline_id"),
    ("rule_intake_fields", "validator", "rule_validators", "validator"),
    ("rule_contact_fields", "validator", "rule_validators", "validator"),
    ("rule_win_rates", "qualifying_stage_key", "rule_stages", "stage_key"),
    ("rule_win_rates", "pipeline_kind", "rule_pipelines", "pipeline_kind"),
    ("rule_intake_fields", "required_from", "rule_stages", "stage_key"),
    ("rule_contact_roles", "required_from", "rule_stages", "stage_key"),
    ("rule_renewal_windows", "expected_stage_key", "rule_stages", "stage_key"),
    ("rule_intake_fields", "minimum_characters_key", "rule_thresholds", "key"),
    ("rule_intake_fields", "fallback_characters_key", "rule_thresholds", "key"),
    ("rule_intake_fields", "owner_team", "map_teams_to_owners", "owner_team"),
    ("rule_findings", "owner_team", "map_teams_to_owners", "owner_team"),
    ("rule_findings", "summary_key", "rule_summary_lines", "summary_key"),
    ("rule_findings", "needs", "rule_sources", "source"),
    ("rule_engagement_stores", "store", "rule_sources", "source"),
    ("rule_engagement_stores", "pipeline_id", "rule_pipelines", "pipeline_id"),
    ("rule_engagement_templates", "pipeline_id", "rule_pipelines", "pipeline_id"),
    ("rule_delivery_evidence", "step_key", "rule_delivery_steps", "step_key"),
    ("rule_delivery_evidence", "source", "rule_sources", "source"),
    ("rule_delivery_steps", "late_rule_id", "rule_findings", "rule_id"),
    ("rule_modes", "rule_id", "rule_findings", "rule_id"),
    ("rule_file_needs", "rule_id", "rule_findings", "rule_id"),
    ("rule_file_sources", "source", "rule_sources", "source"),
    ("rule_grace", "rule_id", "rule_findings", "rule_id"),
    ("rule_meetings", "reports", "rule_findings", "report"),
)
# stands for the stores of rule_engagement_stores.csv where a source is named
ENGAGEMENTS: Final = "engagements"
# table, column -> words that may stand there though the table that it refers to has no such row
ALSO_ALLOWED: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("rule_findings", "needs"): frozenset({ENGAGEMENTS}),
    ("rule_delivery_evidence", "source"): frozenset({ENGAGEMENTS}),
}
# Where the first word of a lookup in rule_intake_fields.csv leads: system and object of map_fields.csv
LOOKUP_PLACES: Final = {
    "deal": ("hubspot", "deals"),
    "community": ("hubspot", "communities"),
    "company": ("hubspot", "companies"),
    "engagement": (ENGAGEMENTS, "engagements"),
}

# What stands in braces in the texts of rule_notifications.csv; docs/notifications.md says which occasion has which
NOTICE_WORDS: Final = frozenset(
    {
        *("source_name", "since", "error", "deal_name", "community_name", "ends_on", "when", "renewal", "record_url"),
        *("subject", "reason", "what_to_do", "owner", "owner_team", "severity", "due_on", "week", "counts", "organisation"),
    }
)

_BOOLEANS: Final = frozenset({"true", "false"})
# column -> what its cells must be; the same name means the same kind in every table
_WHOLE_NUMBERS: Final = frozenset(
    {
        *("stage_rank", "source_rank", "summary_rank", "tag_rank", "window_rank", "step_rank", "evidence_rank", "weight"),
        *("grace_days", "kpi_rank", "every_days"),
        *("minimum_count", "from_days", "to_days", "from_users", "to_users", "sla_days", "max_age_hours", "onboarding_weeks"),
    }
)
_NUMBERS: Final = frozenset(
    {
        "rate_to_org",
        "price_per_user",
        "tolerance",
        "prior_ratio",
        "target",
        "fte",
        "hours_per_week",
        "overhead_ratio",
        "onboarding_hours",
        "steady_hours_per_week",
    }
)
_DATES: Final = frozenset({"holiday_on", "rate_on", "valid_from", "valid_to", "from_on", "to_on"})
_PATTERNS: Final = frozenset({"pattern", "name_pattern"})
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "severity": ("blocker", "high", "medium", "low"),
    "kind": ("absence", "presence"),
    "mode": ("shadow", "off"),
    "report": (
        "handoff-gaps",
        "missing-intake",
        "renewals-due",
        "lapsed-but-active",
        "budget-overruns",
        "stage-gates",
        "write-back",
        "delivery-verification",
        "billing",
        "reconciliation",
    ),
    "engagement_policy": ("new", "continue", "none"),
    "comparison": ("text", "date", "amount"),
    "truth": ("deal", "engagement"),
    "meaning": ("undecided", "renewing", "leaving", "renewed"),
    "content": ("issue", "pull_request"),
    "outcome": ("open", "reopened", "delivered", "dropped"),
    "applies_to": ("all", "hub"),
    "due_from": ("request", "engagement", "start", "items"),
    "cost_source": ("files", "exports", "aws"),
    "kind_of_file": ("deals", "engagements"),
    "wakes_snooze": ("exactly", "rounded", "never"),
    "ends_waiver": ("exactly", "rounded", "never"),
    "owner_from": ("deal", "engagement"),
    "required_if": ("hosted_by_us",),
    "occasion": (
        *("source_stale", "source_read_again", "run_held", "run_failed", "run_published"),
        *("agreement_ends", "finding", "digest_of_team", "digest_of_owner"),
    ),
    "period_kind": ("day", "month"),
    "component": ("membership", "usage", "cloud", "service"),
    "role": ("viewer", "proposer", "approver", "operator"),
}


def key_columns(table: str) -> tuple[str, ...]:
    """Return the columns that identify a row of ``table``; none for a table that handoff does not know."""
    return KEYS.get(table, REQUIRED_TABLES.get(table, ())[:1])


def complaint_about(table: str, column: str, value: str) -> Complaint:
    """Return what is wrong with one cell, judged by its column's name."""
    if column.startswith("is_"):
        return None if value in _BOOLEANS else (f"{value!r} is not true or false", "Write true or false.")
    if not value:
        return None
    if column in _WHOLE_NUMBERS:
        return _whole_number(value)
    if column in _NUMBERS or (table == "rule_thresholds" and column == "value"):
        return _number(value)
    if column in _DATES:
        return _date(value)
    if column in _PATTERNS:
        return _pattern(value)
    if table == "rule_notifications" and column in {"subject", "text"}:
        return _template(value)
    if column in _WORDS and value not in _WORDS[column]:
        return f"{value!r} is not known there", f"Use one of {', '.join(_WORDS[column])}."
    return None


def _number(value: str) -> Complaint:
    try:
        is_number = Decimal(value).is_finite()
    except InvalidOperation:
        is_number = False
    return None if is_number else (f"{value!r} is not a number", "Write digits, with a point for decimals.")


def _template(value: str) -> Complaint:
    """Judge the text of a notification: what stands in braces must be a word that notices have."""
    try:
        names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError as error:
        return f"its braces do not fit ({error})", "Write {name} for what is filled in, and {{ for a brace."
    unknown = sorted(names - NOTICE_WORDS)
    if unknown:
        return f"{{{unknown[0]}}} is nothing that notices have", f"Use one of {', '.join(sorted(NOTICE_WORDS))}."
    return None


def _whole_number(value: str) -> Complaint:
    try:
        int(value)
    except ValueError:
        return f"{value!r} is not a whole number", "Write digits without a point."
    return None


def _date(value: str) -> Complaint:
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"{value!r} is not a date", "Write it as YYYY-MM-DD."
    return None


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _pattern(value: str) -> Complaint:
    """Ask DuckDB, whose regular expressions the models use. Not as a parameter: the first one imports pandas, which takes a second."""
    literal = value.replace("'", "''")
    try:
        _engine().cursor().execute(f"select regexp_matches('', '{literal}')")
    except duckdb.Error as error:
        return f"{value!r} is not a regular expression ({str(error).splitlines()[0]})", "Correct it."
    return None
