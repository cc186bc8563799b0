with

source as (
    select * from {{ source('raw_hubspot', 'readings') }}
),

final as (
    select
        object_type as table_name,
        mode as reading_mode,
        reason as reading_reason,
        full_at as fully_read_at,
        vendor_count as vendor_row_count,
        _dlt_load_id as _load_id
    from source
)

select * from final
