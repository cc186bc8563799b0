with

broken as (
    select * from {{ ref('int_relation_findings') }}
    union all
    select * from {{ ref('int_drift_findings') }}
),

final as (
    {{ findings_of('broken', ['component_id', 'relation', 'field_key']) }}
)

select * from final
