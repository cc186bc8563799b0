-- One row per line of an invoice of Sage Intacct that counts, in the form of an imported one; none where rule_sources.csv has no
-- row intacct. Intacct says what is still due of an invoice. A line of one that is partly paid has its share of that; where such
-- an invoice is for several deals nobody knows which of them paid, and null is not zero.
with

sources as (
    select * from {{ ref('rule_sources') }}
    where source = 'intacct'
),

states as (
    select * from {{ ref('rule_invoice_states') }}
    where is_billed
),

items as (
    select * from {{ ref('map_invoice_items') }}
),

invoices as (
    select * from {{ ref('stg_intacct__invoices') }}
),

lines as (
    select * from {{ ref('stg_intacct__invoice_lines') }}
),

joined as (
    select
        lines.line_key,
        invoices.invoice_key,
        coalesce(invoices.invoice_number, invoices.invoice_key) as invoice_id,
        sources.source_name as file_name,
        invoices.issued_on,
        invoices.due_on,
        coalesce(lines.deal_ref, invoices.deal_ref) as deal_ref,
        case when lines.deal_ref is null then invoices.deal_id else lines.deal_id end as deal_id,
        items.component,
        lines.service_from_on,
        lines.service_to_on,
        lines.amount,
        invoices.amount as invoice_amount,
        invoices.open_amount as invoice_open_amount,
        invoices.currency,
        lines.line_number
    from lines
    inner join invoices on lines.invoice_key = invoices.invoice_key
    inner join states on invoices.state = states.state
    inner join sources on true
    left join items on lower(trim(lines.item_ref)) = lower(trim(items.item))
),

numbered as (
    select
        *,
        sum(amount) over (
            partition by invoice_key
            order by line_number, line_key
            rows between unbounded preceding and current row
        ) as amount_so_far,
        coalesce(
            min(coalesce(deal_ref, '')) over (partition by invoice_key)
            = max(coalesce(deal_ref, '')) over (partition by invoice_key),
            false
        ) as is_of_one_deal,
        row_number() over (order by issued_on, invoice_id, line_number, line_key) as place
    from joined
),

shared as (
    select
        *,
        cast((invoice_amount - invoice_open_amount) / nullif(invoice_amount, 0) as double) as paid_ratio
    from numbered
),

final as (
    select
        file_name,
        place as line_number,
        invoice_id,
        issued_on,
        due_on,
        deal_ref,
        deal_id,
        component,
        service_from_on,
        service_to_on,
        amount,
        cast(
            case
                when invoice_open_amount = 0 then amount
                when invoice_open_amount = invoice_amount then 0
                -- cents that are rounded off one line are in the next
                when is_of_one_deal
                    then round(amount_so_far * paid_ratio, 2) - round((amount_so_far - amount) * paid_ratio, 2)
            end
            as decimal(18, 2)
        ) as paid_amount,
        currency
    from shared
)

select * from final
