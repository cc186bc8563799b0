with

united as (
    select * from {{ ref('int_handoff_gaps') }}
    union all by name
    select * from {{ ref('int_capacity_gaps') }}
),

gaps as (
    select
        * exclude (owner_name),
        owner_name as deal_owner_name,
        delivery_owner as delivery_owner_name
    from united
),

found as (
    {{ findings_of('gaps', [
        'pipeline_name', 'stage_name', 'stage_entered_at', 'handoff_started_on', 'company_name', 'deal_owner_name',
        'delivery_owner_name', 'start_on', 'end_on', 'amount', 'currency', 'engagement_ids', 'order_ids', 'issue_urls',
        'agreement_url', 'age_business_days',
    ]) }}
),

final as (
    select
        * exclude (deal_owner_name, delivery_owner_name),
        deal_owner_name as deal_owner,
        delivery_owner_name as delivery_owner
    from found
)

select * from final
