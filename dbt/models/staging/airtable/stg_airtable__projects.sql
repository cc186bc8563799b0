with

fields as (
    {{ vendor_fields('airtable', 'projects', ['table_id', 'project_name', 'engagement', 'status', 'deal_url']) }}
),

source as (
    select records.id, records.base_id, records.table_id, records._dlt_load_id, {{ json_map('records.fields_json') }} as cells
    from {{ source('raw_airtable', 'records') }} as records
    inner join fields on records.table_id = fields.table_id
),

final as (
    select
        source.id as project_id,
        {{ airtable_record_of('source.cells[fields.engagement]') }} as engagement_id,
        {{ airtable_text('source.cells[fields.project_name]') }} as project_name,
        {{ airtable_text('source.cells[fields.status]') }} as status,
        {{ airtable_text('source.cells[fields.deal_url]') }} as deal_url,
        {{ airtable_url('source.base_id', 'source.table_id', 'source.id') }} as project_url,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
