with

costs as (
    select * from {{ ref('int_cost_shares') }}
),

account_days as (
    select * from {{ ref('int_account_days') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

final as (
    select
        costs.cost_source,
        costs.import_name,
        costs.provider_name,
        costs.billing_account_id,
        costs.sub_account_id,
        costs.sub_account_name,
        costs.usage_on,
        costs.charge_category,
        costs.currency,
        cast(costs.billed_cost as decimal(28, 10)) as billed_cost,
        costs.is_counted,
        costs.is_estimated,
        account_days.mapped_deal_id as deal_id,
        deals.deal_name,
        deals.community_name,
        account_days.coverage,
        account_days.attributed_by
    from costs
    left join account_days
        -- in the key, and not as a condition beside it: that would compare every cost with every day
        on case when costs.is_counted then costs.provider_name end = account_days.provider_name
        and costs.billing_account_id = account_days.billing_account_id
        and costs.sub_account_id = account_days.sub_account_id
        and costs.usage_on = account_days.usage_on
        and costs.tag_deal_id is not distinct from account_days.tag_deal_id
        and costs.currency = account_days.currency
    left join deals on account_days.mapped_deal_id = deals.deal_id
)

select * from final
