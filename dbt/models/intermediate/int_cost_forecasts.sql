-- One row per chain of agreements that costs something: what the present month will come to. Only complete days are used; a day
-- without rows inside the account's life is unknown and left out, days after its last row cost nothing.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where mapped_deal_id is not null and usage_on <= {{ as_of() }}
),

chain_days as (
    select
        chain_id,
        usage_on,
        sum(gross_amount) as gross_amount
    from account_days
    group by chain_id, usage_on
),

bounds as (
    select
        {{ month_start(as_of()) }} as month_on,
        {{ month_end(as_of()) }} as month_end_on,
        least(
            {{ add_days(as_of(), '-1 - ' ~ threshold('budget_settle_days')) }},
            (select max(usage_on) from account_days)
        ) as complete_through_on
),

lives as (
    select
        chain_days.chain_id,
        min(chain_days.usage_on) as first_on,
        max(chain_days.usage_on) as last_on
    from chain_days
    cross join bounds
    where chain_days.usage_on <= bounds.complete_through_on
    group by chain_days.chain_id
),

history_days as (
    {{ day_series(as_of() ~ " - interval 1 year", as_of()) }}
),

history as (
    select
        lives.chain_id,
        history_days.day_on,
        extract(isodow from history_days.day_on) as weekday,
        case
            when history_days.day_on > lives.last_on then cast(0 as decimal(28, 10))
            else chain_days.gross_amount
        end as gross_amount
    from lives
    cross join bounds
    inner join history_days
        on history_days.day_on >= lives.first_on
        and history_days.day_on <= bounds.complete_through_on
        and history_days.day_on > bounds.complete_through_on - cast({{ threshold('budget_forecast_history_days') }} as integer)
    left join chain_days on lives.chain_id = chain_days.chain_id and history_days.day_on = chain_days.usage_on
),

means as (
    select
        chain_id,
        count(gross_amount) as complete_day_count,
        avg(gross_amount) as mean_amount
    from history
    group by chain_id
),

weekday_means as (
    select
        chain_id,
        weekday,
        avg(gross_amount) as mean_amount
    from history
    group by chain_id, weekday
),

month_days as (
    {{ day_series(month_start(as_of()), month_end(as_of())) }}
),

remaining as (
    select
        means.chain_id,
        sum(coalesce(weekday_means.mean_amount, means.mean_amount)) as amount
    from means
    cross join bounds
    inner join month_days on month_days.day_on > bounds.complete_through_on
    left join weekday_means
        on means.chain_id = weekday_means.chain_id and extract(isodow from month_days.day_on) = weekday_means.weekday
    group by means.chain_id
),

actual as (
    select
        chain_days.chain_id,
        sum(chain_days.gross_amount) as to_date,
        coalesce(sum(chain_days.gross_amount) filter (where chain_days.usage_on <= bounds.complete_through_on), 0) as complete
    from chain_days
    cross join bounds
    where chain_days.usage_on between bounds.month_on and bounds.month_end_on
    group by chain_days.chain_id
),

final as (
    select
        actual.chain_id,
        bounds.month_on,
        bounds.complete_through_on,
        case
            when coalesce(means.complete_day_count, 0) >= {{ threshold('budget_forecast_minimum_days') }}
                then 'weekday means of the last complete weeks'
            when bounds.complete_through_on >= bounds.month_on then 'pro rata, insufficient history'
            else 'spend so far, insufficient history'
        end as forecast_method,
        cast(
            greatest(
                actual.to_date,
                case
                    when coalesce(means.complete_day_count, 0) >= {{ threshold('budget_forecast_minimum_days') }}
                        then actual.complete + coalesce(remaining.amount, 0)
                    when bounds.complete_through_on >= bounds.month_on
                        then actual.complete
                            / ({{ days_between('bounds.month_on', 'bounds.complete_through_on') }} + 1)
                            * ({{ days_between('bounds.month_on', 'bounds.month_end_on') }} + 1)
                    else actual.to_date
                end
            ) as decimal(18, 2)
        ) as forecast_amount
    from actual
    cross join bounds
    left join means on actual.chain_id = means.chain_id
    left join remaining on actual.chain_id = remaining.chain_id
)

select * from final
