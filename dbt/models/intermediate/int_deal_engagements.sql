-- One row per deal and engagement that serves it: its own, or, where the pipeline continues engagements, its predecessor's.
with

deals as (
    select * from {{ ref('int_deals') }}
),

links as (
    select * from {{ ref('int_engagement_links') }}
    where not is_called_off
),

chains as (
    select * from {{ ref('int_contract_chains') }}
),

own as (
    select
        deal_id,
        engagement_id,
        0 as distance
    from links
),

inherited as (
    select
        deals.deal_id,
        links.engagement_id,
        chains.distance
    from deals
    inner join chains on deals.deal_id = chains.deal_id and chains.distance > 0
    inner join links on chains.ancestor_id = links.deal_id
    where deals.engagement_policy = 'continue'
),

united as (
    select * from own
    union all
    select * from inherited
),

-- the nearest deal of the chain that has an engagement decides
nearest as (
    select
        *,
        min(distance) over (partition by deal_id) as nearest_distance
    from united
),

final as (
    select
        nearest.deal_id,
        nearest.engagement_id,
        nearest.distance,
        engagements.engagement_name,
        engagements.engagement_url,
        engagements.status,
        engagements.is_started,
        engagements.is_active,
        engagements.is_complete,
        engagements.delivery_owner,
        engagements.monthly_cloud_budget_usd,
        engagements.expiry_notice_on,
        engagements.extended_until_on,
        engagements.decommissioned_on,
        engagements.offboarding_url,
        engagements.fields_json,
        row_number() over (
            partition by nearest.deal_id
            order by engagements.is_complete, engagements.created_at, engagements.engagement_id
        ) as position
    from nearest
    inner join {{ ref('int_engagements') }} as engagements on nearest.engagement_id = engagements.engagement_id
    where nearest.distance = nearest.nearest_distance
)

select * from final
