-- One row per deal with engagements of its own: how many line items it sold, and how many deliverables stand for them.
with

sold as (
    select
        deal_id,
        count(*) as line_item_count,
        {{ joined('line_item_name') }} as line_item_names
    from {{ ref('int_deal_line_items') }}
    group by deal_id
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
