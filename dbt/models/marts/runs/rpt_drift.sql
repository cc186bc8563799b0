with

drift as (
    select * from {{ ref('stg_ops__drift') }}
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
        seen_at
    from drift
)

select * from final
