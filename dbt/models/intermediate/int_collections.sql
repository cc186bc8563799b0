-- One row per signed deal that imported invoices can say something about: what was billed and what was paid in its currency, with
-- what the deal says was collected before there were such invoices. Paid
-- is null where no invoice says what was paid, or one is in another currency: null is not zero.
with

deals as (
    select * from {{ ref('int_deals') }}
    where is_won and is_delivering and not is_archived and not is_rehearsal
),

invoices as (
    select * from {{ ref('int_invoice_lines') }}
),

epoch as (
    select min(issued_on) as first_issued_on from invoices
),

billed as (
    select
        deal_id,
        sum(amount) as invoiced_amount,
        case when bool_and(is_in_deal_currency) then sum(paid_amount) end as paid_amount,
        bool_or(not is_in_deal_currency) as has_other_currency
    from invoices
    where deal_id is not null
    group by deal_id
),

final as (
    select
        deals.deal_id,
        deals.deal_name,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        deals.deal_url,
        deals.start_on,
        deals.term_end_on,
        deals.amount,
        deals.currency,
        billed.invoiced_amount,
        billed.paid_amount + coalesce(deals.collected_before, 0) as paid_amount,
        coalesce(billed.has_other_currency, false) as has_other_currency,
        (billed.paid_amount + coalesce(deals.collected_before, 0)) / nullif(deals.amount, 0) as paid_ratio
    from deals
    cross join epoch
    left join billed on deals.deal_id = billed.deal_id
    -- a deal that began before the first imported invoice may have been paid by earlier ones
    where billed.deal_id is not null or deals.start_on >= epoch.first_issued_on
)

select * from final
