with

source as (
    select * from {{ source('raw_airtable', 'fields') }}
),

final as (
    select
        base_id,
        table_id,
        id as field_id,
        name as field_name,
        type as field_type,
        _dlt_load_id as _load_id
    from source
)

select * from final
