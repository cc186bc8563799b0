-- One row per signed deal whose cloud we pay and for which the billing sheet has no column, neither by it or a deal that it
-- renews nor by its community: nobody can pass its costs on (HG05).
with

columns as (
    select * from {{ ref('int_billing_columns') }}
),

counted as (
    select
        count(*) as column_count,
        min(source) as column_source
    from columns
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

final as (
    select
        deals.deal_id,
        counted.column_count,
        counted.column_source
    from deals
    cross join counted
    left join by_number on deals.deal_id = by_number.deal_id
    left join by_name on deals.deal_id = by_name.deal_id
    -- without a sheet nobody knows
    where counted.column_count > 0 and by_number.deal_id is null and by_name.deal_id is null
)

select * from final
