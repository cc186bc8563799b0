with

source as (
    select * from {{ source('raw_hubspot', 'properties') }}
),

final as (
    select
        object_type,
        name as property_name,
        label as property_label,
        type as property_type,
        coalesce(is_calculated, false) as is_calculated,
        coalesce(is_read_only, false) as is_read_only,
        _dlt_load_id as _load_id
    from source
    where not coalesce(archived, false)
)

select * from final
