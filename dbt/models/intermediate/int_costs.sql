-- One row per source of costs, account, day, category and currency, whatever the source called them. Where two sources cover the
-- same account and month, rule_cost_sources.csv says which one counts; the other stays visible and is not added up. Of two
-- exports the first by name counts. A bill may hold late charges for days of another month: it does not cover that month.
with

explored as (
    select
        'aws' as cost_source,
        '' as import_name,
        'AWS' as provider_name,
        costs.payer_account_id as billing_account_id,
        costs.account_id as sub_account_id,
        accounts.account_name as sub_account_name,
        costs.usage_on,
        costs.charge_category,
        costs.currency,
        costs.billed_cost,
        costs.is_estimated,
        false as is_late
    from {{ ref('stg_aws__costs') }} as costs
    left join {{ ref('stg_aws__accounts') }} as accounts
        on costs.payer_account_id = accounts.payer_account_id and costs.account_id = accounts.account_id
),

imported as (
    select
        cost_source,
        import_name,
        provider_name,
        billing_account_id,
        sub_account_id,
        sub_account_name,
        usage_on,
        charge_category,
        currency,
        billed_cost,
        false as is_estimated,
        coalesce(billing_month_on <> {{ month_start('usage_on') }}, false) as is_late
    from {{ ref('int_imported_costs') }}
),

united as (
    select * from explored
    union all
    select * from imported
),

added as (
    select
        cost_source,
        import_name,
        provider_name,
        billing_account_id,
        sub_account_id,
        max(sub_account_name) as sub_account_name,
        usage_on,
        charge_category,
        currency,
        sum(billed_cost) as billed_cost,
        sum(case when billed_cost >= 0 then billed_cost else 0 end) as charged,
        bool_or(is_estimated) as is_estimated,
        bool_and(is_late) as is_late
    from united
    group by cost_source, import_name, provider_name, billing_account_id, sub_account_id, usage_on, charge_category, currency
),

ranks as (
    select * from {{ ref('rule_cost_sources') }}
),

candidates as (
    select
        cost_source,
        import_name,
        provider_name,
        sub_account_id,
        {{ month_start('usage_on') }} as month_on,
        bool_and(is_late) as is_late
    from added
    group by cost_source, import_name, provider_name, sub_account_id, {{ month_start('usage_on') }}
),

preferred as (
    select
        candidates.*,
        row_number() over (
            partition by candidates.provider_name, candidates.sub_account_id, candidates.month_on
            order by candidates.is_late, ranks.source_rank nulls last, candidates.cost_source, candidates.import_name
        ) as position
    from candidates
    left join ranks on candidates.cost_source = ranks.cost_source
),

final as (
    select
        added.cost_source,
        added.import_name,
        added.provider_name,
        added.billing_account_id,
        added.sub_account_id,
        added.sub_account_name,
        added.usage_on,
        added.charge_category,
        added.currency,
        added.billed_cost,
        added.charged,
        added.is_estimated,
        preferred.position = 1 as is_counted
    from added
    inner join preferred
        on added.cost_source = preferred.cost_source
        and added.import_name = preferred.import_name
        and added.provider_name = preferred.provider_name
        and added.sub_account_id = preferred.sub_account_id
        and {{ month_start('added.usage_on') }} = preferred.month_on
)

select * from final
