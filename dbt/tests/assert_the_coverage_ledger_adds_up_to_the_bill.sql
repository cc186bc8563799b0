-- Returns a row when the classes of a payer's days and deals do not add up to its bill of a month, to the cent.
with

billed as (
    select
        provider_name,
        billing_account_id,
        {{ month_start('usage_on') }} as month_on,
        currency,
        sum(billed_cost) as billed_cost
    from {{ ref('int_costs') }}
    where is_counted
    group by provider_name, billing_account_id, {{ month_start('usage_on') }}, currency
),

classed as (
    select
        provider_name,
        billing_account_id,
        {{ month_start('usage_on') }} as month_on,
        currency,
        sum(billed_cost) as billed_cost
    from {{ ref('fct_coverage_days') }}
    group by provider_name, billing_account_id, {{ month_start('usage_on') }}, currency
)

select
    coalesce(billed.billing_account_id, classed.billing_account_id) as billing_account_id,
    coalesce(billed.month_on, classed.month_on) as month_on,
    billed.billed_cost as bill,
    classed.billed_cost as ledger
from billed
full outer join classed
    on billed.provider_name = classed.provider_name
    and billed.billing_account_id is not distinct from classed.billing_account_id
    and billed.month_on = classed.month_on
    and billed.currency = classed.currency
where coalesce(abs(billed.billed_cost - classed.billed_cost), 1) >= 0.01
