with

tables as (
    select * from {{ ref('stg_ops__source_tables') }}
),

final as (
    select
        source,
        table_name,
        row_count
    from tables
)

select * from final
