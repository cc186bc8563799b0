-- One row per deal that is won and whose amount has a history: the amount that counted when it was won, and what somebody set
-- later, after the time for a slip of the hand.
with

deals as (
    select * from {{ ref('int_deals') }}
    where is_won
),

open_visits as (
    select * from {{ ref('int_stage_visits') }}
    where is_open and not is_misclick
),

amounts as (
    select
        entries.deal_id,
        entries.amount,
        entries.set_at,
        entries.set_at <= {{
            add_seconds('open_visits.entered_at', minutes_in_seconds(threshold('stage_misclick_minutes')))
        }} as is_of_the_sale
    from {{ ref('stg_hubspot__amount_entries') }} as entries
    inner join deals on entries.deal_id = deals.deal_id
    inner join open_visits on deals.deal_id = open_visits.deal_id and deals.stage_id = open_visits.stage_id
),

final as (
    select
        deal_id,
        max_by(amount, set_at) filter (where is_of_the_sale) as sold_amount,
        max_by(amount, set_at) filter (where not is_of_the_sale) as changed_amount,
        max(set_at) filter (where not is_of_the_sale) as changed_at
    from amounts
    group by deal_id
)

select * from final
