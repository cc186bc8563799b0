with

source as (
    select * from {{ source('raw_github', 'project_fields') }}
),

final as (
    select
        project_number,
        id as field_id,
        name as field_name,
        data_type,
        _dlt_load_id as _load_id
    from source
)

select * from final
