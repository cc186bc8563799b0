with

source as (
    select * from {{ source('raw_prometheus', 'users') }}
),

final as (
    select
        query_key,
        trim(hub) as hub,
        lower(trim(hub)) as hub_key,
        period_kind,
        period_on,
        -- the last day that the number speaks of
        case when period_kind = 'month' then {{ month_end('period_on') }} else period_on end as period_end_on,
        user_count,
        _dlt_load_id as _load_id
    from source
)

select * from final
