-- One row per chain of agreements that has a cloud account: what it cost on the last complete days. Complete is a day once the
-- provider's costs of it have settled; a provider that was not read since then is taken as it was on its last day.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }}
),

-- the whole provider's last day, so that an account without rows that day cost nothing
providers as (
    select
        provider_name,
        least({{ add_days(as_of(), '-1 - ' ~ threshold('budget_settle_days')) }}, max(usage_on)) as complete_through_on
    from account_days
    group by provider_name
),

chain_days as (
    select
        account_days.chain_id,
        account_days.usage_on,
        sum(account_days.gross_amount) as gross_amount
    from account_days
    inner join providers on account_days.provider_name = providers.provider_name
    where account_days.mapped_deal_id is not null
        and account_days.usage_on <= providers.complete_through_on
        and {{ days_between('account_days.usage_on', 'providers.complete_through_on') }}
        < {{ threshold('lapsed_cost_window_days') }}
    group by account_days.chain_id, account_days.usage_on
),

final as (
    select
        chain_id,
        max(usage_on) as last_cost_on,
        avg(gross_amount) as daily_burn_amount,
        count(*) filter (where gross_amount >= {{ threshold('lapsed_cost_usd') }}) >= {{ threshold('lapsed_cost_days') }}
            as has_cost_signal,
        coalesce(sum(gross_amount) > 0, false) as has_any_cost
    from chain_days
    group by chain_id
)

select * from final
