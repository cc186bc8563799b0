-- One row per deal that brings or may bring money: its days, its amount in the organisation's currency, what it counts as, and
-- why it is left out where it is. Signed agreements count on contract dates only; open deals on target dates, or else on a year
-- from their close date, which is marked as soft.
with

deals as (
    select * from {{ ref('int_deals') }}
    where is_delivering and not is_archived and not is_rehearsal and not is_lost
),

chains as (
    select distinct
        deal_id,
        chain_id
    from {{ ref('int_contract_chains') }}
),

win_rates as (
    select * from {{ ref('rule_win_rates') }}
),

qualifying as (
    select
        stages.pipeline_id,
        stages.stage_rank as qualifying_rank
    from {{ ref('rule_stages') }} as stages
    inner join {{ ref('rule_pipelines') }} as pipelines on stages.pipeline_id = pipelines.pipeline_id
    inner join win_rates
        on pipelines.pipeline_kind = win_rates.pipeline_kind and stages.stage_key = win_rates.qualifying_stage_key
),

-- the end of the signed agreements that a deal renews
predecessors as (
    select
        links.deal_id,
        max(earlier.term_end_on) as predecessor_end_on
    from {{ ref('int_contract_chains') }} as links
    inner join deals as earlier on links.ancestor_id = earlier.deal_id and earlier.is_won
    where links.distance > 0
    group by links.deal_id
),

dated as (
    select
        deals.*,
        predecessors.predecessor_end_on,
        case when deals.term_end_source in ('amendment', 'contract') then deals.contract_start_on end as signed_from_on,
        case when deals.term_end_source in ('amendment', 'contract') then deals.term_end_on end as signed_to_on,
        not deals.is_won and (deals.start_on is null or deals.term_end_on is null) as is_soft
    from deals
    left join qualifying on deals.pipeline_id = qualifying.pipeline_id
    left join predecessors on deals.deal_id = predecessors.deal_id
    where deals.is_won or deals.stage_rank >= qualifying.qualifying_rank
),

spanned as (
    select
        *,
        case
            when is_won then signed_from_on
            when is_soft then closed_on
            else start_on
        end as from_on,
        case
            when is_won then signed_to_on
            when is_soft then {{ add_days(add_months('closed_on', threshold('kpi_soft_term_months')), -1) }}
            else term_end_on
        end as to_on
    from dated
),

rates as (
    select
        *,
        lead(rate_on) over (partition by currency order by rate_on) as next_rate_on
    from {{ ref('map_fx_rates') }}
),

final as (
    select
        spanned.deal_id,
        spanned.deal_name,
        coalesce(chains.chain_id, spanned.deal_id) as chain_id,
        spanned.community_name,
        case when spanned.is_won then 'committed' else spanned.pipeline_kind end as counted_as,
        spanned.from_on,
        spanned.to_on,
        -- a renewal brings nothing new on days that its predecessor pays for
        case
            when spanned.is_won then spanned.from_on
            else greatest(spanned.from_on, {{ add_days('spanned.predecessor_end_on', 1) }})
        end as counted_from_on,
        spanned.is_soft,
        spanned.amount,
        spanned.currency,
        cast(spanned.amount * rates.rate_to_org as decimal(18, 2)) as amount_org,
        case
            when spanned.is_won and not coalesce(spanned.is_agreement_executed, false) then 'not executed'
            when spanned.amount is null then 'no amount'
            when spanned.is_won and (spanned.from_on is null or spanned.to_on is null) then 'no contract dates'
            when spanned.from_on is null or spanned.to_on is null then 'no dates'
            when spanned.to_on < spanned.from_on then 'ends before it begins'
            when rates.currency is null then 'no rate for ' || coalesce(spanned.currency, 'its currency')
        end as left_out_reason
    from spanned
    left join chains on spanned.deal_id = chains.deal_id
    left join rates
        on spanned.currency = rates.currency
        and coalesce(spanned.from_on, {{ as_of() }}) >= rates.rate_on
        and (rates.next_rate_on is null or coalesce(spanned.from_on, {{ as_of() }}) < rates.next_rate_on)
)

select * from final
