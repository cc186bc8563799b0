with

source as (
    select * from {{ source('raw_aws', 'readings') }}
),

final as (
    select
        payer_account_id,
        window_start_on,
        window_end_on,
        paid_call_count,
        cast(paid_usd as decimal(18, 2)) as paid_usd,
        _dlt_load_id as _load_id
    from source
)

select * from final
