-- One row per deal and engagement that name each other, in either direction or both: who does, and whether people allowed it.
with

stated as (
    select * from {{ ref('int_stated_links') }}
    where deal_id is not null and engagement_id is not null
),

components as (
    select
        component_id,
        node_id as engagement_id
    from {{ ref('int_link_components') }}
    where node_type = 'engagement'
),

pairs as (
    select
        deal_id,
        engagement_id,
        coalesce(bool_or(stated_by = 'deal'), false) as is_named_by_deal,
        coalesce(bool_or(stated_by = 'engagement' and link_state in ('ok', 'alias')), false) as is_named_by_engagement,
        coalesce(bool_or(link_state = 'wrong_portal'), false) as is_in_another_portal,
        max(case when link_state = 'alias' then stated_id end) as old_id,
        max(case when stated_by = 'engagement' then stated_address end) as stated_deal_url
    from stated
    group by deal_id, engagement_id
),

overrides as (
    select * from {{ ref('map_relation_overrides') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

chains as (
    select * from {{ ref('int_contract_chains') }}
    where distance > 0
),

-- a renewal that continues the engagement of the agreement before it is the next period of the same relation, not a second deal
continuing as (
    select distinct
        later.deal_id,
        later.engagement_id
    from pairs as later
    inner join deals on later.deal_id = deals.deal_id and deals.engagement_policy = 'continue'
    inner join chains on later.deal_id = chains.deal_id
    inner join pairs as earlier on chains.ancestor_id = earlier.deal_id and later.engagement_id = earlier.engagement_id
),

engagements as (
    select
        *,
        {{ compared_text('engagement_name') }} as compared_name
    from {{ ref('int_engagements') }}
),

-- engagements of one deal with the same name: an automation ran twice; the oldest is kept
copies as (
    select
        pairs.deal_id,
        pairs.engagement_id,
        first_value(pairs.engagement_id) over same_name as kept_engagement_id
    from pairs
    inner join engagements on pairs.engagement_id = engagements.engagement_id
    left join overrides on pairs.deal_id = overrides.deal_id and pairs.engagement_id = overrides.engagement_id
    where pairs.is_named_by_engagement and overrides.deal_id is null
    window
        same_name as (
            partition by pairs.deal_id, engagements.compared_name
            order by engagements.created_at, pairs.engagement_id
        )
),

final as (
    select
        components.component_id,
        pairs.deal_id,
        pairs.engagement_id,
        pairs.is_named_by_deal,
        pairs.is_named_by_engagement,
        pairs.is_in_another_portal,
        pairs.old_id,
        pairs.stated_deal_url,
        continuing.deal_id is not null as is_continuing,
        overrides.deal_id is not null as is_allowed,
        overrides.reason as allowed_reason,
        nullif(copies.kept_engagement_id, pairs.engagement_id) as kept_engagement_id,
        overrides.deal_id is not null or copies.kept_engagement_id <> pairs.engagement_id as is_tolerated
    from pairs
    inner join components on pairs.engagement_id = components.engagement_id
    left join continuing on pairs.deal_id = continuing.deal_id and pairs.engagement_id = continuing.engagement_id
    left join overrides on pairs.deal_id = overrides.deal_id and pairs.engagement_id = overrides.engagement_id
    left join copies on pairs.deal_id = copies.deal_id and pairs.engagement_id = copies.engagement_id
)

select * from final
