-- One row per deal: the one bucket that says whether it owes handoff and intake, and if not, why not. The first reason counts.
with

deals as (
    select * from {{ ref('int_deals') }}
),

complete as (
    select
        deal_id,
        bool_and(is_complete) as is_complete
    from {{ ref('int_deal_engagements') }}
    group by deal_id
),

-- whether a deal is delivered stands in the store of engagements; before that was ever read, nobody can tell
stores as (
    select gate from {{ ref('int_engagement_gate') }}
),

final as (
    select
        deals.deal_id,
        coalesce(stores.gate = 'never', false) as is_uncertain,
        case
            when deals.is_archived then 'archived'
            when deals.is_rehearsal then 'rehearsal'
            when deals.stage_rank is null then 'unknown stage'
            when not deals.is_delivering then 'not delivered'
            when deals.is_lost then 'lost'
            when deals.first_handoff_on < cast({{ organisation('handoff_epoch') }} as date) then 'before the epoch'
            when deals.term_end_on < {{ as_of() }} then 'ended'
            when coalesce(complete.is_complete, false) then 'delivered'
            when deals.is_past_handoff then 'handoff'
            else 'before handoff'
        end as scope
    from deals
    left join complete on deals.deal_id = complete.deal_id
    left join stores on true
)

select * from final
