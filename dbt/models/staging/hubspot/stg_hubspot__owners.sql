with

source as (
    select * from {{ source('raw_hubspot', 'owners') }}
),

final as (
    select
        id as owner_id,
        user_id,
        nullif(trim(concat_ws(' ', first_name, last_name)), '') as owner_name,
        not coalesce(archived, false) as is_active,
        _dlt_load_id as _load_id
    from source
)

select * from final
