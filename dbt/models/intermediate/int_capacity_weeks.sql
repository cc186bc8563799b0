-- One row per team and week from the present one on: its first and last day that still count, and the hours that the team has for
-- delivery then, without holidays, days off, people who have left and the share that goes elsewhere.
with

days as (
    select
        day_on,
        is_business_day,
        {{ week_start('day_on') }} as week_on
    from {{ ref('int_business_days') }}
    where day_on >= {{ as_of() }}
        and day_on < {{ add_days(week_start(as_of()), days_in_weeks(threshold('capacity_horizon_weeks'))) }}
),

people as (
    select * from {{ ref('rule_capacity') }}
),

time_off as (
    select * from {{ ref('rule_time_off') }}
),

weeks as (
    select
        week_on,
        min(day_on) as from_on,
        max(day_on) as to_on
    from days
    group by week_on
),

teams as (
    select distinct team from people
),

worked as (
    select
        people.team,
        days.week_on,
        sum(people.fte * people.hours_per_week / {{ working_days_in_week() }} * (1 - people.overhead_ratio)) as supply_hours
    from days
    inner join people
        on coalesce(people.valid_from, days.day_on) <= days.day_on
        and coalesce(people.valid_to, days.day_on) >= days.day_on
    left join time_off
        on people.team = time_off.team
        and people.person = time_off.person
        and days.day_on between time_off.from_on and time_off.to_on
    where days.is_business_day and time_off.person is null
    group by people.team, days.week_on
),

final as (
    select
        teams.team,
        weeks.week_on,
        weeks.from_on,
        weeks.to_on,
        cast(coalesce(worked.supply_hours, 0) as double) as supply_hours
    from weeks
    cross join teams
    left join worked on teams.team = worked.team and weeks.week_on = worked.week_on
)

select * from final
