-- One row per source. Imported invoices are one, too: known from the first on, and what was imported counts as read in every run.
with

statuses as (
    select * from {{ ref('stg_ops__source_status') }}
),

invoices as (
    select count(*) as invoice_count
    from {{ ref('stg_files__invoices') }}
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
)

select * from final
