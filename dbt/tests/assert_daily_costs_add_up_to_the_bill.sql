-- Returns a row when the costs of a source and month in the mart are not what the source delivered, to the cent.
with

delivered as (
    select
        'aws' as cost_source,
        {{ month_start('usage_on') }} as month_on,
        currency,
        billed_cost
    from {{ ref('stg_aws__costs') }}
    union all
    select
        cost_source,
        {{ month_start('usage_on') }} as month_on,
        currency,
        billed_cost
    from {{ ref('int_imported_costs') }}
),

delivered_months as (
    select
        cost_source,
        month_on,
        currency,
        sum(billed_cost) as billed_cost
    from delivered
    group by cost_source, month_on, currency
),

mart_months as (
    select
        cost_source,
        {{ month_start('usage_on') }} as month_on,
        currency,
        sum(billed_cost) as billed_cost
    from {{ ref('fct_daily_costs') }}
    group by cost_source, {{ month_start('usage_on') }}, currency
)

select
    coalesce(delivered_months.cost_source, mart_months.cost_source) as cost_source,
    coalesce(delivered_months.month_on, mart_months.month_on) as month_on,
    delivered_months.billed_cost as delivered_cost,
    mart_months.billed_cost as mart_cost
from delivered_months
full outer join mart_months
    on delivered_months.cost_source = mart_months.cost_source
    and delivered_months.month_on = mart_months.month_on
    and delivered_months.currency = mart_months.currency
where coalesce(abs(delivered_months.billed_cost - mart_months.billed_cost), 1) >= 0.01
