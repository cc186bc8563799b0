-- Returns a row when spend got lost, or was counted twice, between the bill and the coverage of its days.
with

counted as (
    select sum(costs.billed_cost * rates.rate_to_org) as amount
    from {{ ref('int_costs') }} as costs
    inner join lateral (
        select known.rate_to_org from {{ ref('map_fx_rates') }} as known
        where known.currency = costs.currency and known.rate_on <= costs.usage_on
        order by known.rate_on desc
        limit 1
    ) as rates on true
    where costs.is_counted
),

covered as (
    select sum(net_amount) as amount from {{ ref('int_account_days') }}
)

select
    counted.amount as counted_amount,
    covered.amount as covered_amount
from counted
cross join covered
where abs(coalesce(counted.amount, 0) - coalesce(covered.amount, 0)) >= 0.01
