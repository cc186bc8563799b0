-- One row per chain head: how far its renewal is behind the playbook, how likely it is and where that is known from, and the next
-- notice that is due.
with

heads as (
    select * from {{ ref('int_chain_heads') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

windows as (
    select * from {{ ref('rule_renewal_windows') }}
),

statuses as (
    select * from {{ ref('rule_renewal_statuses') }}
),

stages as (
    select * from {{ ref('rule_stages') }}
    where not is_closed_won and not is_closed_lost
),

named_stages as (
    select
        stages.pipeline_id,
        stages.stage_key,
        stages.stage_rank,
        coalesce(names.stage_name, stages.stage_key) as stage_name
    from stages
    left join {{ ref('stg_hubspot__pipeline_stages') }} as names
        on stages.pipeline_id = names.pipeline_id and stages.stage_id = names.stage_id
),

-- what a stage is called where no renewal deal says in which pipeline
stage_words as (
    select
        named_stages.stage_key,
        min(named_stages.stage_name) as stage_name
    from named_stages
    inner join {{ ref('rule_pipelines') }} as pipelines on named_stages.pipeline_id = pipelines.pipeline_id
    where pipelines.pipeline_kind = 'renewal'
    group by named_stages.stage_key
),

chances as (
    select * from {{ ref('int_stage_chances') }}
),

renewal_rate as (
    select
        win_ratio,
        case
            when is_measured
                then 'renewals won: ' || cast(won_count as varchar) || ' of ' || cast(won_count + lost_count as varchar)
            else 'rule_win_rates.csv'
        end as source
    from {{ ref('int_win_rates') }}
    where pipeline_kind = 'renewal'
),

notice_days as (
    select distinct cast(applies_from as integer) as days_before_end
    from {{ ref('rule_notifications') }}
    where occasion = 'agreement_ends'
),

next_notices as (
    select
        heads.deal_id,
        max(notice_days.days_before_end) as days_before_end
    from heads
    inner join notice_days on heads.days_to_end >= notice_days.days_before_end
    group by heads.deal_id
),

-- open stages of the renewal's own pipeline that it should have left behind it by now
behind as (
    select
        heads.deal_id,
        count(*) as stage_count
    from heads
    inner join deals as renewals on heads.renewal_deal_id = renewals.deal_id
    inner join windows on heads.days_to_end between windows.from_days and windows.to_days
    inner join stages as expected
        on renewals.pipeline_id = expected.pipeline_id and windows.expected_stage_key = expected.stage_key
    inner join stages as left_behind
        on renewals.pipeline_id = left_behind.pipeline_id
        and left_behind.stage_rank > renewals.stage_rank
        and left_behind.stage_rank <= expected.stage_rank
    group by heads.deal_id
),

seen as (
    select
        heads.deal_id,
        heads.annual_amount,
        heads.effective_end_on,
        renewals.amount as renewal_amount,
        renewals.currency as renewal_currency,
        coalesce(expected.stage_name, stage_words.stage_name) as expected_stage_name,
        case when expected.stage_key is not null then coalesce(behind.stage_count, 0) end as stages_behind,
        case
            when heads.renewal_deal_id is not null then chances.win_ratio
            when heads.end_source = 'auto-renewal' then 1
            when heads.lost_renewal_name is not null or statuses.meaning = 'leaving' then 0
            when heads.days_to_end < -{{ threshold('lapsed_grace_days') }} then 0
            else renewal_rate.win_ratio
        end as renewal_win_ratio,
        case
            when heads.renewal_deal_id is not null
                then 'stage ' || renewals.stage_name || ' (' || coalesce(chances.win_ratio_source, 'unknown') || ')'
            when heads.end_source = 'auto-renewal' then 'it renews itself'
            when heads.lost_renewal_name is not null then 'the renewal was lost'
            when statuses.meaning = 'leaving' then 'the deal says "' || heads.renewal_status || '"'
            when heads.days_to_end < -{{ threshold('lapsed_grace_days') }} then 'lapsed, and no renewal is open'
            else renewal_rate.source
        end as renewal_win_ratio_source,
        next_notices.days_before_end as next_notice_days
    from heads
    cross join renewal_rate
    left join deals as renewals on heads.renewal_deal_id = renewals.deal_id
    left join windows on heads.days_to_end between windows.from_days and windows.to_days
    left join named_stages as expected
        on renewals.pipeline_id = expected.pipeline_id and windows.expected_stage_key = expected.stage_key
    left join stage_words on windows.expected_stage_key = stage_words.stage_key
    left join behind on heads.deal_id = behind.deal_id
    left join chances on renewals.pipeline_id = chances.pipeline_id and renewals.stage_id = chances.stage_id
    left join statuses on heads.renewal_status = statuses.renewal_status
    left join next_notices on heads.deal_id = next_notices.deal_id
),

final as (
    select
        deal_id,
        renewal_amount,
        renewal_currency,
        expected_stage_name,
        stages_behind,
        renewal_win_ratio,
        renewal_win_ratio_source,
        -- what is not known to be renewed, in the money of the agreement
        cast(annual_amount * (1 - renewal_win_ratio) as decimal(18, 2)) as at_risk_amount,
        next_notice_days,
        cast({{ add_days('effective_end_on', '-next_notice_days') }} as date) as next_notice_on
    from seen
)

select * from final
