-- One row per stage that the rule tables or the portal know: its names, its rank and what the rules say of it.
with

stages as (
    select * from {{ ref('rule_stages') }}
),

portal_stages as (
    select
        stage_id,
        min(pipeline_id) as pipeline_id,
        min(stage_name) as stage_name
    from {{ ref('stg_hubspot__pipeline_stages') }}
    group by stage_id
),

pipelines as (
    select * from {{ ref('rule_pipelines') }}
),

portal_pipelines as (
    select * from {{ ref('stg_hubspot__pipelines') }}
),

handoff_ranks as (
    select
        pipeline_id,
        min(stage_rank) as handoff_rank
    from stages
    where is_handoff
    group by pipeline_id
),

known as (
    select
        coalesce(stages.stage_id, portal_stages.stage_id) as stage_id,
        coalesce(stages.pipeline_id, portal_stages.pipeline_id) as pipeline_id,
        coalesce(portal_stages.stage_name, stages.stage_key) as stage_name,
        stages.stage_id is not null as is_known_stage,
        stages.stage_rank,
        stages.is_handoff,
        stages.is_closed_won,
        stages.is_closed_lost,
        stages.is_skippable,
        stages.sla_days,
        stages.sla_reason,
        stages.valid_from,
        stages.valid_to
    from stages
    full outer join portal_stages on stages.stage_id = portal_stages.stage_id
),

final as (
    select
        known.stage_id,
        known.pipeline_id,
        coalesce(portal_pipelines.pipeline_name, pipelines.pipeline_name, known.pipeline_id) as pipeline_name,
        coalesce(known.stage_name, known.stage_id) as stage_name,
        known.is_known_stage,
        known.stage_rank,
        coalesce(known.is_closed_won, false) as is_won,
        coalesce(known.is_closed_lost, false) as is_lost,
        coalesce(known.is_closed_won or known.is_closed_lost, false) as is_closed,
        coalesce(known.is_handoff, false) as is_handoff,
        coalesce(known.stage_rank >= handoff_ranks.handoff_rank, false) as is_past_handoff,
        coalesce(known.is_skippable, false) as is_skippable,
        coalesce(pipelines.is_delivering, true) as is_delivering,
        known.sla_days,
        known.sla_reason,
        known.valid_from,
        known.valid_to
    from known
    left join pipelines on known.pipeline_id = pipelines.pipeline_id
    left join portal_pipelines on known.pipeline_id = portal_pipelines.pipeline_id
    left join handoff_ranks on known.pipeline_id = handoff_ranks.pipeline_id
)

select * from final
