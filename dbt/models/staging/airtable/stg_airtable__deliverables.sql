with

fields as (
    {{ vendor_fields('airtable', 'deliverables', [
        'table_id', 'deliverable_name', 'project', 'github_url', 'status', 'due_on', 'estimate_hours', 'spent_hours',
        'line_item_url',
    ]) }}
),

source as (
    select
        records.id,
        records.base_id,
        records.table_id,
        records.created_at,
        records._dlt_load_id,
        {{ json_map('records.fields_json') }} as cells
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
        try_cast({{ airtable_text('source.cells[fields.due_on]') }} as date) as due_on,
        try_cast({{ airtable_text('source.cells[fields.estimate_hours]') }} as decimal(18, 2)) as estimate_hours,
        try_cast({{ airtable_text('source.cells[fields.spent_hours]') }} as decimal(18, 2)) as spent_hours,
        nullif(trim({{ airtable_text('source.cells[fields.line_item_url]') }}), '') as line_item_url,
        source.created_at,
        {{ airtable_url('source.base_id', 'source.table_id', 'source.id') }} as deliverable_url,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
