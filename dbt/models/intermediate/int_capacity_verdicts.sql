-- One row per open deal from proposal on without an engagement: whether the delivering teams have the hours, if it is won for
-- certain and the others are won by their chances, and whether somebody was asked.
with

deals as (
    select * from {{ ref('int_deals') }}
),

subjects as (
    select * from {{ ref('int_capacity_subjects') }}
),

weeks as (
    select * from {{ ref('int_capacity_weeks') }}
),

demand as (
    select
        demand.*,
        demand.hours * coalesce(subjects.win_ratio, 1) as weighted_hours
    from {{ ref('int_capacity_demand') }} as demand
    inner join subjects
        on demand.subject_type = subjects.subject_type and demand.subject_id = subjects.subject_id and demand.team = subjects.team
),

totals as (
    select
        team,
        week_on,
        sum(weighted_hours) as weighted_hours
    from demand
    group by team, week_on
),

proposed as (
    select
        subjects.subject_id as deal_id,
        subjects.team,
        subjects.is_undated,
        subjects.is_without_template,
        subjects.win_ratio,
        subjects.win_ratio_source
    from subjects
    where subjects.subject_type = 'deal' and not subjects.is_committed and not subjects.is_renewal
),

loads as (
    select
        proposed.deal_id,
        demand.team,
        demand.week_on,
        totals.weighted_hours - demand.weighted_hours + demand.hours as load_hours,
        weeks.supply_hours,
        demand.hours
    from proposed
    inner join demand
        on demand.subject_type = 'deal' and proposed.deal_id = demand.subject_id and proposed.team = demand.team
    inner join totals on demand.team = totals.team and demand.week_on = totals.week_on
    inner join weeks on demand.team = weeks.team and demand.week_on = weeks.week_on
),

-- a sum of hours ends in other digits on another engine; of weeks that are equally full the first counts
ratios as (
    select
        deal_id,
        week_on,
        hours,
        round(case when supply_hours > 0 then load_hours / supply_hours else 2 end, 9) as ratio
    from loads
),

highest as (
    select
        deal_id,
        max(ratio) as ratio,
        sum(hours) as hours
    from ratios
    group by deal_id
),

worst as (
    select
        highest.deal_id,
        max(highest.ratio) as highest_ratio,
        min(ratios.week_on) as tightest_week_on,
        max(highest.hours) as hours
    from highest
    inner join ratios on highest.deal_id = ratios.deal_id and highest.ratio = ratios.ratio
    group by highest.deal_id
),

asked as (
    select
        deal_id,
        true as has_issue
    from {{ ref('int_delivery_requests') }}
    union
    select
        deal_id,
        true as has_issue
    from {{ ref('int_deal_board_items') }}
),

final as (
    select
        proposed.deal_id,
        min(proposed.win_ratio) as win_ratio,
        min(proposed.win_ratio_source) as win_ratio_source,
        max(worst.highest_ratio) as highest_ratio,
        max(worst.tightest_week_on) as tightest_week_on,
        max(worst.hours) as hours,
        case
            when bool_or(proposed.is_undated) then 'unknown'
            when bool_or(proposed.is_without_template) or max(worst.highest_ratio) is null then 'unknown'
            when max(worst.highest_ratio) > {{ threshold('capacity_red_ratio') }} then 'overload'
            when max(worst.highest_ratio) > {{ threshold('capacity_amber_ratio') }} then 'tight'
            else 'fits'
        end as verdict,
        case
            when bool_or(proposed.is_undated) then 'it has no start date'
            when bool_or(proposed.is_without_template) then 'its type has no template'
            when max(worst.highest_ratio) is null then 'it begins beyond the weeks that are planned, or its team has no people'
        end as why_unknown,
        max(stated.capacity_checked_on) as checked_on,
        bool_or(coalesce(asked.has_issue, false)) as has_issue
    from proposed
    inner join deals on proposed.deal_id = deals.deal_id
    inner join {{ ref('stg_hubspot__deals') }} as stated on proposed.deal_id = stated.deal_id
    left join worst on proposed.deal_id = worst.deal_id
    left join asked on proposed.deal_id = asked.deal_id
    group by proposed.deal_id
)

select * from final
