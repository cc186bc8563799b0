with

handoff as (
    select * from {{ ref('fct_handoff_gaps') }}
),

intake as (
    select * from {{ ref('fct_missing_intake') }}
    where finding_id is not null
),

renewals as (
    select * from {{ ref('fct_renewal_findings') }}
),

costs as (
    select * from {{ ref('fct_budget_overruns') }}
),

final as (
    select {{ finding_columns() }} from handoff
    union all
    select {{ finding_columns() }} from intake
    union all
    select {{ finding_columns() }} from renewals
    union all
    select {{ finding_columns() }} from costs
)

select * from final
