with

source as (
    select * from {{ source('raw_files', 'accounts') }}
),

final as (
    select
        file_name,
        line_number,
        provider,
        sub_account_id,
        deal_id,
        cluster_name,
        valid_from,
        valid_to,
        is_paid_by_us,
        _dlt_load_id as _load_id
    from source
)

select * from final
