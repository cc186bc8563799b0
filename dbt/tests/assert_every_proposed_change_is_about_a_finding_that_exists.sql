-- Returns a row when a change is proposed for a finding that no report holds. Some changes have none: what closes a request or a
-- task is due because the finding is gone, and links and budgets are kept in step before anything is found to be wrong.
select changes.change_id
from {{ ref('act_changes') }} as changes
left join {{ ref('fct_findings') }} as findings on changes.finding_id = findings.finding_id
where findings.finding_id is null
    and changes.recipe not in ('close_github_request', 'complete_hubspot_task', 'link_project_item', 'keep_aws_budget')
