with

heads as (
    select * from {{ ref('int_chain_heads') }}
),

windows as (
    select * from {{ ref('rule_renewal_windows') }}
),

outlooks as (
    select * from {{ ref('int_renewal_outlooks') }}
),

terms as (
    select * from {{ ref('int_renewal_terms') }}
),

deliveries as (
    select
        linked.deal_id,
        linked.engagement_name,
        linked.engagement_url,
        engagements.rag
    from {{ ref('int_deal_engagements') }} as linked
    inner join {{ ref('int_engagements') }} as engagements on linked.engagement_id = engagements.engagement_id
    where linked.position = 1
),

findings as (
    {{ reported_counts('fct_renewal_findings', 'deal_id') }}
),

final as (
    select
        heads.chain_id,
        heads.deal_id,
        heads.deal_name,
        heads.deal_url as record_url,
        heads.community_name,
        heads.company_name,
        heads.owner_name as deal_owner,
        heads.is_owner_active,
        cast(heads.chain_length as integer) as chain_length,
        heads.start_on,
        heads.effective_end_on,
        heads.end_source,
        cast(heads.days_to_end as integer) as days_to_end,
        windows.window_key,
        windows.window_name,
        windows.window_rank,
        coalesce(heads.days_to_end <= {{ threshold('renewal_horizon_days') }}, false) as is_within_horizon,
        heads.renewal_deal_id,
        heads.renewal_deal_name,
        heads.renewal_stage_name,
        outlooks.expected_stage_name,
        cast(outlooks.stages_behind as integer) as stages_behind,
        heads.renewal_owner_name as renewal_owner,
        outlooks.renewal_amount,
        outlooks.renewal_currency,
        heads.renewal_status,
        heads.last_contacted_on,
        heads.expiry_notice_on,
        outlooks.next_notice_on,
        cast(outlooks.next_notice_days as integer) as next_notice_days,
        cast(case when terms.gap_days < 0 then 0 else terms.gap_days end as integer) as gap_days,
        cast(case when terms.overlap_days < 0 then 0 else terms.overlap_days end as integer) as overlap_days,
        deliveries.engagement_name,
        deliveries.engagement_url,
        deliveries.rag,
        heads.amount,
        heads.currency,
        heads.annual_amount,
        outlooks.renewal_win_ratio,
        outlooks.renewal_win_ratio_source,
        outlooks.at_risk_amount,
        cast(coalesce(findings.finding_count, 0) as integer) as finding_count,
        {{ as_of() }} as as_of_on
    from heads
    left join windows on heads.days_to_end between windows.from_days and windows.to_days
    left join outlooks on heads.deal_id = outlooks.deal_id
    left join terms on heads.deal_id = terms.deal_id
    left join deliveries on heads.deal_id = deliveries.deal_id
    left join findings on heads.deal_id = findings.deal_id
)

select * from final
