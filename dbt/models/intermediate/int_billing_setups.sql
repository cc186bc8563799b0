-- One row per signed deal whose cloud we pay and for which the imported billing sheet has no column, neither by it or a deal that
-- it renews nor by its community: nobody can pass its costs on (HG05).
with

columns as (
    select
        file_name,
        deal_id,
        {{ compared_text('header') }} as compared_header
    from {{ ref('stg_files__billing_columns') }}
),

counted as (
    select count(*) as column_count from columns
),

deals as (
    select deals.*
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_deal_scopes') }} as scopes on deals.deal_id = scopes.deal_id
    where scopes.scope = 'handoff'
        and deals.is_won
        and deals.cloud_paid_by = {{ organisation('cloud_paid_by_us') }}
        and coalesce(deals.term_end_on >= {{ as_of() }}, true)
),

communities as (
    select * from {{ ref('stg_hubspot__communities') }}
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

-- the deal itself stands in its chain at distance 0
by_number as (
    select distinct deals.deal_id
    from deals
    inner join {{ ref('int_contract_chains') }} as chains on deals.deal_id = chains.deal_id
    left join aliases on chains.ancestor_id = aliases.deal_id
    inner join columns on columns.deal_id in (chains.ancestor_id, aliases.old_id)
),

by_name as (
    select distinct deals.deal_id
    from deals
    left join communities on deals.community_record_id = communities.community_record_id
    inner join columns
        on columns.compared_header in (
            {{ compared_text('deals.deal_name') }},
            {{ compared_text('communities.community_name') }},
            {{ compared_text('communities.community_id') }}
        )
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

final as (
    select
        'HG05:deal-' || deals.deal_id as finding_id,
        'HG05' as rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        deals.deal_id as subject_id,
        deals.deal_name as subject,
        deals.deal_id,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        cast(null as varchar) as delivery_owner,
        deals.start_on as due_on,
        'We pay the cloud of ' || deals.deal_name || ', and none of the ' || {{ count_words('counted.column_count', 'column') }}
        || ' of the billing sheet is called by it or its community.' as reason,
        deals.deal_url as record_url,
        {{ evidence([
            ('cloud_paid_by', 'deals.cloud_paid_by', 'hubspot'),
            ('columns', 'counted.column_count', 'files'),
        ]) }} as evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        deals.pipeline_name,
        deals.stage_name,
        deals.stage_entered_at,
        deals.handoff_started_on,
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
    from deals
    cross join counted
    cross join loads
    left join by_number on deals.deal_id = by_number.deal_id
    left join by_name on deals.deal_id = by_name.deal_id
    -- without an imported sheet nobody knows
    where counted.column_count > 0 and by_number.deal_id is null and by_name.deal_id is null
)

select * from final
