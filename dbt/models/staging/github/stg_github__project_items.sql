with

source as (
    select * from {{ source('raw_github', 'project_items') }}
),

fields as (
    {{ vendor_fields('github', 'project_items', ['deal_url', 'status']) }}
),

-- map_fields.csv names fields of projects, because each project has ids of its own
cells as (
    select
        item_values.project_number,
        item_values.item_id,
        project_fields.name as field_name,
        item_values.value_text
    from {{ source('raw_github', 'item_values') }} as item_values
    inner join {{ source('raw_github', 'project_fields') }} as project_fields
        on item_values.project_number = project_fields.project_number
        and item_values.field_id = project_fields.id
),

values_of_item as (
    select
        cells.project_number,
        cells.item_id,
        max(case when cells.field_name = fields.deal_url then cells.value_text end) as deal_url,
        max(case when cells.field_name = fields.status then cells.value_text end) as status
    from cells
    cross join fields
    group by cells.project_number, cells.item_id
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
        coalesce(source.is_redacted, false) as is_redacted,
        source.created_at,
        source._dlt_load_id as _load_id
    from source
    left join values_of_item
        on source.project_number = values_of_item.project_number
        and source.id = values_of_item.item_id
)

select * from final
