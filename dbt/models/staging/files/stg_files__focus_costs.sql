with

source as (
    select * from {{ source('raw_files', 'focus_costs') }}
),

-- FOCUS billing days are UTC days. The name of an export's file begins with the export and the billing period.
final as (
    select
        case when contains(file_name, '/') then 'exports' else 'files' end as cost_source,
        regexp_extract(file_name, '^(.*)/BILLING_PERIOD=', 1) as import_name,
        file_name,
        line_number,
        provider_name,
        billing_account_id,
        coalesce(nullif(trim(sub_account_id), ''), billing_account_id) as sub_account_id,
        nullif(trim(sub_account_name), '') as sub_account_name,
        service_name,
        cast(timezone('UTC', charge_period_start) as date) as usage_on,
        cast(date_trunc('month', timezone('UTC', billing_period_start)) as date) as billing_month_on,
        charge_category,
        charge_class,
        billing_currency as currency,
        cast(billed_cost as decimal(28, 10)) as billed_cost,
        cast(effective_cost as decimal(28, 10)) as effective_cost,
        tags_json as tags,
        _dlt_load_id as _load_id
    from source
)

select * from final
