with

source as (
    select * from {{ source('raw_sheets', 'tabs') }}
),

final as (
    select
        spreadsheet_id,
        title as spreadsheet_title,
        tab_id,
        tab_title,
        last_column,
        fingerprint,
        _dlt_load_id as _load_id
    from source
)

select * from final
