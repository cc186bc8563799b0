-- One row per chain of agreements whose spend jumped: the last complete days that cost far more than the same day of the week did
-- in the weeks before. A day without rows is unknown: it neither jumps nor says what is usual.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where usage_on <= {{ as_of() }}
),

bounds as (
    select
        least({{ add_days(as_of(), '-1 - ' ~ threshold('budget_settle_days')) }}, max(usage_on)) as complete_through_on
    from account_days
),

chain_days as (
    select
        chain_id,
        usage_on,
        sum(gross_amount) as gross_amount
    from account_days
    where mapped_deal_id is not null
    group by chain_id, usage_on
),

judged as (
    select
        chain_days.*,
        bounds.complete_through_on
    from chain_days
    cross join bounds
    where {{ days_between('chain_days.usage_on', 'bounds.complete_through_on') }} >= 0
        and {{ days_between('chain_days.usage_on', 'bounds.complete_through_on') }}
        < {{ threshold('budget_anomaly_window_days') }}
),

weeks as (
    {{ number_series(1, threshold('budget_anomaly_weeks')) }}
),

compared as (
    select
        judged.chain_id,
        judged.usage_on,
        judged.gross_amount,
        count(earlier.gross_amount) as week_count,
        median(earlier.gross_amount) as usual_amount
    from judged
    cross join weeks
    left join chain_days as earlier
        on judged.chain_id = earlier.chain_id
        and {{ weeks_before('judged.usage_on', 'weeks.number') }} = earlier.usage_on
    group by judged.chain_id, judged.usage_on, judged.gross_amount
),

jumped as (
    select
        *,
        coalesce(
            week_count >= {{ threshold('budget_anomaly_minimum_weeks') }}
            and gross_amount > usual_amount * {{ threshold('budget_anomaly_ratio') }}
            and gross_amount > {{ threshold('budget_anomaly_usd') }},
            false
        ) as is_jump
    from compared
),

final as (
    select
        chain_id,
        cast(count(*) filter (where is_jump) as integer) as day_count,
        max(usage_on) filter (where is_jump) as last_on,
        max_by(gross_amount, usage_on) filter (where is_jump) as gross_amount,
        max_by(usual_amount, usage_on) filter (where is_jump) as usual_amount
    from jumped
    group by chain_id
    having count(*) filter (where is_jump) >= {{ threshold('budget_anomaly_days') }}
)

select * from final
