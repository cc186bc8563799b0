with

weeks as (
    select * from {{ ref('int_capacity_weeks') }}
),

subjects as (
    select * from {{ ref('int_capacity_subjects') }}
),

scenarios as (
    select
        listed.scenario,
        listed.scenario_rank
    from (values ('confirmed', 1), ('weighted', 2), ('exposure', 3)) as listed (scenario, scenario_rank)
),

-- what is certain counts in every scenario; the pipeline by its chances, or as if all of it were won
weighed as (
    select
        subjects.*,
        scenarios.scenario,
        scenarios.scenario_rank,
        case
            when subjects.is_committed or scenarios.scenario = 'exposure' then 1
            when scenarios.scenario = 'weighted' then coalesce(subjects.win_ratio, 1)
            else 0
        end as share
    from subjects
    cross join scenarios
),

demand as (
    select
        demand.team,
        demand.week_on,
        weighed.scenario,
        weighed.subject,
        weighed.is_committed,
        demand.hours * weighed.share as hours
    from {{ ref('int_capacity_demand') }} as demand
    inner join weighed
        on demand.subject_type = weighed.subject_type
        and demand.subject_id = weighed.subject_id
        and demand.team = weighed.team
    where weighed.share > 0
),

ranked as (
    select
        *,
        row_number() over (partition by team, week_on, scenario order by hours desc, subject asc) as position
    from demand
),

summed as (
    select
        team,
        week_on,
        scenario,
        sum(hours) as demand_hours,
        sum(hours) filter (where is_committed) as committed_hours,
        string_agg(subject, ', ' order by position asc) filter (where position <= 3) as drivers
    from ranked
    group by team, week_on, scenario
),

undated as (
    select
        team,
        scenario,
        sum(year_hours * share) filter (where is_undated) as undated_hours,
        count(*) filter (where is_undated and share > 0) as undated_count,
        count(*) filter (where not is_estimated and share > 0) as unestimated_count
    from weighed
    group by team, scenario
),

rated as (
    select
        weeks.team,
        weeks.week_on,
        scenarios.scenario,
        scenarios.scenario_rank,
        weeks.supply_hours,
        coalesce(summed.committed_hours, 0) as committed_hours,
        coalesce(summed.demand_hours, 0) as demand_hours,
        case
            when weeks.supply_hours > 0 then coalesce(summed.demand_hours, 0) / weeks.supply_hours
        end as utilisation_ratio,
        summed.drivers
    from weeks
    cross join scenarios
    left join summed
        on weeks.team = summed.team and weeks.week_on = summed.week_on and scenarios.scenario = summed.scenario
),

judged as (
    select
        *,
        case
            when demand_hours > supply_hours * {{ threshold('capacity_red_ratio') }} then 'red'
            when demand_hours > supply_hours * {{ threshold('capacity_amber_ratio') }} then 'amber'
            else 'green'
        end as light
    from rated
),

final as (
    select
        judged.team,
        judged.week_on,
        judged.scenario,
        cast(judged.scenario_rank as integer) as scenario_rank,
        round(judged.supply_hours, 1) as supply_hours,
        round(judged.committed_hours, 1) as committed_hours,
        round(judged.demand_hours, 1) as demand_hours,
        round(judged.utilisation_ratio, 3) as utilisation_ratio,
        judged.light,
        min(case when judged.light = 'red' then judged.week_on end) over (partition by judged.team, judged.scenario)
            as first_overload_on,
        judged.drivers,
        round(cast(coalesce(undated.undated_hours, 0) as double), 1) as undated_hours,
        cast(coalesce(undated.undated_count, 0) as integer) as undated_count,
        cast(coalesce(undated.unestimated_count, 0) as integer) as unestimated_count,
        {{ as_of() }} as as_of_on
    from judged
    left join undated on judged.team = undated.team and judged.scenario = undated.scenario
)

select * from final
