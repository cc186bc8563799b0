-- One row per chain of agreements (or unattributed account) and month: spend against budget. The deal that speaks for a chain in
-- a month is the signed one that covers most recently, or else the deal that the account is mapped to.
with

account_days as (
    select
        *,
        {{ month_start('usage_on') }} as month_on
    from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

terms as (
    select * from {{ ref('int_chain_terms') }}
),

chain_months as (
    select
        chain_id,
        month_on,
        max_by(mapped_deal_id, usage_on) as mapped_deal_id,
        sum(gross_amount) as gross_amount,
        sum(credits_amount) as credits_amount,
        sum(refunds_amount) as refunds_amount,
        sum(tax_amount) as tax_amount,
        sum(net_amount) as net_amount,
        sum(case when coverage <> 'covered' then gross_amount else 0 end) as uncovered_amount,
        max(usage_on) as last_usage_on
    from account_days
    where mapped_deal_id is not null
    group by chain_id, month_on
),

speaking as (
    select
        chain_months.chain_id,
        chain_months.month_on,
        max_by(terms.deal_id, terms.covers_from_on) as deal_id
    from chain_months
    inner join terms
        on chain_months.chain_id = terms.chain_id
        and terms.covers_from_on <= least({{ month_end('chain_months.month_on') }}, {{ as_of() }})
        and (terms.covers_to_on is null or terms.covers_to_on >= chain_months.month_on)
    group by chain_months.chain_id, chain_months.month_on
),

engagement_budgets as (
    select
        deal_id,
        sum(monthly_cloud_budget_usd) as budget_amount,
        max(case when position = 1 then delivery_owner end) as delivery_owner
    from {{ ref('int_deal_engagements') }}
    group by deal_id
),

account_months as (
    select
        chain_id,
        month_on,
        provider_name,
        sub_account_id,
        bool_or(coalesce(attributed_by = 'tag', false)) as is_tagged
    from account_days
    group by chain_id, month_on, provider_name, sub_account_id
),

parted_account_months as (
    select
        month_on,
        provider_name,
        sub_account_id
    from account_months
    group by month_on, provider_name, sub_account_id
    having bool_or(is_tagged) and count(*) > 1
),

-- a budget that adjusts itself follows the spend, so that nothing is ever above it
fixed_aws_budgets as (
    select
        account_months.chain_id,
        account_months.month_on,
        sum(budgets.limit_amount) as budget_amount
    from account_months
    inner join {{ ref('stg_aws__budgets') }} as budgets on account_months.sub_account_id = budgets.account_id
    left join parted_account_months as parted
        on account_months.month_on = parted.month_on
        and account_months.provider_name = parted.provider_name
        and account_months.sub_account_id = parted.sub_account_id
    -- the budget of an account says nothing about a part of it
    where parted.sub_account_id is null
        and account_months.provider_name = 'AWS' and budgets.is_monthly_cost and not budgets.is_auto_adjusting
    group by account_months.chain_id, account_months.month_on
),

forecasts as (
    select * from {{ ref('int_cost_forecasts') }}
),

of_chains as (
    select
        chain_months.chain_id,
        'deal' as subject_type,
        deals.deal_id as subject_id,
        coalesce(deals.deal_name, 'Deal ' || chain_months.mapped_deal_id) as subject,
        coalesce(deals.deal_id, chain_months.mapped_deal_id) as deal_id,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        engagement_budgets.delivery_owner,
        deals.deal_url as record_url,
        chain_months.month_on,
        cast(
            coalesce(
                engagement_budgets.budget_amount,
                deals.prepaid_cloud / nullif({{ months_in_term('deals.start_on', 'deals.term_end_on') }}, 0),
                fixed_aws_budgets.budget_amount
            ) as decimal(18, 2)
        ) as budget_amount,
        case
            when engagement_budgets.budget_amount is not null then 'engagement'
            when deals.prepaid_cloud is not null and deals.start_on is not null and deals.term_end_on is not null
                then 'prepaid in the deal'
            when fixed_aws_budgets.budget_amount is not null then 'AWS budget'
        end as budget_source,
        chain_months.gross_amount,
        chain_months.credits_amount,
        chain_months.refunds_amount,
        chain_months.tax_amount,
        chain_months.net_amount,
        chain_months.uncovered_amount,
        chain_months.last_usage_on,
        forecasts.complete_through_on,
        forecasts.forecast_amount,
        forecasts.forecast_method,
        forecasts.forecast_low_amount,
        forecasts.forecast_high_amount,
        forecasts.backtest_error_ratio,
        forecasts.backtest_month_count
    from chain_months
    left join speaking on chain_months.chain_id = speaking.chain_id and chain_months.month_on = speaking.month_on
    left join deals on coalesce(speaking.deal_id, chain_months.mapped_deal_id) = deals.deal_id
    left join engagement_budgets on deals.deal_id = engagement_budgets.deal_id
    left join fixed_aws_budgets
        on chain_months.chain_id = fixed_aws_budgets.chain_id and chain_months.month_on = fixed_aws_budgets.month_on
    left join forecasts on chain_months.chain_id = forecasts.chain_id and chain_months.month_on = forecasts.month_on
),

of_nobody as (
    select
        cast(null as varchar) as chain_id,
        'account' as subject_type,
        sub_account_id as subject_id,
        coalesce(max(sub_account_name), sub_account_id) as subject,
        cast(null as varchar) as deal_id,
        cast(null as varchar) as community_name,
        cast(null as varchar) as deal_owner,
        cast(null as varchar) as delivery_owner,
        cast(null as varchar) as record_url,
        month_on,
        cast(null as decimal(18, 2)) as budget_amount,
        cast(null as varchar) as budget_source,
        sum(gross_amount) as gross_amount,
        sum(credits_amount) as credits_amount,
        sum(refunds_amount) as refunds_amount,
        sum(tax_amount) as tax_amount,
        sum(net_amount) as net_amount,
        cast(0 as decimal(28, 10)) as uncovered_amount,
        max(usage_on) as last_usage_on,
        cast(null as date) as complete_through_on,
        cast(null as decimal(18, 2)) as forecast_amount,
        cast(null as varchar) as forecast_method,
        cast(null as decimal(18, 2)) as forecast_low_amount,
        cast(null as decimal(18, 2)) as forecast_high_amount,
        cast(null as double) as backtest_error_ratio,
        cast(null as integer) as backtest_month_count
    from account_days
    where mapped_deal_id is null
    group by provider_name, sub_account_id, month_on
),

final as (
    select * from of_chains
    union all
    select * from of_nobody
)

select * from final
