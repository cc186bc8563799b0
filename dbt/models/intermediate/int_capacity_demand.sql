-- One row per team, week and engagement or deal that takes hours in it.
with

weeks as (
    select * from {{ ref('int_capacity_weeks') }}
),

subjects as (
    select * from {{ ref('int_capacity_subjects') }}
    where not is_undated
),

crossed as (
    select
        weeks.team,
        weeks.week_on,
        subjects.subject_type,
        subjects.subject_id,
        coalesce(
            subjects.spread_hours
            * {{ weekdays_between(
                'greatest(weeks.from_on, subjects.spread_from_on)', 'least(weeks.to_on, subjects.spread_to_on)'
            ) }}
            / nullif(subjects.spread_weekdays, 0),
            0
        )
        + coalesce(
            subjects.steady_hours_per_week / {{ working_days_in_week() }}
            * {{ weekdays_between(
                'greatest(weeks.from_on, subjects.steady_from_on)', 'least(weeks.to_on, coalesce(subjects.steady_to_on, weeks.to_on))'
            ) }},
            0
        ) as hours
    from weeks
    inner join subjects on weeks.team = subjects.team
),

final as (
    select
        team,
        week_on,
        subject_type,
        subject_id,
        cast(hours as double) as hours
    from crossed
    where hours > 0
)

select * from final
