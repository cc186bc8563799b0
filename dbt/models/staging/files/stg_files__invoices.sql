with

source as (
    select * from {{ source('raw_files', 'invoices') }}
),

final as (
    select
        file_name,
        line_number,
        invoice_id,
        issued_on,
        due_on,
        deal_ref,
        coalesce(nullif({{ deal_id_of("'/deal/' || deal_ref") }}, ''), nullif({{ deal_id_of('deal_ref') }}, '')) as deal_id,
        component,
        service_from_on,
        service_to_on,
        cast(amount as decimal(18, 2)) as amount,
        cast(paid_amount as decimal(18, 2)) as paid_amount,
        currency,
        _dlt_load_id as _load_id
    from source
)

select * from final
