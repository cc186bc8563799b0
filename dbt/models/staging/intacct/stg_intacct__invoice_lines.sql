with

source as (
    select * from {{ source('raw_intacct', 'invoice_lines') }}
),

final as (
    select
        id as line_key,
        invoice_key,
        line_number,
        deal_ref,
        coalesce(nullif({{ deal_id_of("'/deal/' || deal_ref") }}, ''), nullif({{ deal_id_of('deal_ref') }}, '')) as deal_id,
        item_ref,
        service_from_on,
        service_to_on,
        cast(amount as decimal(18, 2)) as amount,
        _dlt_load_id as _load_id
    from source
)

select * from final
