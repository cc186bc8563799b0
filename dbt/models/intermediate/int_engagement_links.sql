-- One row per deal and engagement that name each other, in either direction. An address in another portal names nothing here.
with

engagements as (
    select * from {{ ref('int_engagements') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

stated_by_engagements as (
    select
        engagements.engagement_id,
        {{ deal_id_of('named.address') }} as stated_id,
        {{ portal_of('named.address') }} as portal_id
    from engagements
    cross join {{ deal_addresses("coalesce(engagements.stated_deal_url, '')") }} as named (address)
),

engagement_side as (
    select distinct
        coalesce(aliases.deal_id, stated.stated_id) as deal_id,
        stated.engagement_id
    from stated_by_engagements as stated
    left join aliases on stated.stated_id = aliases.old_id
    where coalesce(stated.portal_id, {{ organisation('hubspot_portal_id') }}) = {{ organisation('hubspot_portal_id') }}
),

deal_side as (
    select
        deal_id,
        {{ engagement_of('engagement_url') }} as engagement_id
    from deals
),

pairs as (
    select
        deal_id,
        engagement_id
    from engagement_side
    union
    select
        deal_id,
        engagement_id
    from deal_side
    where engagement_id is not null
),

final as (
    select
        pairs.deal_id,
        pairs.engagement_id,
        deal_side.engagement_id is not null as is_named_by_deal,
        engagement_side.deal_id is not null as is_named_by_engagement,
        engagements.is_called_off
    from pairs
    inner join deals on pairs.deal_id = deals.deal_id
    inner join engagements on pairs.engagement_id = engagements.engagement_id
    left join deal_side on pairs.deal_id = deal_side.deal_id and pairs.engagement_id = deal_side.engagement_id
    left join engagement_side
        on pairs.deal_id = engagement_side.deal_id and pairs.engagement_id = engagement_side.engagement_id
)

select * from final
