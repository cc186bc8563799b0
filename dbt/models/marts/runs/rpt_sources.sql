with

gates as (
    select * from {{ ref('int_source_gates') }}
),

statuses as (
    select * from {{ ref('stg_ops__source_status') }}
),

-- Cost Explorer takes money for each page
paid as (
    select
        'aws' as source,
        sum(paid_call_count) as paid_call_count,
        sum(paid_usd) as paid_usd
    from {{ ref('stg_aws__readings') }}
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
        statuses.load_seconds,
        cast(paid.paid_call_count as bigint) as paid_call_count,
        cast(paid.paid_usd as decimal(18, 2)) as paid_usd
    from gates
    left join statuses on gates.source = statuses.source
    left join paid on gates.source = paid.source
    -- what nobody has imported yet is no source that failed; the rules that rest on it say so themselves
    where statuses.source is not null or gates.max_age_hours > 0
)

select * from final
