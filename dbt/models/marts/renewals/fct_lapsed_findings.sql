with

broken as (
    select * from {{ ref('int_lapsed_findings') }}
    union all
    select * from {{ ref('int_decommissioned_services') }}
),

final as (
    {{ findings_of('broken', ['effective_end_on', 'days_lapsed', 'decision_due_on', 'uncovered_usd']) }}
)

select * from final
