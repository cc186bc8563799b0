-- One row per source. Imported invoices are one, too, and so is the billing sheet: known from the first on, and what was imported
-- counts as read in every run. Where the spreadsheet at Google is read, the billing sheet is as fresh as that.
with

statuses as (
    select * from {{ ref('stg_ops__source_status') }}
),

sources as (
    select * from {{ ref('rule_sources') }}
),

invoices as (
    select count(*) as invoice_count
    from {{ ref('stg_files__invoices') }}
),

billing_columns as (
    select count(*) as column_count
    from {{ ref('stg_files__billing_columns') }}
),

read_columns as (
    select count(*) as column_count
    from {{ ref('stg_sheets__billing_columns') }}
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
    cross join read_columns
    cross join runs
    where billing_columns.column_count > 0 and read_columns.column_count = 0
    union all
    select
        'billing_sheet' as source,
        case
            when sources.max_age_hours > 0
                and runs.started_at > statuses.last_complete_at + to_hours(sources.max_age_hours) then 'stale'
            else statuses.status
        end as status,
        statuses.last_complete_at,
        statuses.error
    from statuses
    inner join sources on statuses.source = sources.source
    cross join runs
    cross join billing_columns
    cross join read_columns
    where statuses.source = 'sheets' and (read_columns.column_count > 0 or billing_columns.column_count = 0)
)

select * from final
