-- One row: may what the stores of engagements say be believed as of this run? As good as the worst of those
-- that are the truth for some pipeline.
with

stores as (
    select distinct store from {{ ref('int_engagement_stores') }}
),

gates as (
    select * from {{ ref('int_source_gates') }}
),

final as (
    select
        string_agg(stores.store, ';' order by stores.store) as stores,
        min(gates.last_complete_at) as last_complete_at,
        case
            when bool_or(gates.gate = 'never') then 'never'
            when bool_or(gates.gate = 'stale') then 'stale'
            else 'complete'
        end as gate
    from stores
    inner join gates on stores.store = gates.source
)

select * from final
