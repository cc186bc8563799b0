with

lines as (
    select * from {{ ref('int_invoice_lines') }}
),

final as (
    select
        file_name,
        cast(line_number as integer) as line_number,
        invoice_id,
        deal_id,
        coalesce(deal_name, deal_ref) as deal_name,
        deal_url as record_url,
        community_name,
        deal_owner,
        issued_on,
        due_on,
        component,
        service_from_on,
        service_to_on,
        cast(amount as decimal(18, 2)) as amount,
        cast(paid_amount as decimal(18, 2)) as paid_amount,
        cast(open_amount as decimal(18, 2)) as open_amount,
        currency,
        case
            when amount < 0 then 'credit note'
            when open_amount is null then 'not known'
            when open_amount <= 0 then 'paid'
            when days_past_due is null then 'not due'
            else 'past due'
        end as payment,
        case when open_amount > 0 then cast(days_past_due as integer) end as days_past_due,
        case when open_amount > 0 then {{ aging_words('days_past_due') }} end as aging,
        {{ as_of() }} as as_of_on
    from lines
)

select * from final
