-- Returns a row when a change is proposed for a finding that no report holds.
select changes.change_id
from {{ ref('act_changes') }} as changes
left join {{ ref('fct_findings') }} as findings on changes.finding_id = findings.finding_id
where findings.finding_id is null
