-- The findings of this run from every report that finds something; what became of each is in fct_finding_states.
select {{ finding_columns() }} from {{ ref('fct_handoff_gaps') }}
union all
select {{ finding_columns() }} from {{ ref('fct_missing_intake') }}
where finding_id is not null
union all
select {{ finding_columns() }} from {{ ref('fct_renewal_findings') }}
union all
select {{ finding_columns() }} from {{ ref('fct_lapsed_findings') }}
union all
select {{ finding_columns() }} from {{ ref('fct_budget_overruns') }}
union all
select {{ finding_columns() }} from {{ ref('rpt_stage_gates') }}
union all
select {{ finding_columns() }} from {{ ref('fct_unkept_writes') }}
union all
select {{ finding_columns() }} from {{ ref('fct_delivery_findings') }}
union all
select {{ finding_columns() }} from {{ ref('fct_billing_findings') }}
union all
select {{ finding_columns() }} from {{ ref('fct_reconciliation_findings') }}
