with

broken as (
    select * from {{ ref('int_billing_findings') }}
),

final as (
    {{ findings_of('broken', ['amount', 'currency', 'days_past_due', 'aging']) }}
)

select * from final
