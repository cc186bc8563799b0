with

source as (
    select * from {{ source('ops', 'run') }}
),

final as (
    select
        run_id,
        as_of_on,
        started_at,
        is_sandbox,
        rules_profile,
        version
    from source
)

select * from final
