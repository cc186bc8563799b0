-- One row per open proposal of which nobody can say whether it fits and nobody was asked (HG06), shaped as int_handoff_gaps.
with

deals as (
    select * from {{ ref('int_deals') }}
),

verdicts as (
    select * from {{ ref('int_capacity_verdicts') }}
    where verdict = 'unknown' and checked_on is null and not has_issue
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

final as (
    select
        'HG06:deal-' || deals.deal_id as finding_id,
        'HG06' as rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        deals.deal_id as subject_id,
        deals.deal_name as subject,
        deals.deal_id,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        cast(null as varchar) as delivery_owner,
        cast(null as date) as due_on,
        deals.deal_name || ' is in ' || deals.stage_name || ', and nobody knows whether it fits: ' || verdicts.why_unknown
        || ', and no consultation of Product & Services is recorded.' as reason,
        deals.deal_url as record_url,
        {{ evidence([
            ('stage', 'deals.stage_name', 'hubspot'),
            ('start_on', 'deals.start_on', 'hubspot'),
            ('capacity_checked_on', 'verdicts.checked_on', 'hubspot'),
            ('request_issue', 'cast(null as varchar)', 'github'),
        ]) }} as evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        deals.pipeline_name,
        deals.stage_name,
        deals.stage_entered_at,
        cast(null as date) as handoff_started_on,
        deals.company_name,
        deals.owner_name,
        deals.start_on,
        deals.term_end_on as end_on,
        deals.amount,
        deals.currency,
        cast(null as varchar) as engagement_ids,
        deals.order_ids,
        cast(null as varchar) as issue_urls,
        deals.agreement_url,
        cast(null as bigint) as age_business_days
    from verdicts
    inner join deals on verdicts.deal_id = deals.deal_id
    cross join loads
)

select * from final
