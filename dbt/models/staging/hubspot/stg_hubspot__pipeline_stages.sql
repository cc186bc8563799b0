with

source as (
    select * from {{ source('raw_hubspot', 'pipeline_stages') }}
    where object_type = 'deals'
),

final as (
    select
        pipeline_id,
        id as stage_id,
        label as stage_name,
        display_order,
        probability as win_ratio,
        coalesce(archived, false) as is_archived,
        _dlt_load_id as _load_id
    from source
)

select * from final
