-- One row per chain of agreements or payer, month and method of forecasting: what the method says, or would have said on the
-- same day of one of the months before, and what the month came to. Only complete days are used; a day without rows inside the
-- account's life is unknown and left out, days after its last row cost nothing.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }}
),

subject_days as (
    select
        'chain' as subject_kind,
        chain_id as subject_id,
        usage_on,
        sum(gross_amount) as gross_amount
    from account_days
    where mapped_deal_id is not null
    group by chain_id, usage_on
    union all
    select
        'payer' as subject_kind,
        billing_account_id as subject_id,
        usage_on,
        sum(gross_amount) as gross_amount
    from account_days
    where billing_account_id is not null
    group by billing_account_id, usage_on
),

present as (
    select
        {{ month_start(as_of()) }} as month_on,
        least(
            {{ add_days(as_of(), '-1 - ' ~ threshold('budget_settle_days')) }},
            max(usage_on)
        ) as complete_through_on,
        min(usage_on) as known_from_on
    from account_days
),

months_before as (
    {{ number_series(0, threshold('budget_backtest_months')) }}
),

-- the months before are looked at from the same day of the month; one that is known in part cannot be compared
bounds as (
    select
        months_before.number as months_before,
        {{ add_months('present.month_on', '-months_before.number') }} as month_on,
        {{ month_end(add_months('present.month_on', '-months_before.number')) }} as month_end_on,
        least(
            {{ add_days(add_months('present.month_on', '-months_before.number'),
                days_between('present.month_on', 'present.complete_through_on')) }},
            {{ month_end(add_months('present.month_on', '-months_before.number')) }}
        ) as complete_through_on
    from present
    cross join months_before
    where months_before.number = 0
        or {{ add_months('present.month_on', '-months_before.number') }} >= present.known_from_on
),

lives as (
    select
        subject_days.subject_kind,
        subject_days.subject_id,
        bounds.month_on,
        bounds.month_end_on,
        bounds.complete_through_on,
        min(subject_days.usage_on) as first_on,
        max(subject_days.usage_on) as last_on
    from subject_days
    inner join bounds on subject_days.usage_on <= bounds.complete_through_on
    group by
        subject_days.subject_kind, subject_days.subject_id, bounds.month_on, bounds.month_end_on, bounds.complete_through_on
),

days_back as (
    {{ number_series(0, threshold('budget_forecast_history_days') ~ ' - 1') }}
),

history_days as (
    select
        lives.*,
        {{ add_days('lives.complete_through_on', '-days_back.number') }} as day_on
    from lives
    cross join days_back
),

history as (
    select
        history_days.subject_kind,
        history_days.subject_id,
        history_days.month_on,
        extract(isodow from history_days.day_on) as weekday,
        case
            when history_days.day_on > history_days.last_on then cast(0 as decimal(28, 10))
            else subject_days.gross_amount
        end as gross_amount
    from history_days
    left join subject_days
        on history_days.subject_kind = subject_days.subject_kind
        and history_days.subject_id = subject_days.subject_id
        and history_days.day_on = subject_days.usage_on
    where history_days.day_on >= history_days.first_on
),

weekday_means as (
    select
        subject_kind,
        subject_id,
        month_on,
        weekday,
        avg(gross_amount) as mean_amount
    from history
    group by subject_kind, subject_id, month_on, weekday
),

means as (
    select
        history.subject_kind,
        history.subject_id,
        history.month_on,
        count(history.gross_amount) as complete_day_count,
        avg(history.gross_amount) as mean_amount,
        coalesce(stddev_samp(history.gross_amount - weekday_means.mean_amount), 0) as spread_amount
    from history
    inner join weekday_means
        on history.subject_kind = weekday_means.subject_kind
        and history.subject_id = weekday_means.subject_id
        and history.month_on = weekday_means.month_on
        and history.weekday = weekday_means.weekday
    group by history.subject_kind, history.subject_id, history.month_on
),

numbers as (
    {{ number_series(0, 30) }}
),

month_days as (
    select
        bounds.month_on,
        bounds.month_on + days.number as day_on
    from bounds
    inner join numbers as days
        on bounds.month_on + days.number > bounds.complete_through_on
        and bounds.month_on + days.number <= bounds.month_end_on
),

remaining as (
    select
        means.subject_kind,
        means.subject_id,
        means.month_on,
        count(*) as day_count,
        sum(coalesce(weekday_means.mean_amount, means.mean_amount)) as amount
    from means
    inner join month_days on means.month_on = month_days.month_on
    left join weekday_means
        on means.subject_kind = weekday_means.subject_kind
        and means.subject_id = weekday_means.subject_id
        and means.month_on = weekday_means.month_on
        and extract(isodow from month_days.day_on) = weekday_means.weekday
    group by means.subject_kind, means.subject_id, means.month_on
),

-- what was known on the day of the forecast, and in the months before also what it came to in the end
actual as (
    select
        subject_days.subject_kind,
        subject_days.subject_id,
        bounds.months_before,
        bounds.month_on,
        bounds.month_end_on,
        bounds.complete_through_on,
        sum(subject_days.gross_amount) as to_date,
        coalesce(sum(subject_days.gross_amount) filter (where subject_days.usage_on <= bounds.complete_through_on), 0) as complete
    from subject_days
    inner join bounds on subject_days.usage_on between bounds.month_on and bounds.month_end_on
    group by
        subject_days.subject_kind, subject_days.subject_id, bounds.months_before, bounds.month_on, bounds.month_end_on,
        bounds.complete_through_on
),

reckoned as (
    select
        actual.*,
        coalesce(means.complete_day_count, 0) as complete_day_count,
        coalesce(means.complete_day_count, 0) >= {{ threshold('budget_forecast_minimum_days') }} as has_history,
        actual.complete_through_on >= actual.month_on as has_complete_day,
        coalesce(remaining.amount, 0) as remaining_amount,
        {{ threshold('budget_forecast_interval_deviations') }}
        * coalesce(means.spread_amount, 0) * sqrt(coalesce(remaining.day_count, 0)) as margin_amount,
        case when actual.months_before = 0 then actual.to_date else actual.complete end as known_amount
    from actual
    left join means
        on actual.subject_kind = means.subject_kind
        and actual.subject_id = means.subject_id
        and actual.month_on = means.month_on
    left join remaining
        on actual.subject_kind = remaining.subject_kind
        and actual.subject_id = remaining.subject_id
        and actual.month_on = remaining.month_on
),

explorer as (
    select
        payer_account_id,
        period_start_on,
        mean_amount,
        low_amount,
        high_amount
    from {{ ref('stg_aws__forecasts') }}
    where account_id is null and {{ month_start('period_start_on') }} = {{ month_start(as_of()) }}
),

explored as (
    select
        explorer.payer_account_id as subject_id,
        coalesce(sum(subject_days.gross_amount), 0) as before_amount,
        max(explorer.mean_amount) as mean_amount,
        max(explorer.low_amount) as low_amount,
        max(explorer.high_amount) as high_amount
    from explorer
    left join subject_days
        on subject_days.subject_kind = 'payer'
        and explorer.payer_account_id = subject_days.subject_id
        and subject_days.usage_on >= {{ month_start(as_of()) }}
        and subject_days.usage_on < explorer.period_start_on
    group by explorer.payer_account_id
),

united as (
    select
        reckoned.*,
        'weekday means' as method_key,
        case when reckoned.has_history then reckoned.complete + reckoned.remaining_amount end as amount,
        case when reckoned.has_history then reckoned.complete + reckoned.remaining_amount - reckoned.margin_amount end as low,
        case when reckoned.has_history then reckoned.complete + reckoned.remaining_amount + reckoned.margin_amount end as high,
        case
            when not reckoned.has_history then 'Too few complete days: ' || cast(reckoned.complete_day_count as varchar) || '.'
        end as unknown_reason
    from reckoned
    union all
    select
        reckoned.*,
        'pro rata' as method_key,
        case
            when reckoned.has_complete_day
                then reckoned.complete
                    / ({{ days_between('reckoned.month_on', 'reckoned.complete_through_on') }} + 1)
                    * ({{ days_between('reckoned.month_on', 'reckoned.month_end_on') }} + 1)
        end as amount,
        cast(null as double) as low,
        cast(null as double) as high,
        case when not reckoned.has_complete_day then 'No day of the month is complete yet.' end as unknown_reason
    from reckoned
    union all
    select
        reckoned.*,
        'Cost Explorer' as method_key,
        explored.before_amount + explored.mean_amount as amount,
        explored.before_amount + explored.low_amount as low,
        explored.before_amount + explored.high_amount as high,
        case
            when reckoned.months_before > 0 then 'Cost Explorer does not tell what it expected earlier.'
            when explored.subject_id is null then 'Cost Explorer gave no forecast.'
        end as unknown_reason
    from reckoned
    left join explored on reckoned.subject_id = explored.subject_id and reckoned.months_before = 0
    where reckoned.subject_kind = 'payer'
),

final as (
    select
        subject_kind,
        subject_id,
        month_on,
        months_before,
        complete_through_on,
        method_key,
        cast(known_amount as decimal(18, 2)) as known_amount,
        case when amount is not null then cast(greatest(known_amount, amount) as decimal(18, 2)) end as forecast_amount,
        case when low is not null then cast(greatest(known_amount, low) as decimal(18, 2)) end as low_amount,
        case when high is not null then cast(greatest(known_amount, high) as decimal(18, 2)) end as high_amount,
        case when months_before > 0 then cast(to_date as decimal(18, 2)) end as final_amount,
        unknown_reason
    from united
)

select * from final
