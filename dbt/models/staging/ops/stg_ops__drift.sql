with

source as (
    select * from {{ source('ops', 'drift') }}
),

final as (
    select
        source,
        table_name,
        field,
        field_name,
        kind,
        before,
        after,
        is_mapped,
        what_to_do,
        seen_at,
        load_id
    from source
)

select * from final
