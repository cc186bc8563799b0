-- One row per column of the billing sheet: of the spreadsheet at Google where it is read, else of what was downloaded and
-- imported. A download does not count beside the spreadsheet, because it would show columns that are gone.
with

read_columns as (
    select * from {{ ref('stg_sheets__billing_columns') }}
),

imported_columns as (
    select * from {{ ref('stg_files__billing_columns') }}
),

read_count as (
    select count(*) as column_count from read_columns
),

final as (
    select
        'sheets' as source,
        file_name,
        column_number,
        header,
        {{ compared_text('header') }} as compared_header,
        deal_id,
        last_filled_line
    from read_columns
    union all
    select
        'files' as source,
        imported_columns.file_name,
        imported_columns.column_number,
        imported_columns.header,
        {{ compared_text('imported_columns.header') }} as compared_header,
        imported_columns.deal_id,
        imported_columns.last_filled_line
    from imported_columns
    cross join read_count
    where read_count.column_count = 0
)

select * from final
