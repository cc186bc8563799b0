with

source as (
    select * from {{ source('raw_hubspot', 'associations') }}
),

final as (
    select
        from_object,
        from_id,
        to_object,
        to_id,
        category,
        type_id,
        nullif(trim(label), '') as label,
        _dlt_load_id as _load_id
    from source
)

select * from final
