-- One row per line of an invoice, of Sage Intacct where rule_sources.csv names it, else of the imported files: the deal that
-- it is for, what of it is open, and how long it has been due. What nobody said was paid is not known, which is not zero.
-- Files do not count beside Intacct, because the same invoices would then be there twice.
with

read_sources as (
    select count(*) as source_count
    from {{ ref('rule_sources') }}
    where source = 'intacct'
),

imported as (
    select * from {{ ref('stg_files__invoices') }}
),

invoices as (
    select
        file_name,
        line_number,
        invoice_id,
        issued_on,
        due_on,
        deal_ref,
        deal_id,
        component,
        service_from_on,
        service_to_on,
        amount,
        paid_amount,
        currency
    from {{ ref('int_read_invoices') }}
    union all
    select
        imported.file_name,
        imported.line_number,
        imported.invoice_id,
        imported.issued_on,
        imported.due_on,
        imported.deal_ref,
        imported.deal_id,
        imported.component,
        imported.service_from_on,
        imported.service_to_on,
        imported.amount,
        imported.paid_amount,
        imported.currency
    from imported
    cross join read_sources
    where read_sources.source_count = 0
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
