with

links as (
    select * from {{ ref('int_deal_engagements') }}
),

projects as (
    select * from {{ ref('int_engagement_projects') }}
),

deliverables as (
    select * from {{ ref('int_deliverables') }}
),

final as (
    select
        links.deal_id,
        links.engagement_id,
        projects.project_id,
        coalesce(projects.project_name, projects.project_id) as project_name,
        projects.status as project_status,
        deliverables.deliverable_id,
        coalesce(deliverables.deliverable_name, deliverables.deliverable_id) as deliverable_name,
        deliverables.status as deliverable_status,
        deliverables.github_url,
        {{ as_of() }} as as_of_on
    from links
    inner join projects on links.engagement_id = projects.engagement_id
    left join deliverables on projects.project_id = deliverables.project_id
)

select * from final
