with

source as (
    select * from {{ source('raw_intacct', 'invoices') }}
),

final as (
    select
        id as invoice_key,
        invoice_number,
        issued_on,
        due_on,
        state,
        deal_ref,
        coalesce(nullif({{ deal_id_of("'/deal/' || deal_ref") }}, ''), nullif({{ deal_id_of('deal_ref') }}, '')) as deal_id,
        cast(amount as decimal(18, 2)) as amount,
        cast(open_amount as decimal(18, 2)) as open_amount,
        currency,
        _dlt_load_id as _load_id
    from source
)

select * from final
