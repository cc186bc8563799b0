with

unkept as (
    select * from {{ ref('int_unkept_writes') }}
),

final as (
    {{ findings_of('unkept', ['plan_id', 'written_at']) }}
)

select * from final
