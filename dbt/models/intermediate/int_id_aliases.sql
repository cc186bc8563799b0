-- One row per old deal id: the deal that it means now. What people wrote down comes before what HubSpot says of merges.
with

aliases as (
    select
        old_id,
        canonical_id,
        1 as rank
    from {{ ref('map_id_aliases') }}
    where source = 'hubspot' and object = 'deals'
),

deals as (
    select * from {{ ref('stg_hubspot__deals') }}
),

merged as (
    select
        trim(part.old_id) as old_id,
        deals.deal_id as canonical_id,
        2 as rank
    from deals
    cross join {{ split_rows("coalesce(deals.merged_ids, '')", ';') }} as part (old_id)
    where trim(part.old_id) <> ''
),

united as (
    select * from aliases
    union all
    select * from merged
),

final as (
    select
        old_id,
        min_by(canonical_id, rank) as deal_id
    from united
    where old_id <> canonical_id
    group by old_id
)

select * from final
