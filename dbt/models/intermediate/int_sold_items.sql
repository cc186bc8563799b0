-- One row per deal with engagements of its own: how many line items it sold, and how many deliverables stand for them.
with

line_items as (
    select * from {{ ref('stg_hubspot__line_items') }}
    -- a discount is nothing that anybody delivers
    where not is_archived and coalesce(amount, 1) > 0
),

associations as (
    select distinct
        from_id as deal_id,
        to_id as line_item_id
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals' and to_object = 'line_items'
),

sold as (
    select
        associations.deal_id,
        count(*) as line_item_count,
        {{ joined('line_items.line_item_name') }} as line_item_names
    from associations
    inner join line_items on associations.line_item_id = line_items.line_item_id
    group by associations.deal_id
),

planned as (
    select
        links.deal_id,
        min_by(engagements.engagement_id, engagements.created_on) as engagement_id,
        sum(engagements.promised_count) as promised_count
    from {{ ref('int_engagement_links') }} as links
    inner join {{ ref('int_delivery_engagements') }} as engagements on links.engagement_id = engagements.engagement_id
    where not links.is_called_off
    group by links.deal_id
),

final as (
    select
        sold.deal_id,
        planned.engagement_id,
        sold.line_item_count,
        sold.line_item_names,
        cast(planned.promised_count as bigint) as promised_count
    from sold
    inner join planned on sold.deal_id = planned.deal_id
)

select * from final
