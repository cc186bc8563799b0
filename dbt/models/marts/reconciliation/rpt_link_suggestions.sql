with

suggestions as (
    select * from {{ ref('int_link_suggestions') }}
),

final as (
    select
        suggestions.engagement_id,
        engagements.engagement_name,
        suggestions.deal_id,
        deals.deal_name,
        coalesce(deals.community_name, engagements.community_name) as community_name,
        suggestions.confidence_ratio,
        suggestions.reasons,
        suggestions.is_overlapping,
        suggestions.name_ratio,
        suggestions.engagement_position = 1 and suggestions.deal_position = 1 as is_best,
        engagements.engagement_url,
        deals.deal_url,
        {{ as_of() }} as as_of_on
    from suggestions
    inner join {{ ref('int_deals') }} as deals on suggestions.deal_id = deals.deal_id
    inner join {{ ref('int_engagements') }} as engagements on suggestions.engagement_id = engagements.engagement_id
)

select * from final
