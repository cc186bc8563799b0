with

runs as (
    select * from {{ ref('stg_ops__run') }}
),

final as (
    select
        run_id,
        {{ organisation('name') }} as organisation_name,
        {{ organisation('timezone') }} as timezone,
        {{ organisation('currency') }} as currency,
        as_of_on,
        started_at,
        is_sandbox,
        rules_profile,
        version
    from runs
)

select * from final
