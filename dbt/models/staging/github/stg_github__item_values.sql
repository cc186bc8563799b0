with

source as (
    select * from {{ source('raw_github', 'item_values') }}
),

final as (
    select
        project_number,
        item_id as project_item_id,
        field_id,
        data_type,
        value_text,
        value_number,
        value_on,
        value_id,
        value_json,
        _dlt_load_id as _load_id
    from source
    -- a cell that was emptied while its item was read holds nothing
    where value_json is not null
)

select * from final
