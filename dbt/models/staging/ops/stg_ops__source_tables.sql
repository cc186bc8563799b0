with

source as (
    select * from {{ source('ops', 'source_tables') }}
),

final as (
    select
        source,
        table_name,
        row_count
    from source
)

select * from final
