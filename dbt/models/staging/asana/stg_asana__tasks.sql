-- One row per task of a project that is read with its work. A task of several projects is a row of each.
with

fields as (
    {{ vendor_fields('asana', 'deliverables', ['github_url', 'status', 'estimate_hours', 'line_item_url']) }}
),

source as (
    select
        *,
        {{ json_map('custom_fields_json') }} as cells
    from {{ source('raw_asana', 'tasks') }}
),

final as (
    select
        source.id as task_id,
        source.project_id as engagement_id,
        source.parent_id as parent_task_id,
        nullif(trim(source.name), '') as task_name,
        nullif(trim(source.assignee_name), '') as assignee,
        coalesce(source.completed, false) as is_completed,
        -- a task without a status of its own has Asana's, which is a tick
        coalesce(source.cells[fields.status], case when source.completed then 'completed' else 'incomplete' end) as status,
        nullif(trim(source.cells[fields.github_url]), '') as github_url,
        nullif(trim(source.cells[fields.line_item_url]), '') as line_item_url,
        try_cast(source.cells[fields.estimate_hours] as decimal(18, 2)) as estimate_hours,
        {{ hours_of_minutes('source.actual_time_minutes') }} as spent_hours,
        source.start_on,
        source.due_on,
        source.permalink_url as task_url,
        source.created_at,
        source.completed_at,
        source.custom_fields_json as fields_json,
        source._dlt_load_id as _load_id
    from source
    cross join fields
)

select * from final
