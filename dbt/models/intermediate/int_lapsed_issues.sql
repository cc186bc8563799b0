-- One row per deal: the open issue of its delivery that was touched last. What is closed is no sign that anybody works on it.
with

issues as (
    select * from {{ ref('stg_github__issues') }}
    where closed_at is null
),

deliverable_issues as (
    select
        engagements.deal_id,
        issues.issue_id
    from {{ ref('int_deal_engagements') }} as engagements
    inner join {{ ref('int_deliverables') }} as deliverables on engagements.engagement_id = deliverables.engagement_id
    inner join issues on deliverables.github_url = issues.issue_url
),

united as (
    select
        deal_id,
        issue_id
    from deliverable_issues
    union
    select
        deal_id,
        issue_id
    from {{ ref('int_delivery_requests') }}
),

final as (
    select
        united.deal_id,
        max_by(issues.issue_url, issues.updated_at) as issue_url,
        max({{ organisation_date('issues.updated_at') }}) as touched_on
    from united
    inner join issues on united.issue_id = issues.issue_id
    group by united.deal_id
)

select * from final
