with

source as (
    select *, {{ json_map('properties_json') }} as properties
    from {{ source('raw_hubspot', 'orders') }}
),

fields as (
    {{ vendor_fields('hubspot', 'orders', ['order_name', 'created_at']) }}
),

final as (
    select
        source.id as order_id,
        source.properties[fields.order_name] as order_name,
        coalesce({{ hubspot_instant('source.properties[fields.created_at]') }}, source.created_at) as created_at,
        coalesce(source.archived, false) as is_archived,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
