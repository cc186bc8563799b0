-- One row per entry of a deal into a stage, with the stage's rank and whether delivery was owed from there on.
with

entries as (
    select * from {{ ref('stg_hubspot__stage_entries') }}
),

stages as (
    select * from {{ ref('rule_stages') }}
),

handoff_ranks as (
    select
        pipeline_id,
        min(stage_rank) as handoff_rank
    from stages
    where is_handoff
    group by pipeline_id
),

ranked as (
    select
        entries.deal_id,
        entries.stage_id,
        entries.entered_at,
        entries.source_type,
        entries.user_id,
        stages.pipeline_id,
        stages.stage_rank,
        coalesce(stages.stage_rank >= handoff_ranks.handoff_rank, false) as is_past_handoff
    from entries
    left join stages on entries.stage_id = stages.stage_id
    left join handoff_ranks on stages.pipeline_id = handoff_ranks.pipeline_id
),

-- entries at the same instant are ordered by rank
final as (
    select
        *,
        lag(is_past_handoff) over (partition by deal_id order by entered_at, stage_rank) as was_past_handoff,
        row_number() over (partition by deal_id order by entered_at desc, stage_rank desc) as recency
    from ranked
)

select * from final
