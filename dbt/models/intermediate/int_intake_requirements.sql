-- One row per deal and field or role that its stage requires, and since when. A stage that a pipeline does not have counts by its
-- rank in the pipelines that do.
with

deals as (
    select * from {{ ref('int_intake_deals') }}
),

stages as (
    select * from {{ ref('rule_stages') }}
),

-- stage keys with their rank anywhere, for pipelines that lack them
anywhere as (
    select
        stage_key,
        min(stage_rank) as stage_rank
    from stages
    group by stage_key
),

required as (
    select
        field_key,
        required_from,
        'field' as kind
    from {{ ref('rule_intake_fields') }}
    union all
    select
        role_key as field_key,
        required_from,
        'role' as kind
    from {{ ref('rule_contact_roles') }}
    where minimum_count > 0
),

due as (
    select
        deals.deal_id,
        required.kind,
        required.field_key,
        coalesce(own.stage_rank, anywhere.stage_rank) as required_rank
    from deals
    cross join required
    inner join anywhere on required.required_from = anywhere.stage_key
    left join stages as own on deals.pipeline_id = own.pipeline_id and required.required_from = own.stage_key
    where deals.stage_rank >= coalesce(own.stage_rank, anywhere.stage_rank)
),

entries as (
    select * from {{ ref('int_deal_stages') }}
),

final as (
    select
        due.deal_id,
        due.kind,
        due.field_key,
        {{ organisation_date('min(entries.entered_at)') }} as required_since_on
    from due
    left join entries on due.deal_id = entries.deal_id and entries.stage_rank >= due.required_rank
    group by due.deal_id, due.kind, due.field_key
)

select * from final
