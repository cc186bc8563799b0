-- One row per source. Imported invoices are one, too, and so is the billing sheet: known from the first on, and what was imported
-- counts as read in every run.
with

statuses as (
    select * from {{ ref('stg_ops__source_status') }}
),

invoices as (
    select count(*) as invoice_count
    from {{ ref('stg_files__invoices') }}
),

billing_columns as (
    select count(*) as column_count
    from {{ ref('stg_files__billing_columns') }}
),

runs as (
    select * from {{ ref('stg_ops__run') }}
),

final as (
    select
        source,
        status,
        last_complete_at,
        error
    from statuses
    union all
    select
        'invoices' as source,
        'complete' as status,
        runs.started_at as last_complete_at,
        null as error
    from invoices
    cross join runs
    where invoices.invoice_count > 0
    union all
    select
        'billing_sheet' as source,
        'complete' as status,
        runs.started_at as last_complete_at,
        null as error
    from billing_columns
    cross join runs
    where billing_columns.column_count > 0
)

select * from final
