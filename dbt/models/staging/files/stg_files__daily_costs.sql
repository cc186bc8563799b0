with

source as (
    select * from {{ source('raw_files', 'daily_costs') }}
),

final as (
    select
        'exports' as cost_source,
        export_name as import_name,
        provider_name,
        billing_account_id,
        coalesce(nullif(trim(sub_account_id), ''), billing_account_id) as sub_account_id,
        nullif(trim(sub_account_name), '') as sub_account_name,
        service_name,
        usage_on,
        billing_month_on,
        charge_category,
        billing_currency as currency,
        line_count,
        cast(billed_cost as decimal(28, 10)) as billed_cost,
        cast(effective_cost as decimal(28, 10)) as effective_cost,
        tags_json as tags,
        _dlt_load_id as _load_id
    from source
)

select * from final
