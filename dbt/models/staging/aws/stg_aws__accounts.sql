with

source as (
    select * from {{ source('raw_aws', 'accounts') }}
),

final as (
    select
        payer_account_id,
        id as account_id,
        name as account_name,
        status,
        _dlt_load_id as _load_id
    from source
)

select * from final
