with

tables as (
    select * from {{ ref('stg_ops__source_tables') }}
),

readings as (
    select * from {{ ref('stg_hubspot__readings') }}
),

-- the other vendors are read in full at every run
final as (
    select
        tables.source,
        tables.table_name,
        tables.row_count,
        readings.reading_mode,
        readings.reading_reason,
        readings.fully_read_at,
        readings.vendor_row_count
    from tables
    left join readings on tables.source = 'hubspot' and tables.table_name = readings.table_name
)

select * from final
