with

source as (
    select
        *,
        cast(cost_filters_json as json) as filters
    from {{ source('raw_aws', 'budgets') }}
),

filtered as (
    select
        *,
        cast(json_extract(filters, '$.LinkedAccount') as varchar[]) as account_ids
    from source
),

-- only budgets of one linked account can be compared with what a deal may spend
final as (
    select
        account_id as owner_account_id,
        name as budget_name,
        case when len(account_ids) = 1 then account_ids[1] end as account_id,
        cast(limit_amount as decimal(18, 2)) as limit_amount,
        currency,
        cast(actual_amount as decimal(18, 2)) as actual_amount,
        cast(forecast_amount as decimal(18, 2)) as forecast_amount,
        coalesce(is_auto_adjusting, false) as is_auto_adjusting,
        budget_type = 'COST' and time_unit = 'MONTHLY' as is_monthly_cost,
        updated_at,
        _dlt_load_id as _load_id
    from filtered
)

select * from final
