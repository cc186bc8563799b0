with

months as (
    select * from {{ ref('int_budget_months') }}
),

recovery as (
    select * from {{ ref('int_cost_recovery') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

-- who bears the costs of the month: an account that belongs to no deal is ours
borne as (
    select
        months.*,
        coalesce(recovery.estimated_amount, 0) as estimated_amount,
        recovery.recovered_amount,
        case
            when months.deal_id is null then 'absorbed'
            when deals.cloud_paid_by is null then 'not known'
            when deals.cloud_paid_by <> {{ organisation('cloud_paid_by_us') }} then 'customer pays'
            when deals.prepaid_cloud > 0 then 'prepaid'
            else 'passed on'
        end as responsibility,
        {{ days_between('months.month_on', 'coalesce(months.complete_through_on, months.last_usage_on)') }} + 1 as settled_days
    from months
    left join recovery on months.chain_id = recovery.chain_id and months.month_on = recovery.month_on
    left join deals on months.deal_id = deals.deal_id
),

final as (
    select
        subject_type,
        coalesce(subject_id, deal_id) as subject_id,
        subject,
        deal_id,
        community_name,
        month_on,
        budget_amount as budget_usd,
        budget_source,
        cast(gross_amount as decimal(18, 2)) as gross_usd,
        cast(estimated_amount as decimal(18, 2)) as estimated_usd,
        cast(credits_amount as decimal(18, 2)) as credits_usd,
        cast(refunds_amount as decimal(18, 2)) as refunds_usd,
        cast(tax_amount as decimal(18, 2)) as tax_usd,
        cast(net_amount as decimal(18, 2)) as net_usd,
        coalesce(complete_through_on, last_usage_on) as complete_through_on,
        forecast_amount as forecast_usd,
        forecast_method,
        forecast_low_amount as forecast_low_usd,
        forecast_high_amount as forecast_high_usd,
        backtest_error_ratio,
        backtest_month_count,
        cast(uncovered_amount as decimal(18, 2)) as uncovered_usd,
        cast(gross_amount - budget_amount as decimal(18, 2)) as variance_usd,
        cast(gross_amount / nullif(budget_amount, 0) as double) as burn_ratio,
        cast(
            least(
                1,
                ({{ days_between('month_on', as_of()) }} + 1)
                / ({{ days_between('month_on', month_end('month_on')) }} + 1)
            ) as double
        ) as elapsed_ratio,
        -- at the pace of the month so far; nothing is said about a month that is over
        case
            when {{ month_end('month_on') }} < {{ as_of() }} or budget_amount is null or settled_days <= 0 then null
            when gross_amount >= budget_amount then 0
            when gross_amount > 0 then cast(floor((budget_amount - gross_amount) * settled_days / gross_amount) as integer)
        end as days_to_exhaustion,
        responsibility,
        cast(recovered_amount as decimal(18, 2)) as recovered_usd,
        cast(case when responsibility = 'passed on' then net_amount - recovered_amount end as decimal(18, 2)) as recovery_gap_usd,
        record_url,
        {{ as_of() }} as as_of_on
    from borne
)

select * from final
