-- One row per move of a deal into a stage that the rules look back on: what it led past, how it was made. Mis-clicks are none.
with

visits as (
    select * from {{ ref('int_stage_visits') }}
    where not is_misclick and not is_left_out
),

stages as (
    select * from {{ ref('int_stage_names') }}
),

sources as (
    select * from {{ ref('rule_move_sources') }}
),

window_start as (
    select {{ stage_gates_from() }} as first_on
),

moves as (
    select
        visits.*,
        {{ organisation_date('visits.entered_at') }} as moved_on
    from visits
    cross join window_start
    where {{ organisation_date('visits.entered_at') }} between window_start.first_on and {{ as_of() }}
),

-- a stage counts as skipped if it existed on that day
skipped as (
    select
        moves.visit_id,
        string_agg(between_them.stage_name, ', ' order by between_them.stage_rank) as skipped_stages
    from moves
    inner join stages as between_them
        on moves.pipeline_id = between_them.pipeline_id
        and between_them.stage_rank > moves.from_stage_rank
        and between_them.stage_rank < moves.stage_rank
    where not between_them.is_skippable
        and not between_them.is_closed
        and coalesce(between_them.valid_from <= moves.moved_on, true)
        and coalesce(between_them.valid_to >= moves.moved_on, true)
    group by moves.visit_id
),

judged as (
    select
        moves.visit_id,
        moves.deal_id,
        moves.deal_name,
        moves.pipeline_id,
        moves.pipeline_name,
        moves.stage_id,
        moves.stage_name,
        moves.stage_rank,
        moves.from_pipeline_id,
        moves.from_pipeline_name,
        moves.from_stage_id,
        moves.from_stage_name,
        moves.from_stage_rank,
        moves.to_stage_rank,
        skipped.skipped_stages,
        moves.moved_on,
        moves.entered_at,
        moves.dwell_seconds,
        moves.moved_by,
        moves.source_type,
        coalesce(sources.source_name, moves.source_type) as source_name,
        moves.from_stage_id is null as is_first,
        moves.from_pipeline_id = moves.pipeline_id as is_in_pipeline,
        coalesce(before.is_won, false) as is_from_won,
        coalesce(before.is_lost, false) as is_from_lost,
        coalesce(before.is_closed, false) as is_from_closed,
        coalesce(stages.is_lost, false) as is_to_lost,
        coalesce(stages.is_closed, false) as is_to_closed,
        coalesce(stages.is_handoff, false) as is_handoff,
        coalesce(stages.is_past_handoff, false) as is_past_handoff,
        coalesce(sources.is_bypassing, false) as is_bypassing,
        moves.is_known_stage,
        moves.is_history_truncated,
        moves.is_open,
        coalesce(stages.is_delivering, true) or coalesce(before.is_delivering, false) as is_delivering
    from moves
    left join stages on moves.stage_id = stages.stage_id
    left join stages as before on moves.from_stage_id = before.stage_id
    left join sources on moves.source_type = sources.source_type
    left join skipped on moves.visit_id = skipped.visit_id
),

final as (
    select * from judged
    where is_delivering
)

select * from final
