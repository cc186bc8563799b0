-- One row per deal that a project board names: how many items, on any board that is read.
with

items as (
    select * from {{ ref('stg_github__project_items') }}
    where issue_id is not null
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

named as (
    select
        items.project_item_id,
        {{ deal_id_of('found.address') }} as stated_id,
        {{ portal_of('found.address') }} as portal_id
    from items
    cross join {{ deal_addresses("coalesce(items.deal_url, '')") }} as found (address)
),

final as (
    select
        coalesce(aliases.deal_id, named.stated_id) as deal_id,
        count(distinct named.project_item_id) as board_item_count
    from named
    left join aliases on named.stated_id = aliases.old_id
    where coalesce(named.portal_id, {{ organisation('hubspot_portal_id') }}) = {{ organisation('hubspot_portal_id') }}
    group by coalesce(aliases.deal_id, named.stated_id)
)

select * from final
