with

links as (
    select * from {{ ref('int_deal_engagements') }}
),

engagements as (
    select * from {{ ref('int_engagements') }}
),

final as (
    select
        links.deal_id,
        engagements.engagement_id,
        engagements.engagement_name,
        engagements.engagement_url as record_url,
        engagements.community_name,
        engagements.status,
        engagements.rag,
        engagements.is_active,
        engagements.start_on,
        engagements.end_on,
        engagements.delivery_owner,
        engagements.monthly_cloud_budget_usd as monthly_budget_usd,
        engagements.expiry_notice_on,
        cast(links.position as integer) as position,
        {{ as_of() }} as as_of_on
    from links
    inner join engagements on links.engagement_id = engagements.engagement_id
)

select * from final
