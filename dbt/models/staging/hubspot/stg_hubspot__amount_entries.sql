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
    {{ vendor_fields('hubspot', 'deals', ['amount']) }}
),

entries as (
    select
        source.id as deal_id,
        entry.content,
        source._dlt_load_id as _load_id
    from source
    cross join fields
    cross join {{ json_elements("coalesce(source.histories[fields.amount], '[]')") }} as entry (content)
),

final as (
    select distinct
        deal_id,
        try_cast({{ json_text('content', 'value') }} as decimal(18, 2)) as amount,
        {{ hubspot_instant(json_text('content', 'timestamp')) }} as set_at,
        {{ json_text('content', 'sourceType') }} as source_type,
        {{ json_text('content', 'updatedByUserId') }} as user_id,
        _load_id
    from entries
)

select * from final
