with

stages as (
    select * from {{ ref('int_stage_names') }}
    where is_known_stage
),

visits as (
    select * from {{ ref('fct_stage_visits') }}
    where not is_misclick and not is_left_out
),

per_visit as (
    select
        stage_id,
        count(*) as visit_count,
        count(*) filter (where is_open) as open_count,
        count(*) filter (where not is_open) as closed_count,
        percentile_cont(0.5) within group (order by {{ seconds_in_days('dwell_seconds') }}) as median_days,
        percentile_cont(0.8) within group (order by {{ seconds_in_days('dwell_seconds') }}) as p80_days,
        max(case when is_open then elapsed_days end) as longest_open_days
    from visits
    group by stage_id
),

-- a deal that is still there has no total yet
totals as (
    select
        stage_id,
        deal_id,
        sum(dwell_seconds) as dwell_seconds
    from visits
    group by stage_id, deal_id
    having not bool_or(is_open)
),

per_deal as (
    select
        stage_id,
        count(*) as closed_deal_count,
        percentile_cont(0.5) within group (order by {{ seconds_in_days('dwell_seconds') }}) as median_total_days,
        percentile_cont(0.8) within group (order by {{ seconds_in_days('dwell_seconds') }}) as p80_total_days
    from totals
    group by stage_id
),

final as (
    select
        stages.pipeline_id,
        stages.pipeline_name,
        stages.stage_id,
        stages.stage_name,
        stages.stage_rank,
        cast(coalesce(per_visit.visit_count, 0) as integer) as visit_count,
        cast(coalesce(per_visit.closed_count, 0) as integer) as closed_visit_count,
        cast(coalesce(per_visit.open_count, 0) as integer) as open_visit_count,
        cast(per_visit.median_days as double) as median_days,
        cast(per_visit.p80_days as double) as p80_days,
        cast(coalesce(per_deal.closed_deal_count, 0) as integer) as closed_deal_count,
        cast(per_deal.median_total_days as double) as median_total_days,
        cast(per_deal.p80_total_days as double) as p80_total_days,
        cast(per_visit.longest_open_days as integer) as longest_open_days,
        cast(stages.sla_days as integer) as sla_days,
        stages.sla_reason,
        {{ as_of() }} as as_of_on
    from stages
    left join per_visit on stages.stage_id = per_visit.stage_id
    left join per_deal on stages.stage_id = per_deal.stage_id
)

select * from final
