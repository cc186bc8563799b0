with

fields as (
    {{ vendor_fields('airtable', 'deliverables', ['table_id', 'deliverable_name', 'project', 'github_url', 'status']) }}
),

source as (
    select records.id, records._dlt_load_id, {{ json_map('records.fields_json') }} as cells
    from {{ source('raw_airtable', 'records') }} as records
    inner join fields on records.table_id = fields.table_id
),

final as (
    select
        source.id as deliverable_id,
        {{ airtable_record_of('source.cells[fields.project]') }} as project_id,
        {{ airtable_text('source.cells[fields.deliverable_name]') }} as deliverable_name,
        nullif(trim({{ airtable_text('source.cells[fields.github_url]') }}), '') as github_url,
        {{ airtable_text('source.cells[fields.status]') }} as status,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
