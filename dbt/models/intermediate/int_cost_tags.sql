-- One row per source of costs, account, day, category, currency and value of a tag that the rules know: what it cost. For each
-- key the costs stand here once more, so that values of one key may be added up and keys may not.
with

keys as (
    select distinct tag_key from {{ ref('map_cost_tags') }}
),

explored as (
    select
        'aws' as cost_source,
        '' as import_name,
        'AWS' as provider_name,
        costs.payer_account_id as billing_account_id,
        costs.account_id as sub_account_id,
        costs.usage_on,
        costs.charge_category,
        costs.currency,
        costs.tag_key,
        costs.tag_value,
        costs.billed_cost
    from {{ ref('stg_aws__cost_tags') }} as costs
    inner join keys on costs.tag_key = keys.tag_key
),

imported as (
    select
        costs.cost_source,
        costs.import_name,
        costs.provider_name,
        costs.billing_account_id,
        costs.sub_account_id,
        costs.usage_on,
        costs.charge_category,
        costs.currency,
        keys.tag_key,
        coalesce({{ json_member('costs.tags', 'keys.tag_key') }}, '') as tag_value,
        costs.billed_cost
    from {{ ref('int_imported_costs') }} as costs
    cross join keys
),

united as (
    select * from explored
    union all
    select * from imported
),

final as (
    select
        cost_source,
        import_name,
        provider_name,
        billing_account_id,
        sub_account_id,
        usage_on,
        charge_category,
        currency,
        tag_key,
        tag_value,
        sum(billed_cost) as billed_cost,
        sum(case when billed_cost >= 0 then billed_cost else 0 end) as charged
    from united
    group by
        cost_source, import_name, provider_name, billing_account_id, sub_account_id, usage_on, charge_category, currency,
        tag_key, tag_value
)

select * from final
