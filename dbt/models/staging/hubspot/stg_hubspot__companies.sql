with

source as (
    select *, {{ json_map('properties_json') }} as properties
    from {{ source('raw_hubspot', 'companies') }}
),

fields as (
    {{ vendor_fields('hubspot', 'companies', ['company_name']) }}
),

final as (
    select
        source.id as company_id,
        nullif(trim(source.properties[fields.company_name]), '') as company_name,
        source.object_type_id,
        source.properties_json,
        coalesce(source.archived, false) as is_archived,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
