-- Returns a row when the monthly shares of a deal do not add up to its amount, to the cent.
with

shares as (
    select
        deal_id,
        sum(share_amount) as share_amount
    from {{ ref('int_revenue_months') }}
    group by deal_id
)

select
    terms.deal_id,
    terms.amount_org,
    shares.share_amount
from {{ ref('int_revenue_terms') }} as terms
left join shares on terms.deal_id = shares.deal_id
where terms.left_out_reason is null and terms.amount_org is distinct from shares.share_amount
