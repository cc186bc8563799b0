with

months as (
    select * from {{ ref('int_budget_months') }}
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
        record_url,
        {{ as_of() }} as as_of_on
    from months
)

select * from final
