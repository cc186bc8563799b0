-- One row per engagement: how far it was broken down into projects, deliverables and GitHub items.
with

engagements as (
    select * from {{ ref('int_engagements') }}
),

projects as (
    select * from {{ ref('int_engagement_projects') }}
),

deliverables as (
    select * from {{ ref('int_deliverables') }}
),

issues as (
    select * from {{ ref('stg_github__issues') }}
),

repositories as (
    select distinct repository from issues
),

items as (
    select * from {{ ref('stg_github__project_items') }}
),

known_urls as (
    select issue_url as url from issues
    union
    select content_url as url from items
    where content_url is not null
),

-- an address in a repository that is not read cannot be judged, so it is believed
linked as (
    select
        deliverables.deliverable_id,
        deliverables.project_id,
        deliverables.github_url is not null
        and (
            known_urls.url is not null
            or repositories.repository is null
        ) as has_github_item
    from deliverables
    left join known_urls on deliverables.github_url = known_urls.url
    left join repositories
        on regexp_extract(deliverables.github_url, 'github\.com/([^/]+/[^/]+)', 1) = repositories.repository
),

final as (
    select
        engagements.engagement_id,
        count(distinct projects.project_id) as project_count,
        count(distinct linked.deliverable_id) as deliverable_count,
        count(distinct case when linked.has_github_item then linked.deliverable_id end) as github_item_count
    from engagements
    left join projects on engagements.engagement_id = projects.engagement_id
    left join linked on projects.project_id = linked.project_id
    group by engagements.engagement_id
)

select * from final
