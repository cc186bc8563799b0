with

heads as (
    select * from {{ ref('int_chain_heads') }}
),

windows as (
    select * from {{ ref('rule_renewal_windows') }}
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
        heads.renewal_deal_id,
        heads.renewal_deal_name,
        heads.renewal_stage_name,
        heads.last_contacted_on,
        heads.expiry_notice_on,
        heads.amount,
        heads.currency,
        heads.annual_amount,
        cast(coalesce(findings.finding_count, 0) as integer) as finding_count,
        {{ as_of() }} as as_of_on
    from heads
    left join windows on heads.days_to_end between windows.from_days and windows.to_days
    left join findings on heads.deal_id = findings.deal_id
)

select * from final
