with

source as (
    select *, {{ json_map('properties_json') }} as properties
    from {{ source('raw_hubspot', 'contacts') }}
),

fields as (
    {{ vendor_fields('hubspot', 'contacts', ['first_name', 'last_name']) }}
),

final as (
    select
        source.id as contact_id,
        nullif(trim(concat_ws(' ', source.properties[fields.first_name], source.properties[fields.last_name])), '') as full_name,
        coalesce(source.archived, false) as is_archived,
        source.object_type_id,
        source.properties_json,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
