with

source as (
    select * from {{ source('raw_aws', 'cost_forecasts') }}
),

final as (
    select
        payer_account_id,
        account_id,
        period_start_on,
        period_end_on,
        cast(mean_amount as decimal(18, 2)) as mean_amount,
        cast(low_amount as decimal(18, 2)) as low_amount,
        cast(high_amount as decimal(18, 2)) as high_amount,
        currency,
        _dlt_load_id as _load_id
    from source
)

select * from final
