-- One row per deal in work, or with an agreement that runs, and thing about it that other reports have to do without: an owner
-- who still works here, and an amount in money that can be added up.
with

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal and is_delivering and stage_rank is not null
        and not is_lost
        and (not is_won or coalesce(term_end_on >= {{ as_of() }}, true))
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

rates as (
    select distinct currency from {{ ref('map_fx_rates') }}
    where rate_on <= {{ as_of() }}
),

left_behind as (
    select
        deals.deal_id,
        'OW01' as rule_id,
        deals.deal_name || ' belongs to ' || deals.owner_name
        || ', who no longer works here; until somebody else owns it, its findings go to the lead of the team.' as reason,
        {{ evidence([
            ('owner', 'deals.owner_name', 'hubspot'),
            ('is_owner_active', 'deals.is_owner_active', 'hubspot'),
        ]) }} as evidence
    from deals
    cross join loads
    where deals.owner_name is not null and not deals.is_owner_active
),

without_a_rate as (
    select
        deals.deal_id,
        'FX01' as rule_id,
        deals.deal_name || ' is sold for ' || {{ money_words('deals.amount', 'deals.currency') }}
        || ', and map_fx_rates.csv has no rate for ' || deals.currency
        || '; it is left out wherever money is added up.' as reason,
        {{ evidence([
            ('amount', 'deals.amount', 'hubspot'),
            ('currency', 'deals.currency', 'hubspot'),
        ]) }} as evidence
    from deals
    left join rates on deals.currency = rates.currency
    cross join loads
    where deals.amount <> 0
        and deals.currency is not null
        and deals.currency <> {{ organisation('currency') }}
        and rates.currency is null
),

united as (
    select * from left_behind
    union all
    select * from without_a_rate
),

final as (
    select
        rule_id || ':deal-' || deal_id as finding_id,
        rule_id,
        deal_id,
        cast(null as date) as due_on,
        reason,
        evidence,
        cast(null as bigint) as dwell_seconds,
        'current' as evidence_mode
    from united
)

select * from final
