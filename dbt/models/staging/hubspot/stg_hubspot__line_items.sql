with

source as (
    select *, {{ json_map('properties_json') }} as properties
    from {{ source('raw_hubspot', 'line_items') }}
),

fields as (
    {{ vendor_fields('hubspot', 'line_items', ['line_item_name', 'quantity', 'amount', 'product_type']) }}
),

final as (
    select
        source.id as line_item_id,
        nullif(trim(source.properties[fields.line_item_name]), '') as line_item_name,
        source.properties[fields.product_type] as product_type,
        try_cast(source.properties[fields.quantity] as decimal(18, 4)) as quantity,
        try_cast(source.properties[fields.amount] as decimal(18, 2)) as amount,
        coalesce(source.archived, false) as is_archived,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
