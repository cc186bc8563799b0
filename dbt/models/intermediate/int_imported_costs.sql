-- One row per charge of an imported file, or per account, day, service, category, sign and known tags of an export whose charges
-- stay in their files. Where both stand for the same export and period, the earlier form was replaced when the period was read
-- again.
with

charges as (
    select
        cost_source,
        import_name,
        provider_name,
        billing_account_id,
        sub_account_id,
        sub_account_name,
        usage_on,
        billing_month_on,
        charge_category,
        currency,
        billed_cost,
        tags
    from {{ ref('stg_files__focus_costs') }}
),

days as (
    select
        cost_source,
        import_name,
        provider_name,
        billing_account_id,
        sub_account_id,
        sub_account_name,
        usage_on,
        billing_month_on,
        charge_category,
        currency,
        billed_cost,
        tags
    from {{ ref('stg_files__daily_costs') }}
),

final as (
    select * from charges
    union all
    select * from days
)

select * from final
