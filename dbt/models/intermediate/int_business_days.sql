-- One row per day: whether it is a business day of the organisation, and the number of business days up to and including it.
with

days as (
    {{ day_series("(select min(cast(value as date)) from " ~ ref('rule_organisation') ~ " where key = 'handoff_epoch')",
                  years_later(as_of(), 1)) }}
),

holidays as (
    select * from {{ ref('rule_holidays') }}
),

marked as (
    select
        days.day_on,
        {{ is_working_weekday('days.day_on') }} and holidays.holiday_on is null as is_business_day
    from days
    left join holidays on days.day_on = holidays.holiday_on
),

final as (
    select
        day_on,
        is_business_day,
        cast(sum(case when is_business_day then 1 else 0 end) over (order by day_on) as bigint) as business_day_number
    from marked
)

select * from final
