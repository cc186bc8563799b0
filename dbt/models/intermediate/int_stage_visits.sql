-- One row per visit of a deal in a stage, and one per mis-click: named, measured, with who moved the deal and how.
with

visits as (
    select * from {{ ref('int_stage_sequences') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

stages as (
    select * from {{ ref('int_stage_names') }}
),

people as (
    select
        user_id,
        min(owner_name) as owner_name
    from {{ ref('stg_hubspot__owners') }}
    where user_id is not null
    group by user_id
),

final as (
    select
        visits.deal_id || ':' || visits.stage_id || '-' || {{ instant_key('visits.entered_at') }} as visit_id,
        visits.deal_id,
        visits.visit_number,
        deals.deal_name,
        deals.community_name,
        deals.deal_url as record_url,
        visits.pipeline_id,
        coalesce(stages.pipeline_name, visits.pipeline_id) as pipeline_name,
        visits.stage_id,
        coalesce(stages.stage_name, visits.stage_id) as stage_name,
        visits.stage_rank,
        before.pipeline_id as from_pipeline_id,
        before.pipeline_name as from_pipeline_name,
        visits.from_stage_id,
        coalesce(before.stage_name, visits.from_stage_id) as from_stage_name,
        before.stage_rank as from_stage_rank,
        visits.to_stage_id,
        coalesce(after.stage_name, visits.to_stage_id) as to_stage_name,
        after.stage_rank as to_stage_rank,
        visits.entered_at,
        visits.left_at,
        cast({{ seconds_between('visits.entered_at', 'visits.left_at') }} as bigint) as dwell_seconds,
        cast(greatest({{ days_between(
            organisation_date('visits.entered_at'),
            "coalesce(" ~ organisation_date('visits.left_at') ~ ", " ~ as_of() ~ ")"
        ) }}, 0) as integer) as elapsed_days,
        visits.user_id,
        coalesce(people.owner_name, visits.user_id) as moved_by,
        visits.source_type,
        visits.source_id,
        visits.left_at is null as is_open,
        visits.is_misclick,
        visits.is_known_stage,
        visits.is_history_truncated,
        deals.is_archived or deals.is_rehearsal as is_left_out,
        {{ as_of() }} as as_of_on
    from visits
    inner join deals on visits.deal_id = deals.deal_id
    left join stages on visits.stage_id = stages.stage_id
    left join stages as before on visits.from_stage_id = before.stage_id
    left join stages as after on visits.to_stage_id = after.stage_id
    left join people on visits.user_id = people.user_id
)

select * from final
