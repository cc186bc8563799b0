-- One row per task of a project that is read with its work. A task of several projects is a row of each.
with

source as (
    select * from {{ source('raw_asana', 'tasks') }}
),

final as (
    select
        id as task_id,
        project_id as engagement_id,
        parent_id as parent_task_id,
        nullif(trim(name), '') as task_name,
        nullif(trim(assignee_name), '') as assignee,
        coalesce(completed, false) as is_completed,
        start_on,
        due_on,
        actual_time_minutes,
        permalink_url as task_url,
        created_at,
        completed_at,
        custom_fields_json as fields_json,
        _dlt_load_id as _load_id
    from source
)

select * from final
