with

stages as (
    select * from {{ ref('int_stage_names') }}
    where is_known_stage
),

visits as (
    select * from {{ ref('fct_stage_visits') }}
    where not is_misclick and not is_left_out
),

deals as (
    select * from {{ ref('int_deals') }}
),

limits as (
    select
        {{ threshold('stage_conversion_days') }} as conversion_days,
        {{ threshold('stage_cohort_days') }} as cohort_days
),

first_entries as (
    select
        deal_id,
        stage_id,
        min(entered_at) as entered_at
    from visits
    group by deal_id, stage_id
),

cohort as (
    select
        first_entries.deal_id,
        stages.pipeline_id,
        stages.stage_id,
        stages.stage_rank,
        first_entries.entered_at,
        {{ organisation_date('first_entries.entered_at') }} as entered_on,
        {{ add_days(organisation_date('first_entries.entered_at'), 'limits.conversion_days') }} as decided_on,
        deals.is_lost
    from first_entries
    inner join stages on first_entries.stage_id = stages.stage_id and not stages.is_closed
    inner join deals on first_entries.deal_id = deals.deal_id
    cross join limits
    where {{ days_between(organisation_date('first_entries.entered_at'), as_of()) }} between 0 and limits.cohort_days
),

targets as (
    select
        cohort.*,
        later.stage_id as to_stage_id,
        later.stage_name as to_stage_name,
        later.stage_rank as to_stage_rank
    from cohort
    inner join stages as later
        on cohort.pipeline_id = later.pipeline_id and cohort.stage_rank < later.stage_rank and not later.is_lost
),

reached as (
    select
        targets.deal_id,
        targets.stage_id,
        targets.to_stage_id,
        min({{ organisation_date('visits.entered_at') }}) as reached_on
    from targets
    inner join visits
        on targets.deal_id = visits.deal_id
        and targets.pipeline_id = visits.pipeline_id
        and targets.to_stage_rank <= visits.stage_rank
        and targets.entered_at <= visits.entered_at
    group by targets.deal_id, targets.stage_id, targets.to_stage_id
),

-- who is neither there nor lost while the days are not over may still come: that is no failure, and no success either
outcomes as (
    select
        targets.*,
        case
            when reached.reached_on <= targets.decided_on then 'converted'
            when targets.is_lost or targets.decided_on < {{ as_of() }} then 'not converted'
            else 'censored'
        end as outcome
    from targets
    left join reached
        on targets.deal_id = reached.deal_id
        and targets.stage_id = reached.stage_id
        and targets.to_stage_id = reached.to_stage_id
),

counted as (
    select
        stage_id,
        to_stage_id,
        count(*) as cohort_count,
        count(*) filter (where outcome = 'converted') as converted_count,
        count(*) filter (where outcome = 'not converted') as not_converted_count,
        count(*) filter (where outcome = 'censored') as censored_count
    from outcomes
    group by stage_id, to_stage_id
),

final as (
    select
        stages.pipeline_id,
        stages.pipeline_name,
        stages.stage_id as from_stage_id,
        stages.stage_name as from_stage_name,
        stages.stage_rank as from_stage_rank,
        later.stage_id as to_stage_id,
        later.stage_name as to_stage_name,
        later.stage_rank as to_stage_rank,
        cast(counted.cohort_count as integer) as cohort_count,
        cast(counted.converted_count as integer) as converted_count,
        cast(counted.not_converted_count as integer) as not_converted_count,
        cast(counted.censored_count as integer) as censored_count,
        cast(
            counted.converted_count / nullif(counted.converted_count + counted.not_converted_count, 0) as double
        ) as conversion_ratio,
        cast(limits.conversion_days as integer) as conversion_days,
        {{ as_of() }} as as_of_on
    from counted
    inner join stages on counted.stage_id = stages.stage_id
    inner join stages as later on counted.to_stage_id = later.stage_id
    cross join limits
)

select * from final
