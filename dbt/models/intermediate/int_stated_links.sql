-- One row per address that a deal or an engagement gives of the other side, with where it leads. Also what leads nowhere.
with

stores as (
    select * from {{ ref('int_engagements') }}
),

engagements as (
    select * from stores
    where not is_called_off
),

deals as (
    select * from {{ ref('int_deals') }}
    where not is_rehearsal
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

addresses_of_engagements as (
    select
        engagements.engagement_id,
        {{ deal_id_of('named.address') }} as stated_id,
        {{ portal_of('named.address') }} as portal_id,
        trim(engagements.stated_deal_url) as stated_address
    from engagements
    cross join {{ deal_addresses("coalesce(engagements.stated_deal_url, '')") }} as named (address)
),

-- something is written there, and no address of a deal is in it
words_of_engagements as (
    select
        engagements.engagement_id,
        cast(null as varchar) as stated_id,
        cast(null as varchar) as portal_id,
        trim(engagements.stated_deal_url) as stated_address
    from engagements
    left join addresses_of_engagements as addresses on engagements.engagement_id = addresses.engagement_id
    where addresses.engagement_id is null and {{ is_filled("coalesce(engagements.stated_deal_url, '')") }}
),

said_by_engagements as (
    select * from addresses_of_engagements
    union
    select * from words_of_engagements
),

from_engagements as (
    select
        'engagement' as stated_by,
        coalesce(canonical.deal_id, direct.deal_id) as deal_id,
        said.engagement_id,
        said.stated_id,
        said.stated_address,
        case
            when said.portal_id <> {{ organisation('hubspot_portal_id') }} then 'wrong_portal'
            when canonical.deal_id is not null then 'alias'
            when direct.deal_id is not null then 'ok'
            else 'broken'
        end as link_state
    from said_by_engagements as said
    left join aliases on said.stated_id = aliases.old_id
    left join deals as canonical on aliases.deal_id = canonical.deal_id
    left join deals as direct on said.stated_id = direct.deal_id
),

said_by_deals as (
    select
        deal_id,
        {{ engagement_of('engagement_url') }} as stated_id,
        trim(engagement_url) as stated_address
    from deals
    where {{ is_filled("coalesce(engagement_url, '')") }}
),

-- an engagement that was called off is there, and stands for nothing: whoever names it names nothing
from_deals as (
    select
        'deal' as stated_by,
        said.deal_id,
        stores.engagement_id,
        said.stated_id,
        said.stated_address,
        case when stores.engagement_id is null then 'broken' else 'ok' end as link_state
    from said_by_deals as said
    left join stores on said.stated_id = stores.engagement_id
    where not coalesce(stores.is_called_off, false)
),

final as (
    select * from from_engagements
    union all
    select * from from_deals
)

select * from final
