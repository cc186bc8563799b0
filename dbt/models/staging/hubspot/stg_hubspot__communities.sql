with

source as (
    select *, {{ json_map('properties_json') }} as properties
    from {{ source('raw_hubspot', 'communities') }}
),

fields as (
    {{ vendor_fields('hubspot', 'communities', ['community_id', 'short_name', 'long_name']) }}
),

final as (
    select
        source.id as community_record_id,
        source.properties[fields.community_id] as community_id,
        nullif(trim(source.properties[fields.short_name]), '') as community_name,
        source.properties[fields.long_name] as long_name,
        coalesce(source.archived, false) as is_archived,
        source.object_type_id,
        source.properties_json,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
