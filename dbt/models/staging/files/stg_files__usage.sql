with

source as (
    select * from {{ source('raw_files', 'usage') }}
),

final as (
    select
        file_name,
        line_number,
        trim(hub) as hub,
        lower(trim(hub)) as hub_key,
        period_kind,
        period_on,
        -- the last day that the row speaks of
        case when period_kind = 'month' then {{ month_end('period_on') }} else period_on end as period_end_on,
        user_count,
        user_key,
        coalesce(is_staff, false) as is_staff,
        _dlt_load_id as _load_id
    from source
)

select * from final
