-- One row per deal: the community and company that it is linked with, the first by id where there are several.
with

deals as (
    select * from {{ ref('stg_hubspot__deals') }}
),

associations as (
    select distinct
        from_id,
        to_object,
        to_id
    from {{ ref('stg_hubspot__associations') }}
    where from_object = 'deals'
),

communities as (
    select
        associations.from_id as deal_id,
        min(associations.to_id) as community_record_id,
        count(*) as community_count
    from associations
    inner join {{ ref('stg_hubspot__communities') }} as communities
        on associations.to_id = communities.community_record_id and not communities.is_archived
    where associations.to_object = 'communities'
    group by associations.from_id
),

companies as (
    select
        associations.from_id as deal_id,
        min(associations.to_id) as company_id
    from associations
    inner join {{ ref('stg_hubspot__companies') }} as companies
        on associations.to_id = companies.company_id and not companies.is_archived
    where associations.to_object = 'companies'
    group by associations.from_id
),

orders as (
    select
        associations.from_id as deal_id,
        {{ joined('orders.order_id') }} as order_ids,
        min(orders.created_at) as first_order_at
    from associations
    inner join {{ ref('stg_hubspot__orders') }} as orders
        on associations.to_id = orders.order_id and not orders.is_archived
    where associations.to_object = 'orders'
    group by associations.from_id
),

final as (
    select
        deals.deal_id,
        communities.community_record_id,
        coalesce(communities.community_count, 0) as community_count,
        companies.company_id,
        orders.order_ids,
        orders.first_order_at
    from deals
    left join communities on deals.deal_id = communities.deal_id
    left join companies on deals.deal_id = companies.deal_id
    left join orders on deals.deal_id = orders.deal_id
)

select * from final
