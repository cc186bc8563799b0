with

source as (
    select * from {{ source('raw_aws', 'costs') }}
),

-- Cost Explorer's record types in the words of FOCUS (ChargeCategory); a refund stays a refund, so that it can be shown apart
final as (
    select
        payer_account_id,
        account_id,
        service as service_name,
        usage_on,
        case
            when record_type in ('Usage', 'Credit', 'Refund', 'Tax') then record_type
            when record_type ilike '%usage%' then 'Usage'
            when record_type ilike '%fee%' or record_type ilike '%upfront%' then 'Purchase'
            else 'Adjustment'
        end as charge_category,
        record_type,
        currency,
        cast(amount as decimal(28, 10)) as billed_cost,
        coalesce(is_estimated, false) as is_estimated,
        _dlt_load_id as _load_id
    from source
)

select * from final
