/*
One row per deal or engagement that takes part in delivery: the connected component of the link graph that it belongs to.

Two steps over an engagement lead from a deal to its neighbours. Only deals that have no neighbour with a smaller id begin a walk,
so that a thousand deals at one engagement are one walk and not a thousand. The component is called after the smallest deal that
began one.
*/
with recursive

links as (
    select distinct
        deal_id,
        engagement_id
    from {{ ref('int_stated_links') }}
    where deal_id is not null and engagement_id is not null
),

smallest_of_engagements as (
    select
        engagement_id,
        min(deal_id) as deal_id
    from links
    group by engagement_id
),

beginnings as (
    select links.deal_id
    from links
    inner join smallest_of_engagements as smallest on links.engagement_id = smallest.engagement_id
    group by links.deal_id
    having min(smallest.deal_id) = links.deal_id
),

steps as (
    select
        'deal' as from_type,
        deal_id as from_id,
        'engagement' as to_type,
        engagement_id as to_id
    from links
    union all
    select
        'engagement' as from_type,
        engagement_id as from_id,
        'deal' as to_type,
        deal_id as to_id
    from links
),

-- union, not union all: what was reached already is not walked again
walked (beginning_id, node_type, node_id) as (
    select
        deal_id as beginning_id,
        'deal' as node_type,
        deal_id as node_id
    from beginnings
    union
    select
        walked.beginning_id,
        steps.to_type as node_type,
        steps.to_id as node_id
    from walked
    inner join steps on walked.node_type = steps.from_type and walked.node_id = steps.from_id
),

linked as (
    select
        'deal-' || min(beginning_id) as component_id,
        node_type,
        node_id
    from walked
    group by node_type, node_id
),

lone_deals as (
    select
        'deal-' || deals.deal_id as component_id,
        'deal' as node_type,
        deals.deal_id as node_id
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_deal_scopes') }} as scopes on deals.deal_id = scopes.deal_id and scopes.scope = 'handoff'
    left join linked on linked.node_type = 'deal' and deals.deal_id = linked.node_id
    left join {{ ref('int_deal_engagements') }} as served on deals.deal_id = served.deal_id and served.position = 1
    where linked.node_id is null and served.deal_id is null and deals.engagement_policy <> 'none'
),

lone_engagements as (
    select
        'engagement-' || engagements.engagement_id as component_id,
        'engagement' as node_type,
        engagements.engagement_id as node_id
    from {{ ref('int_engagements') }} as engagements
    left join linked on linked.node_type = 'engagement' and engagements.engagement_id = linked.node_id
    where linked.node_id is null and not engagements.is_called_off
),

final as (
    select * from linked
    union all
    select * from lone_deals
    union all
    select * from lone_engagements
)

select * from final
