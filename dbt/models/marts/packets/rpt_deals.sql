with

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived
),

scopes as (
    select * from {{ ref('int_deal_scopes') }}
),

final as (
    select
        deals.deal_id,
        deals.deal_name,
        deals.deal_url as record_url,
        deals.community_name,
        deals.company_name,
        deals.pipeline_name,
        deals.stage_name,
        deals.is_won,
        scopes.scope,
        deals.owner_name as deal_owner,
        deals.start_on,
        deals.term_end_on as end_on,
        deals.term_end_source as end_source,
        deals.next_break_on,
        deals.amount,
        deals.currency,
        deals.prepaid_cloud as prepaid_cloud_amount,
        deals.cloud_paid_by,
        deals.agreement_url,
        coalesce(deals.is_agreement_executed, false) as is_agreement_executed,
        deals.renewal_status,
        deals.handoff_started_on,
        {{ as_of() }} as as_of_on
    from deals
    left join scopes on deals.deal_id = scopes.deal_id
)

select * from final
