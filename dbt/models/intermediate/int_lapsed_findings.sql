-- One row per service that is in use without an agreement: the rule that its age decides.
with

services as (
    select * from {{ ref('int_lapsed_agreements') }}
    where rule_id is not null
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

worded as (
    select
        services.*,
        case
            when services.has_cost_signal
                then 'it costs ' || {{ money_words('services.daily_burn_amount', organisation('currency')) }} || ' a day, '
                    || {{ money_words('coalesce(services.uncovered_amount, 0)', organisation('currency')) }}
                    || ' so far without an agreement'
        end as cost_words,
        case
            when services.has_engagement_signal
                then coalesce('its engagement is "' || services.engagement_status || '"', 'its engagement is not complete')
        end as engagement_words,
        case
            when services.has_issue_signal
                then 'its issue was last touched on ' || {{ day_words('services.issue_touched_on') }}
        end as issue_words,
        case
            when services.has_usage_signal
                then case
                        when services.used_by_count = 1 then 'one person'
                        else 'at least ' || cast(services.used_by_count as varchar) || ' people'
                    end || ' used it in the days to ' || {{ day_words('services.used_through_on') }}
        end as usage_words
    from services
),

final as (
    select
        worded.rule_id || ':deal-' || worded.deal_id as finding_id,
        worded.rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        worded.deal_id as subject_id,
        worded.deal_name as subject,
        worded.deal_id,
        worded.community_name,
        -- past the time for a decision it is the lead's, whoever owns the deal
        case
            when worded.rule_id = 'LA03' then null
            when worded.is_renewal_owner_active then worded.renewal_owner_name
            when worded.is_owner_active then worded.owner_name
        end as deal_owner,
        worded.delivery_owner,
        case worded.rule_id
            when 'LA01' then worded.notice_due_on
            when 'LA04' then worded.extended_until_on
            else worded.decision_due_on
        end as due_on,
        worded.deal_name
        || case
            when worded.kind = 'never contracted' then ' was never signed'
            else ' ended ' || {{ count_words('worded.days_lapsed', 'day') }} || ' ago, on '
                || {{ day_words('worded.ended_on') }} || ','
                || case
                    when worded.extended_until_on > worded.ended_on
                        then ' was extended until ' || {{ day_words('worded.extended_until_on') }} || ','
                    else ''
                end
        end
        || ' and is still in use: '
        || concat_ws('; ', worded.cost_words, worded.engagement_words, worded.issue_words, worded.usage_words) || '.'
        || case
            when worded.rule_id = 'LA03' then ' The decision was due on ' || {{ day_words('worded.decision_due_on') }} || '.'
            when worded.kind = 'lapsed' then ' The decision is due on ' || {{ day_words('worded.decision_due_on') }} || '.'
            else ''
        end as reason,
        worded.deal_url as record_url,
        {{ evidence([
            ('effective_end_on', 'worded.ended_on', 'hubspot'),
            ('stage', 'worded.stage_name', 'hubspot'),
            ('renewal_deal', 'worded.renewal_deal_name', 'hubspot'),
            ('renewal_status', 'worded.renewal_status', 'hubspot'),
            ('extended_until_on', 'worded.extended_until_on', 'engagements'),
            ('daily_burn', 'cast(worded.daily_burn_amount as decimal(18, 2))', 'aws'),
            ('uncovered_cost', 'cast(worded.uncovered_amount as decimal(18, 2))', 'aws'),
            ('engagement_status', 'worded.engagement_status', 'engagements'),
            ('issue_touched_on', 'worded.issue_touched_on', 'github'),
            ('used_through_on', 'worded.used_through_on', 'worded.usage_source'),
        ]) }} as evidence,
        case when worded.has_issue_signal and not worded.has_cost_signal and not worded.has_engagement_signal then 'github' end
            as extra_needs,
        false as is_uncertain,
        worded.ended_on as effective_end_on,
        worded.days_lapsed,
        worded.decision_due_on,
        cast(worded.uncovered_amount as decimal(18, 2)) as uncovered_usd
    from worded
    cross join loads
)

select * from final
