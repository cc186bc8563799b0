-- One row per deal and line item that was sold with it. A discount is nothing that anybody delivers.
with

line_items as (
    select * from {{ ref('stg_hubspot__line_items') }}
    where not is_archived and coalesce(amount, 1) > 0
),

associations as (
    select distinct
        from_id as deal_id,
        to_id as line_item_id
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object = 'line_items'
),

final as (
    select
        associations.deal_id,
        line_items.line_item_id,
        line_items.line_item_name,
        line_items.amount
    from associations
    inner join line_items on associations.line_item_id = line_items.line_item_id
)

select * from final
