-- One row per chain of agreements: its head, the last signed agreement that no other signed one renews, and the renewal under
-- way.
with

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal
),

chains as (
    select * from {{ ref('int_contract_chains') }}
),

signed as (
    select * from deals
    where is_won and is_renewable
),

renewed as (
    select distinct chains.ancestor_id as deal_id
    from chains
    inner join signed on chains.deal_id = signed.deal_id
    where chains.distance > 0
),

heads as (
    select signed.*
    from signed
    left join renewed on signed.deal_id = renewed.deal_id
    where renewed.deal_id is null
),

lengths as (
    select
        chains.deal_id,
        min(chains.chain_id) as chain_id,
        count(*) as chain_length
    from chains
    inner join signed on chains.ancestor_id = signed.deal_id
    group by chains.deal_id
),

renewals as (
    select
        chains.ancestor_id as head_id,
        deals.deal_id as renewal_deal_id,
        deals.deal_name as renewal_deal_name,
        deals.stage_name as renewal_stage_name,
        deals.owner_name as renewal_owner_name,
        deals.is_owner_active as is_renewal_owner_active,
        deals.last_contacted_on,
        row_number() over (
            partition by chains.ancestor_id
            order by chains.distance asc, deals.stage_rank desc, deals.deal_id asc
        ) as position
    from chains
    inner join deals on chains.deal_id = deals.deal_id
    where chains.distance > 0 and not deals.is_won and not deals.is_lost
),

-- a renewal that was lost, where none is open
losses as (
    select
        chains.ancestor_id as head_id,
        max(deals.deal_name) as lost_renewal_name
    from chains
    inner join deals on chains.deal_id = deals.deal_id
    where chains.distance > 0 and deals.is_lost
    group by chains.ancestor_id
),

-- a notice that was sent before this agreement began was about the one before
notices as (
    select
        heads.deal_id,
        max(engagements.expiry_notice_on) as expiry_notice_on,
        max(case when engagements.position = 1 then engagements.delivery_owner end) as delivery_owner,
        max(engagements.offboarding_url) as offboarding_url
    from heads
    inner join {{ ref('int_deal_engagements') }} as engagements on heads.deal_id = engagements.deal_id
    where engagements.expiry_notice_on is null or heads.start_on is null or engagements.expiry_notice_on >= heads.start_on
    group by heads.deal_id
),

-- the next day on which an agreement that renews itself begins anew
anniversaries as (
    select
        deal_id,
        {{ years_later('term_end_on', 'greatest(0, ' ~ years_between('term_end_on', as_of()) ~ ')') }} as this_year_on,
        {{ years_later('term_end_on', '(greatest(0, ' ~ years_between('term_end_on', as_of()) ~ ') + 1)') }} as next_year_on
    from heads
    where is_auto_renewed
),

ended as (
    select
        heads.*,
        case
            when anniversaries.this_year_on >= {{ as_of() }} then anniversaries.this_year_on
            when anniversaries.next_year_on is not null then anniversaries.next_year_on
            when
                heads.next_break_on >= {{ as_of() }}
                and heads.next_break_on < coalesce(heads.term_end_on, heads.next_break_on + 1)
                then heads.next_break_on
            else heads.term_end_on
        end as effective_end_on
    from heads
    left join anniversaries on heads.deal_id = anniversaries.deal_id
),

final as (
    select
        lengths.chain_id,
        ended.deal_id,
        ended.deal_name,
        ended.deal_url,
        ended.community_name,
        ended.company_name,
        ended.owner_name,
        ended.is_owner_active,
        lengths.chain_length,
        ended.start_on,
        ended.term_end_on,
        ended.effective_end_on,
        case
            when ended.is_auto_renewed and ended.effective_end_on is not null then 'auto-renewal'
            when ended.effective_end_on <> ended.term_end_on or ended.term_end_on is null and ended.effective_end_on is not null
                then 'break'
            else ended.term_end_source
        end as end_source,
        {{ days_between(as_of(), 'ended.effective_end_on') }} as days_to_end,
        renewals.renewal_deal_id,
        renewals.renewal_deal_name,
        renewals.renewal_stage_name,
        renewals.renewal_owner_name,
        coalesce(renewals.is_renewal_owner_active, false) as is_renewal_owner_active,
        greatest(ended.last_contacted_on, renewals.last_contacted_on) as last_contacted_on,
        notices.expiry_notice_on,
        notices.delivery_owner,
        notices.offboarding_url,
        case when renewals.renewal_deal_id is null then losses.lost_renewal_name end as lost_renewal_name,
        ended.renewal_status,
        ended.amount,
        ended.currency,
        cast(
            {{ yearly_of_days('ended.amount', days_between('ended.start_on', 'ended.term_end_on') ~ ' + 1') }} as decimal(18, 2)
        ) as annual_amount
    from ended
    left join lengths on ended.deal_id = lengths.deal_id
    left join renewals on ended.deal_id = renewals.head_id and renewals.position = 1
    left join losses on ended.deal_id = losses.head_id
    left join notices on ended.deal_id = notices.deal_id
)

select * from final
