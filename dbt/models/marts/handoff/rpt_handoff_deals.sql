with

deals as (
    select * from {{ ref('int_handoff_deals') }}
),

gaps as (
    {{ reported_counts('fct_handoff_gaps', 'deal_id') }}
),

-- a step is unknown while a source that it rests on is not complete
steps as (
    select
        *,
        case
            when not {{ is_evaluated('HG04') }} then 'unknown'
            when has_agreement then 'done'
            when is_won then 'missing'
            else 'not due'
        end as agreement_step,
        case
            when not {{ is_evaluated('HG02') }} then 'unknown'
            when has_request then 'done'
            when request_due_on < {{ as_of() }} then 'late'
            else 'missing'
        end as request_step,
        case
            when not {{ is_evaluated('HG01') }} then 'unknown'
            when has_engagement then 'done'
            when engagement_due_on < {{ as_of() }} then 'late'
            else 'missing'
        end as engagement_step,
        case
            when not {{ is_evaluated('HG03') }} then 'unknown'
            when is_broken_down then 'done'
            when has_engagement then 'missing'
            else 'not due'
        end as breakdown_step,
        case
            when not {{ is_evaluated('HG08') }} then 'unknown'
            when is_started then 'done'
            when is_start_reached then 'late'
            else 'not due'
        end as started_step
    from deals
),

counted as (
    select
        *,
        (case when agreement_step = 'done' then 1 else 0 end)
        + (case when request_step = 'done' then 1 else 0 end)
        + (case when engagement_step = 'done' then 1 else 0 end)
        + (case when breakdown_step = 'done' then 1 else 0 end)
        + (case when started_step = 'done' then 1 else 0 end) as done_count,
        (case when agreement_step = 'unknown' then 1 else 0 end)
        + (case when request_step = 'unknown' then 1 else 0 end)
        + (case when engagement_step = 'unknown' then 1 else 0 end)
        + (case when breakdown_step = 'unknown' then 1 else 0 end)
        + (case when started_step = 'unknown' then 1 else 0 end) as unknown_count,
        (case when agreement_step = 'not due' then 0 else 1 end)
        + (case when request_step = 'not due' then 0 else 1 end)
        + (case when engagement_step = 'not due' then 0 else 1 end)
        + (case when breakdown_step = 'not due' then 0 else 1 end)
        + (case when started_step = 'not due' then 0 else 1 end) as step_count
    from steps
),

final as (
    select
        counted.deal_id,
        counted.deal_name,
        counted.deal_url as record_url,
        counted.community_name,
        counted.company_name,
        counted.pipeline_name,
        counted.stage_name,
        counted.handoff_started_on,
        counted.start_on,
        counted.end_on,
        counted.amount,
        counted.currency,
        counted.owner_name as deal_owner,
        counted.delivery_owner,
        counted.engagement_status,
        counted.agreement_step,
        counted.request_step,
        counted.engagement_step,
        counted.breakdown_step,
        counted.started_step,
        cast((counted.done_count + counted.unknown_count) / nullif(counted.step_count, 0) as double) as handoff_score_ratio,
        cast(counted.done_count / nullif(counted.step_count, 0) as double) as handoff_score_low_ratio,
        cast(coalesce(gaps.finding_count, 0) as integer) as gap_count,
        {{ as_of() }} as as_of_on
    from counted
    left join gaps on counted.deal_id = gaps.deal_id
)

select * from final
