-- One row per deal, compared field and other value that the deal has or had, with what it means when an engagement holds it.
with

deals as (
    select * from {{ ref('stg_hubspot__deals') }}
),

amounts as (
    select
        deal_id,
        amount,
        set_at,
        max(set_at) over (partition by deal_id) as changed_at,
        row_number() over (partition by deal_id order by set_at desc) as recency
    from {{ ref('stg_hubspot__amount_entries') }}
),

united as (
    select
        deal_id,
        'start_on' as field_key,
        cast(target_start_on as varchar) as earlier_value,
        'stale_copy' as meaning,
        cast(null as timestamptz) as changed_at
    from deals
    where start_on is not null
    union all
    select
        deal_id,
        'end_on' as field_key,
        cast(target_end_on as varchar) as earlier_value,
        'stale_copy' as meaning,
        cast(null as timestamptz) as changed_at
    from deals
    where end_on is not null or amended_end_on is not null
    union all
    select
        deal_id,
        'end_on' as field_key,
        cast(end_on as varchar) as earlier_value,
        'amended_upstream' as meaning,
        cast(null as timestamptz) as changed_at
    from deals
    where amended_end_on is not null
    union all
    select
        deal_id,
        'amount' as field_key,
        cast(amount as varchar) as earlier_value,
        'stale_copy' as meaning,
        changed_at
    from amounts
    where recency > 1
    union all
    -- an engagement that a signed renewal continues may say when that one ends
    select
        chains.ancestor_id as deal_id,
        'end_on' as field_key,
        cast(renewals.term_end_on as varchar) as earlier_value,
        'continued' as meaning,
        cast(null as timestamptz) as changed_at
    from {{ ref('int_contract_chains') }} as chains
    inner join {{ ref('int_deals') }} as renewals on chains.deal_id = renewals.deal_id
    where chains.distance > 0 and renewals.is_won and renewals.engagement_policy = 'continue'
),

final as (
    select
        deal_id,
        field_key,
        earlier_value,
        min(meaning) as meaning,
        max(changed_at) as changed_at
    from united
    where earlier_value is not null
    group by deal_id, field_key, earlier_value
)

select * from final
