"""All SQL of the dashboard. It reads the published schemas and nothing else; each answer is kept for as long as its snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import streamlit as st

from pipelines.catalogue import REPORTS
from pipelines.overviews import OVERVIEWS
from pipelines.reports import report_rows
from pipelines.warehouse import NoSnapshot, Snapshot, current_version, open_current

Row = dict[str, Any]

# Readers of one process share a snapshot; the one before stays open for sessions that are in the middle of a page.
_SNAPSHOTS_OPEN: Final = 5
_ANSWERS_KEPT: Final = 120
# states in which a finding is left out of the lists
SET_ASIDE: Final = ("snoozed", "waived")

_RUN: Final = "select * from marts.rpt_run"
_SOURCES: Final = "select * from marts.rpt_sources order by source = 'files', source_name"
_EVALUATIONS: Final = "select * from marts.rpt_rule_evaluations order by report, rule_id"
_SUMMARY: Final = "select * from marts.rpt_summary order by summary_rank"
# every name that a filter may hold, whatever page is shown: a link with an owner means the same everywhere
_PEOPLE: Final = """
    select distinct owner as name from marts.fct_findings where owner is not null
    union
    select distinct deal_owner from marts.rpt_handoff_deals where deal_owner is not null
    union
    select distinct delivery_owner from marts.rpt_handoff_deals where delivery_owner is not null
    union
    select distinct deal_owner from marts.rpt_intake_deals where deal_owner is not null
    union
    select distinct deal_owner from marts.fct_renewals_due where deal_owner is not null
    order by name
"""
_COMMUNITIES: Final = """
    select distinct community_name as name from marts.fct_findings where community_name is not null
    union
    select distinct community_name from marts.rpt_handoff_deals where community_name is not null
    union
    select distinct community_name from marts.fct_renewals_due where community_name is not null
    union
    select distinct community_name from marts.fct_budget_months where community_name is not null
    order by name
"""
_TEAMS: Final = "select distinct owner_team as name from marts.fct_findings where owner_team is not null order by name"
_HANDOFF_DEALS: Final = """
    select *
    from marts.rpt_handoff_deals
    order by handoff_score_low_ratio nulls first, handoff_started_on, deal_name
"""
_INTAKE_DEALS: Final = """
    select *
    from marts.rpt_intake_deals
    order by weighted_completeness_ratio nulls first, deal_name
"""
_INTAKE_FIELDS: Final = """
    select
        deal_id, field_label, field_status, value_shown, source_used, other_values, severity, required_since_on, weight,
        what_to_do
    from marts.fct_missing_intake
    order by deal_id, field_status = 'ok', weight desc nulls last, field_label
"""
_RENEWALS: Final = """
    select *
    from marts.fct_renewals_due
    order by effective_end_on nulls last, deal_name
"""
_BUDGET_MONTHS: Final = """
    select *
    from marts.fct_budget_months
    order by month_on desc, variance_usd desc nulls last, gross_usd desc nulls last, subject
"""
_DAILY_COSTS: Final = """
    select usage_on, coverage, community_name, currency, sum(billed_cost) as billed_cost, bool_or(is_estimated) as is_estimated
    from marts.fct_daily_costs
    where is_counted and charge_category = 'Usage'
    group by all
    order by usage_on, coverage
"""
_UNATTRIBUTED: Final = """
    select
        provider_name, billing_account_id, sub_account_id, sub_account_name,
        date_trunc('month', usage_on)::date as month_on,
        min(usage_on) as first_on, max(usage_on) as last_on, sum(billed_cost) as billed_cost
    from marts.fct_daily_costs
    where is_counted and coverage = 'unattributed'
    group by all
    having sum(billed_cost) <> 0
    order by month_on desc, billed_cost desc
"""
# how many deals went from which stage straight to which, in the order of the stages and as far as each has got; where a deal moved
# back, its way ends where it is now, and a lost deal that was reopened is not lost
_STAGE_FLOW: Final = """
    with stages as (
        select
            deal_id, pipeline_id, stage_id, community_name,
            any_value(stage_rank) as stage_rank,
            bool_or(is_open) as is_here
        from marts.fct_stage_visits
        where is_known_stage and not is_misclick and not is_left_out
        group by all
    ),
    reached as (
        select *, max(stage_rank) filter (where is_here) over (partition by deal_id, pipeline_id) as here_rank
        from stages
        qualify is_here or (stage_rank > 0 and (here_rank is null or here_rank = 0 or stage_rank < here_rank))
    ),
    steps as (
        select
            pipeline_id, community_name, stage_id, is_here,
            lead(stage_id) over (
                partition by deal_id, pipeline_id order by if(stage_rank = 0, 1, 0), stage_rank, stage_id
            ) as next_stage_id
        from reached
    )
    select
        pipeline_id, community_name, stage_id, next_stage_id, count(*) as deal_count, count(*) filter (where is_here) as here_count
    from steps
    group by all
    order by all
"""
_OPEN_STAGES: Final = """
    select
        visits.deal_id, visits.deal_name, visits.community_name, visits.record_url, visits.pipeline_id, visits.pipeline_name,
        visits.stage_name, visits.stage_rank, visits.entered_at, visits.elapsed_days, velocity.sla_days, velocity.p80_days,
        velocity.closed_visit_count
    from marts.fct_stage_visits as visits
    inner join marts.rpt_stage_velocity as velocity on visits.pipeline_id = velocity.pipeline_id and visits.stage_id = velocity.stage_id
    where visits.is_open and not visits.is_misclick and not visits.is_left_out
    order by visits.elapsed_days desc, visits.deal_name, visits.deal_id
"""
_DEALS: Final = """
    select
        deals.*,
        count(findings.finding_id) as finding_count,
        min(case findings.severity when 'blocker' then 0 when 'high' then 1 when 'medium' then 2 else 3 end) as worst_rank
    from marts.rpt_deals as deals
    left join marts.fct_findings as findings on
        deals.deal_id = findings.deal_id and findings.state not in ('snoozed', 'waived')
    group by all
    order by worst_rank nulls last, finding_count desc, deal_name, deal_id
"""
_OF_DEALS: Final = {
    "steps": "select * from marts.rpt_delivery_steps order by engagement_name, step_rank",
    "visits": "select * from marts.fct_stage_visits where not is_misclick order by entered_at, visit_number",
    "billing": "select * from marts.rpt_billing order by service_from_on, component",
    "handoff": "select * from marts.rpt_handoff_deals",
}
_CHANGES: Final = "select * from actions.act_changes order by is_blocked, system, change_id"
_QUARANTINE: Final = "select * from marts.rpt_quarantine order by quarantined_at desc, source, table_name, record_ref"
_DRIFT: Final = """
    select *
    from marts.rpt_drift
    order by seen_at desc, what_to_do is null, not is_mapped, source, table_name, field_name, kind
"""
_TABLES: Final = "select * from marts.rpt_source_tables order by source, table_name"


@st.cache_resource(max_entries=_SNAPSHOTS_OPEN, show_spinner=False)
def _opened(version: str) -> Snapshot:
    return Snapshot(Path(version))


@st.cache_data(max_entries=_ANSWERS_KEPT, show_spinner=False)
def _rows(version: str, sql: str) -> list[Row]:
    try:
        return _opened(version).rows(sql)
    except (duckdb.ConnectionException, duckdb.IOException):
        _opened.clear(version)
        return _opened(version).rows(sql)


@st.cache_data(max_entries=_ANSWERS_KEPT, show_spinner=False)
def _report(version: str, name: str) -> list[Row]:
    return report_rows(_opened(version), (REPORTS | OVERVIEWS)[name])


@dataclass(frozen=True)
class Reader:
    """Reads one snapshot. A page gets one Reader, so that what it shows belongs together though a sync publishes meanwhile."""

    version: str

    @property
    def run_id(self) -> str:
        """The id of the run that published the snapshot."""
        return Path(self.version).name

    def run(self) -> Row:
        """Return whose data it is and as of when."""
        return _rows(self.version, _RUN)[0]

    def sources(self) -> list[Row]:
        """Return how fresh each source is."""
        return _rows(self.version, _SOURCES)

    def evaluations(self) -> list[Row]:
        """Return which rules could be judged."""
        return _rows(self.version, _EVALUATIONS)

    def summary(self) -> list[Row]:
        """Return the few numbers of the first page."""
        return _rows(self.version, _SUMMARY)

    def findings(self, report: str) -> list[Row]:
        """Return the findings of a report as `handoff report` prints them, most severe first."""
        return _report(self.version, report)

    def set_aside(self, report: str) -> list[Row]:
        """Return the findings of a report that somebody snoozed or waived."""
        return [row for row in _report(self.version, "set-aside") if row["report"] == report and row["state"] in SET_ASIDE]

    def owners(self) -> list[str]:
        """Return everybody who owns something."""
        return [row["name"] for row in _rows(self.version, _PEOPLE)]

    def communities(self) -> list[str]:
        """Return every community that something is known of."""
        return [row["name"] for row in _rows(self.version, _COMMUNITIES)]

    def teams(self) -> list[str]:
        """Return the teams that own findings."""
        return [row["name"] for row in _rows(self.version, _TEAMS)]

    def handoff_deals(self) -> list[Row]:
        """Return the deals in handoff, the least complete first."""
        return _rows(self.version, _HANDOFF_DEALS)

    def intake_deals(self) -> list[Row]:
        """Return the deals that owe intake, the least complete first."""
        return _rows(self.version, _INTAKE_DEALS)

    def intake_fields(self) -> list[Row]:
        """Return every field that a deal owes, also those that are fine."""
        return _rows(self.version, _INTAKE_FIELDS)

    def renewals(self) -> list[Row]:
        """Return the head of each chain of agreements, the first to end first."""
        return _rows(self.version, _RENEWALS)

    def budget_months(self) -> list[Row]:
        """Return deal and month, or account and month, the newest month first."""
        return _rows(self.version, _BUDGET_MONTHS)

    def daily_costs(self) -> list[Row]:
        """Return usage by day, coverage and community."""
        return _rows(self.version, _DAILY_COSTS)

    def unattributed(self) -> list[Row]:
        """Return what no deal is known for, by account and month."""
        return _rows(self.version, _UNATTRIBUTED)

    def records(self, name: str) -> list[Row]:
        """Return the rows of an overview, by the name that `handoff report` knows it by."""
        return _report(self.version, name)

    def stage_flow(self) -> list[Row]:
        """Return how many deals went from a stage to the next that they reached, by pipeline and community."""
        return _rows(self.version, _STAGE_FLOW)

    def open_stages(self) -> list[Row]:
        """Return where each deal is now and for how long, the longest first."""
        return _rows(self.version, _OPEN_STAGES)

    def deals(self) -> list[Row]:
        """Return every deal, those with the most severe findings first."""
        return _rows(self.version, _DEALS)

    def of_deal(self, what: str, deal_id: str) -> list[Row]:
        """Return what is known of one deal: its delivery ``steps``, stage ``visits``, ``billing``, or its row of ``handoff``."""
        return [row for row in _rows(self.version, _OF_DEALS[what]) if row["deal_id"] == deal_id]

    def changes(self) -> list[Row]:
        """Return the proposed changes."""
        return _rows(self.version, _CHANGES)

    def quarantine(self) -> list[Row]:
        """Return the records that were set aside."""
        return _rows(self.version, _QUARANTINE)

    def drift(self) -> list[Row]:
        """Return how the vendors' fields changed, the newest first."""
        return _rows(self.version, _DRIFT)

    def rows(self, sql: str) -> list[Row]:
        """Answer the SQL of somebody else: ``make_plan`` brings its own, and a process can open a snapshot only once."""
        return _opened(self.version).rows(sql)

    def snapshot(self) -> Snapshot:
        """Return the snapshot itself, for papers that are made of it: it is shared, so it is not to be closed."""
        return _opened(self.version)

    def source_tables(self) -> list[Row]:
        """Return how many rows each raw table holds."""
        return _rows(self.version, _TABLES)


def opened_reader(version: str) -> Reader:
    """Return a Reader of a snapshot that is kept. Raises NoSnapshot when it was removed meanwhile."""
    try:
        _opened(version)
    except duckdb.Error as error:
        raise NoSnapshot(f"The snapshot {Path(version).name} could not be read. Run `handoff doctor`.") from error
    return Reader(version)


def current_reader(home: Path) -> Reader:
    """Return a Reader of the published snapshot. Raises NoSnapshot, saying what to run first."""
    for attempt in (1, 2):  # the version may be removed between reading the pointer and opening the file
        version = current_version(home)
        if version is None:
            break
        try:
            _opened(str(version))
            return Reader(str(version))
        except duckdb.Error:
            if attempt == 2:
                break
    open_current(home).close()  # it says in one sentence what is wrong
    raise NoSnapshot(f"The snapshot in {home} could not be read. Run `handoff doctor`.")
