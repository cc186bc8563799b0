with

source as (
    select * from {{ source('raw_aws', 'costs') }}
),

final as (
    select
        payer_account_id,
        account_id,
        service as service_name,
        usage_on,
        {{ charge_category('record_type') }} as charge_category,
        record_type,
        currency,
        cast(amount as decimal(28, 10)) as billed_cost,
        coalesce(is_estimated, false) as is_estimated,
        _dlt_load_id as _load_id
    from source
)

select * from final
