with

source as (
    select * from {{ source('ops', 'quarantine') }}
),

final as (
    select
        source,
        table_name,
        record_ref,
        reason,
        payload,
        quarantined_at,
        load_id
    from source
)

select * from final
