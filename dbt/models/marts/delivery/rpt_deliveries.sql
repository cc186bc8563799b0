with

engagements as (
    select * from {{ ref('int_delivery_engagements') }}
),

steps as (
    select
        engagement_id,
        count(*) as step_count,
        count(*) filter (where step_status = 'done') as done_count,
        count(*) filter (where step_status in ('late', 'regressed')) as late_count,
        min_by(step_name, step_rank) filter (where step_status <> 'done') as next_step,
        min_by(step_status, step_rank) filter (where step_status <> 'done') as next_step_status,
        min_by(due_on, step_rank) filter (where step_status <> 'done') as next_due_on
    from {{ ref('int_delivery_steps') }}
    group by engagement_id
),

usage as (
    select * from {{ ref('int_engagement_usage') }}
),

found as (
    {{ reported_counts('fct_delivery_findings', 'subject_id', name='engagement_id') }}
),

final as (
    select
        engagements.engagement_id,
        engagements.engagement_name,
        engagements.engagement_url as record_url,
        engagements.community_name,
        engagements.deal_id,
        engagements.deal_name,
        engagements.deal_owner,
        engagements.delivery_owner,
        engagements.status,
        engagements.rag,
        engagements.action is not null as has_action,
        cast(engagements.last_status_update_days as integer) as last_status_update_days,
        engagements.is_hub,
        engagements.start_on,
        engagements.end_on,
        engagements.requested_on,
        cast(engagements.promised_count as integer) as promised_item_count,
        cast(engagements.delivered_count as integer) as delivered_item_count,
        cast(steps.step_count as integer) as step_count,
        cast(steps.done_count as integer) as done_step_count,
        cast(steps.late_count as integer) as late_step_count,
        steps.next_step,
        steps.next_step_status,
        steps.next_due_on,
        usage.usage_state,
        cast(usage.least_count as integer) as recent_user_count,
        usage.usage_through_on,
        usage.reached_on as value_reached_on,
        case
            when usage.reached_on is not null
                then cast(greatest(0, {{ days_between('engagements.requested_on', 'usage.reached_on') }}) as integer)
        end as tfv_days,
        usage.is_reached_exact as is_tfv_exact,
        case
            when usage.reached_on is null and usage.usage_state <> 'unknown'
                then cast(greatest(0, {{ days_between('engagements.requested_on', 'usage.usage_through_on') }}) as integer)
        end as tfv_waiting_days,
        cast(coalesce(found.finding_count, 0) as integer) as finding_count,
        {{ as_of() }} as as_of_on
    from engagements
    left join steps on engagements.engagement_id = steps.engagement_id
    left join usage on engagements.engagement_id = usage.engagement_id
    left join found on engagements.engagement_id = found.engagement_id
)

select * from final
