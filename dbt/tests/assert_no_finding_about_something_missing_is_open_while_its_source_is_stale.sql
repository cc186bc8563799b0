-- Returns a row when an absence rule claims an open finding although a source that it rests on did not load completely.
select findings.finding_id
from {{ ref('fct_findings') }} as findings
inner join {{ ref('rpt_rule_evaluations') }} as rules on findings.rule_id = rules.rule_id
where rules.kind = 'absence' and rules.gate <> 'evaluated' and findings.status = 'open'
