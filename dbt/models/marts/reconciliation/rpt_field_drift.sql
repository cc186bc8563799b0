with

drift as (
    select * from {{ ref('int_field_drift') }}
),

final as (
    select
        drift.component_id,
        drift.deal_id,
        drift.engagement_id,
        deals.deal_name,
        engagements.engagement_name,
        drift.field_key,
        drift.label as field_name,
        drift.deal_value,
        drift.engagement_value,
        drift.is_equal,
        drift.kind,
        drift.is_conflict,
        drift.tolerance,
        drift.truth,
        drift.deal_changed_at,
        drift.engagement_written_at,
        drift.fix,
        deals.deal_url,
        engagements.engagement_url,
        {{ as_of() }} as as_of_on
    from drift
    inner join {{ ref('int_deals') }} as deals on drift.deal_id = deals.deal_id
    inner join {{ ref('int_engagements') }} as engagements on drift.engagement_id = engagements.engagement_id
)

select * from final
