with

source as (
    select * from {{ source('raw_sheets', 'billing_columns') }}
),

final as (
    select
        file_name,
        column_number,
        trim(header) as header,
        deal_id,
        last_filled_line,
        formulas_json,
        _dlt_load_id as _load_id
    from source
)

select * from final
