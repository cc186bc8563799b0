-- One row per project of an engagement. In Asana the engagement is the project, and counts as one as soon as a task stands in it.
with

in_asana as (
    select distinct engagement_id from {{ ref('stg_asana__tasks') }}
    where parent_task_id is null
),

final as (
    select
        'airtable' as store,
        project_id,
        engagement_id,
        project_name,
        status,
        project_url
    from {{ ref('stg_airtable__projects') }}
    union all
    select
        'asana' as store,
        engagements.engagement_id as project_id,
        engagements.engagement_id,
        engagements.engagement_name as project_name,
        engagements.status,
        engagements.engagement_url as project_url
    from {{ ref('stg_asana__engagements') }} as engagements
    inner join in_asana on engagements.engagement_id = in_asana.engagement_id
)

select * from final
