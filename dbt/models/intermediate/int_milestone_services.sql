-- One row per line item of a signed deal that is billed when it was delivered (rule_milestone_items.csv): what it was sold for,
-- and the day on which its deliverable was done; null while it is not, or where nobody knows the day.
with

deals as (
    select * from {{ ref('int_deals') }}
    where is_won and is_delivering and not is_archived and not is_rehearsal
),

sold as (
    select * from {{ ref('int_deal_line_items') }}
),

patterns as (
    select * from {{ ref('rule_milestone_items') }}
),

by_the_piece as (
    select distinct
        sold.deal_id,
        sold.line_item_id,
        sold.line_item_name,
        sold.amount
    from sold
    inner join deals on sold.deal_id = deals.deal_id
    inner join patterns on regexp_matches(sold.line_item_name, patterns.name_pattern)
),

outcomes as (
    select
        {{ hubspot_line_item_of('deliverables.line_item_url') }} as line_item_id,
        max({{ organisation_date('outcomes.issue_closed_at') }}) as done_on,
        bool_and(outcomes.outcome = 'delivered') as is_delivered
    from {{ ref('int_deliverables') }} as deliverables
    inner join {{ ref('int_deliverable_outcomes') }} as outcomes on deliverables.deliverable_id = outcomes.deliverable_id
    where deliverables.line_item_url is not null
    group by {{ hubspot_line_item_of('deliverables.line_item_url') }}
),

final as (
    select
        by_the_piece.deal_id,
        by_the_piece.line_item_id,
        by_the_piece.line_item_name,
        by_the_piece.amount,
        case when outcomes.is_delivered then outcomes.done_on end as delivered_on
    from by_the_piece
    left join outcomes on by_the_piece.line_item_id = outcomes.line_item_id
)

select * from final
