-- Returns a row when the costs of a source and month in the mart are not what the source delivered, to the cent.
with

delivered as (
    select 'aws' as cost_source, {{ month_start('usage_on') }} as month_on, currency, billed_cost
    from {{ ref('stg_aws__costs') }}
    union all
    select 'files' as cost_source, {{ month_start('usage_on') }} as month_on, currency, billed_cost
    from {{ ref('stg_files__focus_costs') }}
),

delivered_months as (
    select cost_source, month_on, currency, sum(billed_cost) as billed_cost
    from delivered
    group by cost_source, month_on, currency
),

mart_months as (
    select cost_source, {{ month_start('usage_on') }} as month_on, currency, sum(billed_cost) as billed_cost
    from {{ ref('fct_daily_costs') }}
    group by cost_source, {{ month_start('usage_on') }}, currency
)

select *
from delivered_months
full outer join mart_months using (cost_source, month_on, currency)
where coalesce(abs(delivered_months.billed_cost - mart_months.billed_cost), 1) >= 0.01
