with

gates as (
    select * from {{ ref('int_source_gates') }}
),

statuses as (
    select * from {{ ref('stg_ops__source_status') }}
),

final as (
    select
        gates.source,
        gates.source_name,
        gates.gate as status,
        coalesce(statuses.is_sandbox, false) as is_sandbox,
        statuses.last_attempt_at,
        gates.last_complete_at,
        gates.max_age_hours,
        coalesce(statuses.error, gates.gate_reason) as error,
        coalesce(statuses.row_count, 0) as row_count,
        coalesce(statuses.request_count, 0) as request_count,
        coalesce(statuses.retry_count, 0) as retry_count,
        coalesce(statuses.quarantined_count, 0) as quarantined_count,
        statuses.load_seconds
    from gates
    left join statuses on gates.source = statuses.source
)

select * from final
