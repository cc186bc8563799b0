with

source as (
    select * from {{ source('ops', 'source_status') }}
),

final as (
    select
        source,
        status,
        is_sandbox,
        last_attempt_at,
        last_complete_at,
        error,
        row_count,
        request_count,
        retry_count,
        quarantined_count,
        load_seconds,
        load_id
    from source
)

select * from final
