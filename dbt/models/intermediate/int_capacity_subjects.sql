-- One row per engagement or deal and team whose hours it takes: hours to be spread over a stretch of days, then hours for each
-- week. An engagement counts with what its deliverables still need, else with the template of its deal's type; a deal only while
-- no engagement stands for it.
with

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
    where is_active
),

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal and is_delivering
),

estimates as (
    select
        outcomes.engagement_id,
        sum(items.estimate_hours) as estimate_hours,
        sum(items.estimate_hours - coalesce(items.spent_hours, 0)) as remaining_hours
    from {{ ref('int_deliverable_outcomes') }} as outcomes
    inner join {{ ref('int_deliverables') }} as items on outcomes.deliverable_id = items.deliverable_id
    where outcomes.outcome not in ('delivered', 'dropped')
    group by outcomes.engagement_id
),

served as (
    select
        links.engagement_id,
        max(deals.term_end_on) filter (where deals.is_won) as signed_end_on
    from {{ ref('int_deal_engagements') }} as links
    inner join deals on links.deal_id = deals.deal_id
    group by links.engagement_id
),

own_engagements as (
    select distinct deal_id from {{ ref('int_deal_engagements') }}
    where distance = 0
),

any_engagements as (
    select distinct deal_id from {{ ref('int_deal_engagements') }}
),

predecessors as (
    select
        chains.deal_id,
        max(ancestors.term_end_on) as end_on
    from {{ ref('int_contract_chains') }} as chains
    inner join deals as ancestors on chains.ancestor_id = ancestors.deal_id
    where chains.distance = 1
    group by chains.deal_id
),

first_ranks as (
    select
        pipeline_id,
        stage_rank
    from {{ ref('rule_stages') }}
    where stage_key = {{ organisation('capacity_from_stage') }}
),

-- past handoff and without an engagement it is as certain as one with it
pipeline as (
    select
        deals.*,
        chances.win_ratio,
        chances.win_ratio_source,
        handoffs.deal_id is not null and deals.is_won as is_certain,
        deals.pipeline_kind = 'renewal' or predecessors.deal_id is not null as is_renewal,
        coalesce(deals.start_on, {{ add_days('predecessors.end_on', 1) }}) as begins_on
    from deals
    left join {{ ref('int_stage_chances') }} as chances on deals.stage_id = chances.stage_id
    left join {{ ref('int_handoff_deals') }} as handoffs on deals.deal_id = handoffs.deal_id
    left join own_engagements on deals.deal_id = own_engagements.deal_id
    left join any_engagements on deals.deal_id = any_engagements.deal_id
    left join predecessors on deals.deal_id = predecessors.deal_id
    left join first_ranks on deals.pipeline_id = first_ranks.pipeline_id
    where not deals.is_lost
        and own_engagements.deal_id is null
        and case
            when deals.is_won then handoffs.deal_id is not null and any_engagements.deal_id is null
            else coalesce(deals.stage_rank >= first_ranks.stage_rank, first_ranks.pipeline_id is null)
        end
),

united as (
    select
        'engagement' as subject_type,
        engagements.engagement_id as subject_id,
        engagements.engagement_name as subject,
        engagements.engagement_url as record_url,
        engagements.deal_id,
        stated.deal_type,
        true as is_committed,
        cast(1 as double) as win_ratio,
        'engagement' as win_ratio_source,
        false as is_renewal,
        -- what should have begun and has not begins now
        case
            when engagements.is_started or engagements.start_on >= {{ as_of() }} then engagements.start_on
            when engagements.start_on is not null then {{ as_of() }}
        end as start_on,
        coalesce(served.signed_end_on, engagements.end_on) as end_on,
        coalesce(estimates.estimate_hours, 0) > 0 as is_estimated,
        estimates.remaining_hours
    from engagements
    left join {{ ref('stg_hubspot__deals') }} as stated on engagements.deal_id = stated.deal_id
    left join served on engagements.engagement_id = served.engagement_id
    left join estimates on engagements.engagement_id = estimates.engagement_id
    union all
    select
        'deal' as subject_type,
        deal_id as subject_id,
        deal_name as subject,
        deal_url as record_url,
        deal_id,
        deal_type,
        is_certain as is_committed,
        case when is_certain then 1 else win_ratio end as win_ratio,
        case when is_certain then 'won' else win_ratio_source end as win_ratio_source,
        is_renewal,
        case when begins_on is not null then greatest(begins_on, {{ as_of() }}) end as start_on,
        case when begins_on is not null then coalesce(term_end_on, {{ year_after('begins_on') }}) end as end_on,
        false as is_estimated,
        cast(null as decimal(18, 2)) as remaining_hours
    from pipeline
),

templates as (
    select * from {{ ref('rule_effort') }}
),

matched as (
    select
        united.*,
        coalesce(own.team, rest.team, {{ organisation('delivery_team') }}) as team,
        case when united.is_renewal then 0 else coalesce(own.onboarding_hours, rest.onboarding_hours) end as onboarding_hours,
        {{ days_in_weeks('coalesce(own.onboarding_weeks, rest.onboarding_weeks)') }} as onboarding_days,
        coalesce(own.steady_hours_per_week, rest.steady_hours_per_week) as steady_hours_per_week
    from united
    left join templates as own on united.deal_type = own.deal_type
    left join templates as rest on rest.deal_type = '*' and own.deal_type is null
),

-- an estimate says what the whole takes; without one there is the template, of which only the days that are left count
placed as (
    select
        *,
        case when is_estimated then {{ as_of() }} else start_on end as spread_start_on,
        case
            when is_estimated then end_on
            else {{ add_days('start_on', 'onboarding_days - 1') }}
        end as spread_end_on,
        case when is_estimated then greatest(remaining_hours, 0) else onboarding_hours end as spread_hours
    from matched
    where not is_estimated or team = {{ organisation('delivery_team') }}
),

dated as (
    select
        subject_type,
        subject_id,
        subject,
        record_url,
        deal_id,
        team,
        is_committed,
        win_ratio,
        win_ratio_source,
        is_renewal,
        is_estimated,
        coalesce(remaining_hours < 0, false) as is_overspent,
        team is not null and steady_hours_per_week is null and not is_estimated as is_without_template,
        start_on is null and not is_estimated or (is_estimated and end_on is null) as is_undated,
        -- of a template that has begun the share of the days that are left
        case
            when is_estimated then spread_hours
            when spread_end_on < {{ as_of() }} then 0
            else spread_hours * {{ weekdays_between('greatest(spread_start_on, ' ~ as_of() ~ ')', 'spread_end_on') }}
                / nullif({{ weekdays_between('spread_start_on', 'spread_end_on') }}, 0)
        end as spread_hours,
        greatest(spread_start_on, {{ as_of() }}) as spread_from_on,
        -- what is overdue is done this week
        greatest(spread_end_on, {{ week_after('greatest(spread_start_on, ' ~ as_of() ~ ')') }}) as spread_to_on,
        case when not is_estimated then steady_hours_per_week end as steady_hours_per_week,
        case when not is_estimated then greatest({{ add_days('spread_end_on', 1) }}, {{ as_of() }}) end as steady_from_on,
        case when not is_estimated and end_on is not null then greatest(end_on, {{ week_after(as_of()) }}) end as steady_to_on,
        -- without days there is only the sum: to set it up, and a year of running it
        coalesce(spread_hours, 0)
        + coalesce(case when not is_estimated then {{ yearly_of_weekly('steady_hours_per_week') }} end, 0) as year_hours
    from placed
),

final as (
    select
        *,
        {{ weekdays_between('spread_from_on', 'spread_to_on') }} as spread_weekdays
    from dated
)

select * from final
