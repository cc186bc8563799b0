with

broken as (
    select * from {{ ref('int_delivery_findings') }}
),

final as (
    {{ findings_of('broken', ['deliverable_name', 'issue_url']) }}
)

select * from final
