with

source as (
    select * from {{ source('raw_github', 'project_items') }}
),

fields as (
    {{ vendor_fields('github', 'project_items', ['deal_url', 'status']) }}
),

cells as (
    select
        source.project_number,
        source.id,
        {{ json_text('cell.content', 'name') }} as cell_name,
        {{ json_text('cell.content', 'value') }} as cell_text,
        {{ json_text('cell.content', 'value.name.raw') }} as choice_name
    from source
    cross join {{ json_elements("coalesce(source.fields_json, '[]')") }} as cell (content)
),

values_of_item as (
    select
        cells.project_number,
        cells.id,
        max(case when cells.cell_name = fields.deal_url then cells.cell_text end) as deal_url,
        max(case when cells.cell_name = fields.status then coalesce(cells.choice_name, cells.cell_text) end) as status
    from cells
    cross join fields
    group by cells.project_number, cells.id
),

final as (
    select
        source.id as project_item_id,
        source.project_number,
        source.content_type,
        source.content_node_id as issue_id,
        source.content_url,
        source.title,
        values_of_item.deal_url,
        values_of_item.status,
        source.archived_at is not null as is_archived,
        source.created_at,
        source._dlt_load_id as _load_id
    from source
    left join values_of_item
        on source.project_number = values_of_item.project_number
        and source.id = values_of_item.id
)

select * from final
