with

relations as (
    select * from {{ ref('int_relations') }}
),

findings as (
    {{ reported_counts('fct_reconciliation_findings', 'component_id') }}
),

final as (
    select
        relations.component_id,
        relations.relation,
        relations.subject,
        relations.community_name,
        relations.deal_ids,
        relations.deal_names,
        relations.engagement_ids,
        relations.engagement_names,
        relations.deal_count,
        relations.period_count,
        relations.engagement_count,
        relations.is_active,
        relations.is_allowed,
        relations.allowed_reason,
        relations.merged_deal_ids,
        relations.kept_engagement_ids,
        relations.copied_engagement_ids,
        relations.unresolved_addresses,
        relations.suggested_id,
        relations.deal_owner,
        relations.delivery_owner,
        coalesce(findings.finding_count, 0) as finding_count,
        relations.record_url,
        {{ as_of() }} as as_of_on
    from relations
    left join findings on relations.component_id = findings.component_id
)

select * from final
