-- One row per deal and whole month in which the users of one of its hubs are known: the monthly users, and what they cost by
-- the tiers of rule_usage_tiers.csv, which hold for each hub (cluster) by itself, after what was paid in advance. Users of a hub
-- that nobody knows make the fee of the month unknown, which is not zero.
with

usage as (
    select * from {{ ref('int_usage') }}
),

hubs as (
    select * from {{ ref('int_hub_engagements') }}
    where engagement_id is not null
),

deals as (
    select * from {{ ref('int_deals') }}
    where is_won and is_delivering and not is_archived and not is_rehearsal
),

tiers as (
    select * from {{ ref('rule_usage_tiers') }}
),

-- a later import of the same hub and month counts
numbers as (
    select
        hub_key,
        {{ month_start('period_on') }} as month_on,
        user_count
    from usage
    where user_key is null and period_kind = 'month'
    qualify row_number() over (partition by hub_key, period_on order by _load_id desc, line_number desc) = 1
),

-- a month that files of persons do not cover to its end is not counted
persons_through as (
    select
        period_kind,
        max(period_end_on) as through_on
    from {{ ref('stg_files__usage') }}
    where user_key is not null
    group by period_kind
),

persons as (
    select
        usage.hub_key,
        {{ month_start('usage.period_on') }} as month_on,
        count(distinct usage.user_key) filter (where not usage.is_staff) as user_count
    from usage
    inner join persons_through on usage.period_kind = persons_through.period_kind
    where usage.user_key is not null and {{ month_end('usage.period_on') }} <= persons_through.through_on
    group by usage.hub_key, {{ month_start('usage.period_on') }}
),

readings as (
    select * from numbers
    union all
    select persons.*
    from persons
    left join numbers on persons.hub_key = numbers.hub_key and persons.month_on = numbers.month_on
    where numbers.hub_key is null
),

told_months as (
    select distinct month_on from readings
),

known_hubs as (
    select
        hub_key,
        min(month_on) as first_month_on,
        max(month_on) as last_month_on
    from readings
    group by hub_key
),

-- a hub is billed to the deal that began last of those that cover the month
covered as (
    select
        known_hubs.hub_key,
        told_months.month_on,
        max_by(deals.deal_id, deals.start_on) as deal_id
    from known_hubs
    inner join told_months on told_months.month_on between known_hubs.first_month_on and known_hubs.last_month_on
    inner join hubs on known_hubs.hub_key = hubs.hub_key
    inner join {{ ref('int_deal_engagements') }} as served on hubs.engagement_id = served.engagement_id
    inner join deals on served.deal_id = deals.deal_id
    where {{ month_end('told_months.month_on') }} >= deals.start_on
        and told_months.month_on <= deals.term_end_on
        and {{ month_end('told_months.month_on') }} < {{ as_of() }}
    group by known_hubs.hub_key, told_months.month_on
),

hub_fees as (
    select
        covered.deal_id,
        covered.month_on,
        covered.hub_key,
        readings.user_count,
        sum(
            case
                when readings.user_count >= tiers.from_users
                    then (least(readings.user_count, tiers.to_users) - tiers.from_users + 1) * tiers.price_per_user
                else 0
            end
        ) as fee
    from covered
    cross join tiers
    left join readings on covered.hub_key = readings.hub_key and covered.month_on = readings.month_on
    group by covered.deal_id, covered.month_on, covered.hub_key, readings.user_count
),

months as (
    select
        hub_fees.deal_id,
        hub_fees.month_on,
        coalesce(deals.prepaid_user_fees, 0) as prepaid,
        sum(hub_fees.user_count) as user_count,
        sum(hub_fees.fee) as fee,
        count(*) filter (where hub_fees.user_count is null) as unknown_count
    from hub_fees
    inner join deals on hub_fees.deal_id = deals.deal_id
    group by hub_fees.deal_id, hub_fees.month_on, deals.prepaid_user_fees
),

-- how much of what was paid in advance is used up nobody knows once a month is unknown
added_up as (
    select
        *,
        sum(fee) over (partition by deal_id order by month_on) as fee_so_far,
        sum(unknown_count) over (partition by deal_id order by month_on) as unknown_so_far
    from months
),

final as (
    select
        deal_id,
        month_on,
        case when unknown_count = 0 then cast(user_count as bigint) end as user_count,
        cast(
            case
                when unknown_count > 0 then null
                when prepaid = 0 or fee_so_far - fee >= prepaid then fee
                when unknown_so_far > 0 then null
                else greatest(0, fee_so_far - prepaid)
            end as decimal(18, 2)
        ) as fee_amount,
        cast(
            case
                when prepaid = 0 then null
                when fee_so_far >= prepaid then 0
                when unknown_so_far = 0 then prepaid - fee_so_far
            end as decimal(18, 2)
        ) as prepaid_balance_amount
    from added_up
)

select * from final
