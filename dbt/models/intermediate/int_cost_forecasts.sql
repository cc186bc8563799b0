-- One row per chain of agreements that costs something: what the present month will come to, by the best method that its history
-- allows, and how far that method was from the truth in the months before.
with

methods as (
    select * from {{ ref('int_cost_forecast_methods') }}
    where subject_kind = 'chain' and months_before = 0
),

errors as (
    select * from {{ ref('int_forecast_errors') }}
    where subject_kind = 'chain'
),

ranked as (
    select
        *,
        row_number() over (
            partition by subject_id
            order by forecast_amount is null, method_key = 'pro rata'
        ) as position
    from methods
),

final as (
    select
        ranked.subject_id as chain_id,
        ranked.month_on,
        ranked.complete_through_on,
        ranked.method_key,
        case
            when ranked.forecast_amount is null then 'spend so far, insufficient history'
            when ranked.method_key = 'pro rata' then 'pro rata, insufficient history'
            else 'weekday means of the last complete weeks'
        end as forecast_method,
        coalesce(ranked.forecast_amount, ranked.known_amount) as forecast_amount,
        ranked.low_amount as forecast_low_amount,
        ranked.high_amount as forecast_high_amount,
        case when ranked.forecast_amount is not null then errors.error_ratio end as backtest_error_ratio,
        case when ranked.forecast_amount is not null then coalesce(errors.month_count, 0) end as backtest_month_count
    from ranked
    left join errors on ranked.subject_id = errors.subject_id and ranked.method_key = errors.method_key
    where ranked.position = 1
)

select * from final
