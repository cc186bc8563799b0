-- One row per chain head whose service was taken down some time ago and whose accounts still cost what a service costs: LA06.
with

heads as (
    select * from {{ ref('int_chain_heads') }}
),

costs as (
    select * from {{ ref('int_lapsed_costs') }}
),

-- taken down is a service whose every engagement says so
engagements as (
    select
        deal_id,
        max(decommissioned_on) as decommissioned_on,
        max(case when position = 1 then delivery_owner end) as delivery_owner
    from {{ ref('int_deal_engagements') }}
    group by deal_id
    having bool_and(decommissioned_on is not null)
),

account_days as (
    select * from {{ ref('int_account_days') }}
    where mapped_deal_id is not null and usage_on <= {{ as_of() }}
),

loads as (
    select * from {{ ref('int_source_loads') }}
),

since as (
    select
        heads.deal_id,
        sum(account_days.gross_amount) as gross_amount
    from heads
    inner join engagements on heads.deal_id = engagements.deal_id
    inner join account_days
        on heads.chain_id = account_days.chain_id and account_days.usage_on > engagements.decommissioned_on
    group by heads.deal_id
),

final as (
    select
        'LA06:deal-' || heads.deal_id as finding_id,
        'LA06' as rule_id,
        cast(null as varchar) as severity,
        'deal' as subject_type,
        heads.deal_id as subject_id,
        heads.deal_name as subject,
        heads.deal_id,
        heads.community_name,
        case when heads.is_owner_active then heads.owner_name end as deal_owner,
        engagements.delivery_owner,
        {{ add_days('engagements.decommissioned_on', threshold('lapsed_decommissioned_days')) }} as due_on,
        heads.deal_name || ' was taken down on ' || {{ day_words('engagements.decommissioned_on') }}
        || ', and its accounts still cost ' || {{ money_words('costs.daily_burn_amount', organisation('currency')) }}
        || ' a day, ' || {{ money_words('since.gross_amount', organisation('currency')) }} || ' since then.' as reason,
        heads.deal_url as record_url,
        {{ evidence([
            ('decommissioned_on', 'engagements.decommissioned_on', 'engagements'),
            ('daily_burn', 'cast(costs.daily_burn_amount as decimal(18, 2))', 'aws'),
            ('cost_since', 'cast(since.gross_amount as decimal(18, 2))', 'aws'),
        ]) }} as evidence,
        cast(null as varchar) as extra_needs,
        false as is_uncertain,
        heads.effective_end_on,
        case when heads.days_to_end < 0 then cast(-heads.days_to_end as integer) end as days_lapsed,
        cast(null as date) as decision_due_on,
        cast(since.gross_amount as decimal(18, 2)) as uncovered_usd
    from heads
    inner join engagements on heads.deal_id = engagements.deal_id
    inner join costs on heads.chain_id = costs.chain_id
    inner join since on heads.deal_id = since.deal_id
    cross join loads
    where costs.has_cost_signal
        and {{ days_between('engagements.decommissioned_on', 'costs.last_cost_on') }}
        > {{ threshold('lapsed_decommissioned_days') }}
)

select * from final
