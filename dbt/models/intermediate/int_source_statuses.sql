-- One row per source. Invoices are one, too, and so is the billing sheet: known from the first imported one on, and what was
-- imported counts as read in every run. Where the spreadsheet at Google is read, the billing sheet is as fresh as that; where
-- rule_sources.csv names Sage Intacct, the invoices are as fresh as that, whatever was imported.
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

read_sources as (
    select count(*) as source_count
    from {{ ref('rule_sources') }}
    where source = 'intacct'
),

-- what is as fresh as the vendor that it is read from
fresh_as as (
    select
        'intacct' as vendor,
        'invoices' as source
    union all
    select
        'sheets' as vendor,
        'billing_sheet' as source
),

runs as (
    select * from {{ ref('stg_ops__run') }}
),

final as (
    select
        source,
        status,
        last_complete_at,
        error,
        cast(null as varchar) as read_from
    from statuses
    union all
    select
        'invoices' as source,
        'complete' as status,
        runs.started_at as last_complete_at,
        null as error,
        null as read_from
    from invoices
    cross join read_sources
    cross join runs
    where invoices.invoice_count > 0 and read_sources.source_count = 0
    union all
    select
        'billing_sheet' as source,
        'complete' as status,
        runs.started_at as last_complete_at,
        null as error,
        null as read_from
    from billing_columns
    cross join read_columns
    cross join runs
    where billing_columns.column_count > 0 and read_columns.column_count = 0
    union all
    select
        fresh_as.source,
        case
            when sources.max_age_hours > 0
                and runs.started_at > statuses.last_complete_at + to_hours(sources.max_age_hours) then 'stale'
            else statuses.status
        end as status,
        statuses.last_complete_at,
        statuses.error,
        statuses.source as read_from
    from statuses
    inner join sources on statuses.source = sources.source
    inner join fresh_as on statuses.source = fresh_as.vendor
    cross join runs
    cross join billing_columns
    cross join read_columns
    where fresh_as.vendor <> 'sheets' or read_columns.column_count > 0 or billing_columns.column_count = 0
)

select * from final
