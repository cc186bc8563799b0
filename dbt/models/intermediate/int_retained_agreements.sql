-- One row per signed, renewable agreement that has ended: whether a signed one renews it, or it was lost, or nobody knows yet, as
-- it is known today.
with

deals as (
    select * from {{ ref('int_deals') }}
    where not is_archived and not is_rehearsal
),

chains as (
    select * from {{ ref('int_contract_chains') }}
    where distance > 0
),

ended as (
    select * from deals
    where is_won and is_renewable and term_end_on <= {{ as_of() }}
),

renewals as (
    select
        chains.ancestor_id as deal_id,
        bool_or(deals.is_won) as has_signed,
        bool_or(not deals.is_won and not deals.is_lost) as has_open,
        bool_or(deals.is_lost) as has_lost
    from chains
    inner join deals on chains.deal_id = deals.deal_id
    group by chains.ancestor_id
),

final as (
    select
        ended.deal_id,
        ended.deal_name,
        ended.term_end_on as ended_on,
        -- in its own currency a year's amount could not be added up
        case
            when ended.currency = {{ organisation('currency') }}
                then cast(
                        {{ yearly_of_days('ended.amount', days_between('ended.start_on', 'ended.term_end_on') ~ ' + 1') }}
                        as decimal(18, 2)
                    )
        end as annual_amount,
        case
            when coalesce(renewals.has_signed, false) then 'retained'
            when coalesce(renewals.has_open, false) then 'pending'
            when coalesce(renewals.has_lost, false) then 'churned'
            when {{ days_between('ended.term_end_on', as_of()) }} > {{ threshold('lapsed_grace_days') }} then 'churned'
            else 'pending'
        end as outcome
    from ended
    left join renewals on ended.deal_id = renewals.deal_id
)

select * from final
