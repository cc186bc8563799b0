with

subjects as (
    select * from {{ ref('int_capacity_subjects') }}
),

dated as (
    select * from {{ ref('int_capacity_demand') }}
),

-- what has no dates is in no week and is not dropped
united as (
    select * from dated
    union all
    select
        team,
        cast(null as date) as week_on,
        subject_type,
        subject_id,
        cast(year_hours as double) as hours
    from subjects
    where is_undated
),

final as (
    select
        united.team,
        united.week_on,
        united.subject_type,
        united.subject_id,
        subjects.subject,
        subjects.record_url,
        subjects.deal_id,
        round(united.hours, 2) as hours,
        round(case when subjects.is_committed then united.hours else united.hours * coalesce(subjects.win_ratio, 1) end, 2)
            as weighted_hours,
        subjects.is_committed,
        round(subjects.win_ratio, 3) as win_ratio,
        subjects.win_ratio_source,
        case when subjects.is_estimated then 'estimate' else 'template' end as basis,
        subjects.is_undated,
        subjects.is_overspent,
        {{ as_of() }} as as_of_on
    from united
    inner join subjects
        on united.subject_type = subjects.subject_type
        and united.subject_id = subjects.subject_id
        and united.team = subjects.team
)

select * from final
