with

account_days as (
    select * from {{ ref('int_account_days') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

final as (
    select
        account_days.provider_name,
        account_days.billing_account_id,
        account_days.sub_account_id,
        account_days.sub_account_name,
        account_days.usage_on,
        account_days.currency,
        account_days.coverage,
        account_days.mapped_deal_id as deal_id,
        deals.deal_name,
        deals.community_name,
        account_days.chain_id,
        account_days.attributed_by,
        account_days.covering_deal_id,
        covering.deal_name as covering_deal_name,
        cast(account_days.billed_cost as decimal(28, 10)) as billed_cost,
        cast(account_days.gross_amount as decimal(28, 10)) as gross_cost,
        cast(account_days.credits_amount as decimal(28, 10)) as credits_cost,
        cast(account_days.refunds_amount as decimal(28, 10)) as refunds_cost,
        cast(account_days.tax_amount as decimal(28, 10)) as tax_cost,
        cast(account_days.net_amount as decimal(28, 10)) as net_cost,
        account_days.is_estimated,
        {{ as_of() }} as as_of_on
    from account_days
    left join deals on account_days.mapped_deal_id = deals.deal_id
    left join deals as covering on account_days.covering_deal_id = covering.deal_id
)

select * from final
