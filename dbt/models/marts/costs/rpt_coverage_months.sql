with

account_days as (
    select
        *,
        {{ month_start('usage_on') }} as month_on
    from {{ ref('fct_coverage_days') }}
),

final as (
    select
        provider_name,
        billing_account_id,
        sub_account_id,
        coalesce(max(sub_account_name), sub_account_id) as account_name,
        month_on,
        currency,
        coverage,
        deal_id,
        max(deal_name) as deal_name,
        max(community_name) as community_name,
        cast(count(distinct usage_on) as integer) as day_count,
        min(usage_on) as first_on,
        max(usage_on) as last_on,
        cast(sum(billed_cost) as decimal(28, 10)) as billed_cost,
        cast(sum(gross_cost) as decimal(28, 10)) as gross_cost,
        cast(sum(net_cost) as decimal(28, 10)) as net_cost,
        bool_or(is_estimated) as is_estimated,
        {{ as_of() }} as as_of_on
    from account_days
    group by provider_name, billing_account_id, sub_account_id, month_on, currency, coverage, deal_id
)

select * from final
