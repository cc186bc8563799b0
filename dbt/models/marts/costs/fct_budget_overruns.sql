with

broken as (
    select * from {{ ref('int_budget_findings') }}
),

final as (
    {{ findings_of('broken', ['month_on', 'budget_usd', 'gross_usd', 'net_usd', 'forecast_usd', 'uncovered_usd']) }}
)

select * from final
