with

source as (
    select
        id,
        {{ json_map('histories_json') }} as histories,
        _dlt_load_id
    from {{ source('raw_hubspot', 'property_histories') }}
    where object_type = 'deals'
),

fields as (
    {{ vendor_fields('hubspot', 'deals', ['stage_id']) }}
),

entries as (
    select
        source.id as deal_id,
        entry.content,
        source._dlt_load_id as _load_id
    from source
    cross join fields
    cross join {{ json_elements("coalesce(source.histories[fields.stage_id], '[]')") }} as entry (content)
),

final as (
    select distinct
        deal_id,
        {{ json_text('content', 'value') }} as stage_id,
        {{ json_text('content', 'sourceType') }} as source_type,
        {{ json_text('content', 'sourceId') }} as source_id,
        {{ json_text('content', 'updatedByUserId') }} as user_id,
        {{ hubspot_instant(json_text('content', 'timestamp')) }} as entered_at,
        _load_id
    from entries
)

select * from final
