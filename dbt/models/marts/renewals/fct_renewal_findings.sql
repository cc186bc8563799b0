with

broken as (
    select * from {{ ref('int_renewal_findings') }}
),

final as (
    {{ findings_of('broken', ['effective_end_on', 'days_to_end', 'window_name', 'renewal_deal_id']) }}
)

select * from final
