-- One row per hub whose users are known: the engagement that it belongs to, by map_hubs_to_deals.csv, else by the id or name of
-- the engagement, else by the community id where that community has one engagement; null where nothing leads to one.
with

hubs as (
    select
        hub_key,
        min(hub) as hub
    from {{ ref('int_usage') }}
    group by hub_key
),

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
    where is_hub
),

communities as (
    select
        lower(trim(communities.community_id)) as hub_key,
        min(engagements.engagement_id) as engagement_id
    from engagements
    inner join {{ ref('int_deals') }} as deals on engagements.deal_id = deals.deal_id
    inner join {{ ref('stg_hubspot__communities') }} as communities
        on deals.community_record_id = communities.community_record_id
    group by lower(trim(communities.community_id))
    having count(*) = 1
),

candidates as (
    select
        lower(trim(mapped.hub)) as hub_key,
        served.engagement_id,
        1 as candidate_rank
    from {{ ref('map_hubs_to_deals') }} as mapped
    inner join {{ ref('int_deal_engagements') }} as served on mapped.deal_id = served.deal_id and served.position = 1
    union all
    select
        lower(engagement_id) as hub_key,
        engagement_id,
        2 as candidate_rank
    from engagements
    union all
    select
        lower(trim(engagement_name)) as hub_key,
        min(engagement_id) as engagement_id,
        3 as candidate_rank
    from engagements
    group by lower(trim(engagement_name))
    having count(*) = 1
    union all
    select
        hub_key,
        engagement_id,
        4 as candidate_rank
    from communities
),

final as (
    select
        hubs.hub_key,
        hubs.hub,
        min_by(candidates.engagement_id, candidates.candidate_rank) as engagement_id
    from hubs
    left join candidates on hubs.hub_key = candidates.hub_key
    group by hubs.hub_key, hubs.hub
)

select * from final
