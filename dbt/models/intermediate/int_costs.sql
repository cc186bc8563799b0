-- One row per source of costs, account, day, category and currency, whatever the source called them. Where two sources cover the
-- same account and month, rule_cost_sources.csv says which one counts; the other stays visible and is not added up.
with

explored as (
    select
        'aws' as cost_source,
        'AWS' as provider_name,
        costs.payer_account_id as billing_account_id,
        costs.account_id as sub_account_id,
        accounts.account_name as sub_account_name,
        costs.usage_on,
        costs.charge_category,
        costs.currency,
        costs.billed_cost,
        costs.is_estimated
    from {{ ref('stg_aws__costs') }} as costs
    left join {{ ref('stg_aws__accounts') }} as accounts
        on costs.payer_account_id = accounts.payer_account_id and costs.account_id = accounts.account_id
),

imported as (
    select
        'files' as cost_source,
        provider_name,
        billing_account_id,
        sub_account_id,
        sub_account_name,
        usage_on,
        charge_category,
        currency,
        billed_cost,
        false as is_estimated
    from {{ ref('stg_files__focus_costs') }}
),

united as (
    select * from explored
    union all
    select * from imported
),

added as (
    select
        cost_source,
        provider_name,
        billing_account_id,
        sub_account_id,
        max(sub_account_name) as sub_account_name,
        usage_on,
        charge_category,
        currency,
        sum(billed_cost) as billed_cost,
        sum(case when billed_cost >= 0 then billed_cost else 0 end) as charged,
        bool_or(is_estimated) as is_estimated
    from united
    group by cost_source, provider_name, billing_account_id, sub_account_id, usage_on, charge_category, currency
),

ranks as (
    select * from {{ ref('rule_cost_sources') }}
),

preferred as (
    select
        added.provider_name,
        added.sub_account_id,
        {{ month_start('added.usage_on') }} as month_on,
        min_by(added.cost_source, coalesce(ranks.source_rank, 99)) as cost_source
    from added
    left join ranks on added.cost_source = ranks.cost_source
    group by added.provider_name, added.sub_account_id, {{ month_start('added.usage_on') }}
),

final as (
    select
        added.*,
        added.cost_source = preferred.cost_source as is_counted
    from added
    inner join preferred
        on added.provider_name = preferred.provider_name
        and added.sub_account_id = preferred.sub_account_id
        and {{ month_start('added.usage_on') }} = preferred.month_on
)

select * from final
