-- One row per visit of a deal in a stage. A mis-click (away and back within the threshold) does not end the visit that it
-- interrupts: it is kept as a row of its own and flagged.
with

entries as (
    select * from {{ ref('stg_hubspot__stage_entries') }}
    where entered_at is not null and not {{ is_empty('stage_id') }}
),

stages as (
    select * from {{ ref('rule_stages') }}
),

portal_stages as (
    select
        stage_id,
        min(pipeline_id) as pipeline_id
    from {{ ref('stg_hubspot__pipeline_stages') }}
    group by stage_id
),

limits as (
    select
        {{ threshold('stage_misclick_minutes') }} as misclick_minutes,
        {{ threshold('stage_history_kept_entries') }} as kept_entries
),

-- entries at the same instant are ordered by rank
numbered as (
    select
        entries.*,
        stages.stage_rank,
        stages.stage_id is not null as is_known_stage,
        coalesce(stages.pipeline_id, portal_stages.pipeline_id) as pipeline_id,
        row_number() over (
            partition by entries.deal_id
            order by entries.entered_at, stages.stage_rank nulls first, entries.stage_id, entries.source_id
        ) as entry_number,
        count(*) over (partition by entries.deal_id) as entry_count
    from entries
    left join stages on entries.stage_id = stages.stage_id
    left join portal_stages on entries.stage_id = portal_stages.stage_id
),

compared as (
    select
        *,
        coalesce(lag(stage_id) over (partition by deal_id order by entry_number) <> stage_id, true) as is_change
    from numbered
),

changes as (
    select
        compared.*,
        limits.misclick_minutes,
        compared.entry_count >= limits.kept_entries as is_history_truncated,
        lag(compared.stage_id) over by_entry as stage_before,
        lead(compared.stage_id) over by_entry as stage_after,
        lead(compared.entered_at) over by_entry as next_entered_at
    from compared
    cross join limits
    where compared.is_change
    window by_entry as (partition by compared.deal_id order by compared.entry_number)
),

bounces as (
    select
        *,
        coalesce(
            stage_before = stage_after
            and {{ seconds_between('entered_at', 'next_entered_at') }} <= {{ minutes_in_seconds('misclick_minutes') }},
            false
        ) as is_bounce
    from changes
),

-- in A, B, A, B, A the stage that was left is A every time: of bounces in a row every other one is the mis-click
runs as (
    select
        *,
        row_number() over (partition by deal_id order by entry_number)
        - row_number() over (partition by deal_id, is_bounce order by entry_number) as run_number
    from bounces
),

flagged as (
    select
        *,
        is_bounce
        and mod(row_number() over (partition by deal_id, is_bounce, run_number order by entry_number), 2) = 1 as is_misclick
    from runs
),

remembered as (
    select
        *,
        last_value(case when not is_misclick then stage_id end ignore nulls) over (
            partition by deal_id
            order by entry_number
            rows between unbounded preceding and 1 preceding
        ) as last_stage_id
    from flagged
),

visits as (
    select
        *,
        not is_misclick and coalesce(last_stage_id <> stage_id, true) as is_visit
    from remembered
),

counted as (
    select
        *,
        cast(count(*) filter (where is_visit) over (partition by deal_id order by entry_number) as integer) as visit_number
    from visits
),

neighbours as (
    select
        *,
        lag(stage_id) over (partition by deal_id, is_visit order by entry_number) as visit_before,
        lead(stage_id) over (partition by deal_id, is_visit order by entry_number) as visit_after,
        lead(entered_at) over (partition by deal_id, is_visit order by entry_number) as visit_left_at
    from counted
    where is_visit or is_misclick
),

final as (
    select
        deal_id,
        visit_number,
        pipeline_id,
        stage_id,
        stage_rank,
        case when is_misclick then stage_before else visit_before end as from_stage_id,
        case when is_misclick then stage_after else visit_after end as to_stage_id,
        entered_at,
        case when is_misclick then next_entered_at else visit_left_at end as left_at,
        user_id,
        source_type,
        source_id,
        is_misclick,
        is_known_stage,
        is_history_truncated
    from neighbours
)

select * from final
