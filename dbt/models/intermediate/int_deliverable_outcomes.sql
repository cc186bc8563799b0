-- One row per deliverable of an engagement: whether it was delivered, by its issue or pull request where one can be read, else by
-- its own status. A reopened issue takes back what it had shown; one that was closed without doing it is not delivered.
with

deliverables as (
    select * from {{ ref('int_deliverables') }}
    where engagement_id is not null
),

statuses as (
    select * from {{ ref('rule_deliverable_statuses') }}
),

contents as (
    select
        issue_url as content_url,
        'issue' as content,
        repository,
        state,
        state_reason,
        closed_at
    from {{ ref('stg_github__issues') }}
    union all
    select
        pull_request_url as content_url,
        'pull_request' as content,
        repository,
        state,
        cast(null as varchar) as state_reason,
        coalesce(merged_at, closed_at) as closed_at
    from {{ ref('stg_github__pull_requests') }}
),

-- only issues are read of a whole repository: a pull request that is not there may be one that no board holds
repositories as (
    select distinct repository from {{ ref('stg_github__issues') }}
),

issue_states as (
    select * from {{ ref('rule_issue_states') }}
),

judged as (
    select
        deliverables.deliverable_id,
        deliverables.engagement_id,
        deliverables.deliverable_name,
        deliverables.deliverable_url,
        deliverables.github_url,
        deliverables.status,
        deliverables.due_on,
        deliverables.created_at,
        coalesce(statuses.is_done, false) as is_status_done,
        contents.state as issue_state,
        contents.state_reason as issue_state_reason,
        contents.closed_at as issue_closed_at,
        case when contents.content_url is not null then coalesce(issue_states.outcome, 'open') end as issue_outcome,
        contents.content_url is null and repositories.repository is not null as is_issue_lost
    from deliverables
    left join statuses on deliverables.store = statuses.store and deliverables.status = statuses.status
    left join contents on deliverables.github_url = contents.content_url
    left join issue_states
        on contents.content = issue_states.content
        and contents.state = issue_states.state
        and coalesce(contents.state_reason, '') = coalesce(issue_states.state_reason, '')
    left join repositories
        on regexp_extract(deliverables.github_url, 'github\.com/([^/]+/[^/]+)/issues/', 1) = repositories.repository
),

final as (
    select
        *,
        -- an issue that is not where it was may have been moved to another repository: nobody can tell what became of it
        case
            when issue_outcome is not null then issue_outcome
            when is_status_done then 'delivered'
            when is_issue_lost then 'unknown'
            else 'open'
        end as outcome,
        is_status_done
        and (github_url is null or is_issue_lost or coalesce(issue_outcome in ('open', 'reopened'), false)) as is_without_evidence
    from judged
)

select * from final
