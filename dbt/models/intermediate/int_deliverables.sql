-- One row per deliverable of a project of an engagement. In Asana each task of the project is one, but what is part of another.
with

projects as (
    select * from {{ ref('int_engagement_projects') }}
),

tasks as (
    select * from {{ ref('stg_asana__tasks') }}
    where parent_task_id is null
),

stored as (
    select
        'airtable' as store,
        deliverable_id,
        project_id,
        deliverable_name,
        github_url,
        status,
        due_on,
        estimate_hours,
        spent_hours,
        line_item_url,
        created_at,
        deliverable_url
    from {{ ref('stg_airtable__deliverables') }}
    union all
    select
        'asana' as store,
        task_id as deliverable_id,
        engagement_id as project_id,
        task_name as deliverable_name,
        github_url,
        status,
        due_on,
        estimate_hours,
        spent_hours,
        line_item_url,
        created_at,
        task_url as deliverable_url
    from tasks
),

final as (
    select
        stored.store,
        stored.deliverable_id,
        stored.project_id,
        projects.engagement_id,
        stored.deliverable_name,
        stored.github_url,
        stored.status,
        stored.due_on,
        stored.estimate_hours,
        stored.spent_hours,
        stored.line_item_url,
        stored.created_at,
        stored.deliverable_url
    from stored
    left join projects on stored.store = projects.store and stored.project_id = projects.project_id
)

select * from final
