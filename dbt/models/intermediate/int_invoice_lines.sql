-- One row per line of an imported invoice: the deal that it is for, what of it is open, and how long it has been due. What nobody
-- said was paid is not known, which is not zero.
with

invoices as (
    select * from {{ ref('stg_files__invoices') }}
),

aliases as (
    select * from {{ ref('int_id_aliases') }}
),

deals as (
    select * from {{ ref('int_deals') }}
),

final as (
    select
        invoices.file_name,
        invoices.line_number,
        invoices.invoice_id,
        invoices.deal_ref,
        deals.deal_id,
        deals.deal_name,
        deals.community_name,
        case when deals.is_owner_active then deals.owner_name end as deal_owner,
        deals.deal_url,
        deals.start_on,
        deals.term_end_on,
        invoices.issued_on,
        invoices.due_on,
        invoices.component,
        invoices.service_from_on,
        invoices.service_to_on,
        invoices.amount,
        invoices.paid_amount,
        invoices.amount - invoices.paid_amount as open_amount,
        invoices.currency,
        coalesce(invoices.currency = deals.currency, false) as is_in_deal_currency,
        case when invoices.due_on < {{ as_of() }} then {{ days_between('invoices.due_on', as_of()) }} end as days_past_due
    from invoices
    left join aliases on invoices.deal_id = aliases.old_id
    left join deals on coalesce(aliases.deal_id, invoices.deal_id) = deals.deal_id
    where invoices.issued_on <= {{ as_of() }}
)

select * from final
