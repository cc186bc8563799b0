with

source as (
    select * from {{ source('raw_aws', 'budget_notifications') }}
),

final as (
    select
        account_id as owner_account_id,
        budget_name,
        notification_type,
        comparison,
        threshold,
        threshold_type,
        state,
        _dlt_load_id as _load_id
    from source
)

select * from final
