-- One row per custom field of the workspace.
with

source as (
    select * from {{ source('raw_asana', 'custom_fields') }}
),

final as (
    select
        id as field_id,
        name as field_name,
        type as field_type,
        _dlt_load_id as _load_id
    from source
)

select * from final
