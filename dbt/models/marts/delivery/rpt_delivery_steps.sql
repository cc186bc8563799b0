with

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
),

final as (
    select
        steps.engagement_id,
        engagements.engagement_name,
        engagements.engagement_url as record_url,
        engagements.community_name,
        engagements.deal_id,
        engagements.deal_name,
        engagements.delivery_owner,
        steps.step_key,
        steps.step_rank,
        steps.step_name,
        steps.step_status,
        steps.due_on,
        steps.evidence_type,
        steps.evidence_url,
        steps.evidence_on,
        steps.verified_by,
        {{ as_of() }} as as_of_on
    from {{ ref('int_delivery_steps') }} as steps
    inner join engagements on steps.engagement_id = engagements.engagement_id
)

select * from final
