with

source as (
    select * from {{ source('raw_hubspot', 'pipelines') }}
    where object_type = 'deals'
),

final as (
    select
        id as pipeline_id,
        label as pipeline_name,
        coalesce(archived, false) as is_archived,
        _dlt_load_id as _load_id
    from source
)

select * from final
