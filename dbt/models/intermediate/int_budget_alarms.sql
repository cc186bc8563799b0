-- One row per cloud account or chain of agreements of which AWS Budgets and this report do not say the same about this month.
-- Only alerts at the whole limit or above it count: the ones before it are early warnings.
with

budgets as (
    select * from {{ ref('stg_aws__budgets') }}
    where account_id is not null and is_monthly_cost
),

alarms as (
    select
        notifications.owner_account_id,
        notifications.budget_name,
        max(notifications.threshold) as threshold
    from {{ ref('stg_aws__budget_notifications') }} as notifications
    inner join budgets
        on notifications.owner_account_id = budgets.owner_account_id and notifications.budget_name = budgets.budget_name
    where notifications.state = 'ALARM'
        and (
            (
                notifications.threshold_type = 'PERCENTAGE'
                and notifications.threshold >= {{ threshold('budget_alarm_percent') }}
            )
            or (
                notifications.threshold_type = 'ABSOLUTE_VALUE'
                and notifications.threshold >= budgets.limit_amount * {{ threshold('budget_alarm_percent') }} / 100
            )
        )
    group by notifications.owner_account_id, notifications.budget_name
),

judged_budgets as (
    select
        budgets.*,
        alarms.budget_name is not null as is_alarmed
    from budgets
    left join alarms on budgets.owner_account_id = alarms.owner_account_id and budgets.budget_name = alarms.budget_name
),

account_chains as (
    select
        sub_account_id as account_id,
        max(sub_account_name) as account_name,
        max_by(chain_id, usage_on) as chain_id
    from {{ ref('int_account_days') }}
    where provider_name = 'AWS'
        and usage_on between {{ month_start(as_of()) }} and {{ as_of() }}
    group by sub_account_id
),

months as (
    select
        *,
        coalesce(
            gross_amount > budget_amount or forecast_amount > budget_amount * {{ threshold('budget_forecast_ratio') }}, false
        ) as is_over
    from {{ ref('int_budget_months') }}
    where month_on = {{ month_start(as_of()) }} and chain_id is not null
),

-- AWS says too much is spent, and nothing here says so
only_there as (
    select
        'account' as subject_type,
        judged_budgets.account_id as subject_id,
        coalesce(account_chains.account_name, judged_budgets.account_id) as subject,
        judged_budgets.budget_name,
        judged_budgets.limit_amount,
        judged_budgets.actual_amount,
        judged_budgets.currency,
        cast(null as integer) as budget_count,
        months.chain_id
    from judged_budgets
    left join account_chains on judged_budgets.account_id = account_chains.account_id
    left join months on account_chains.chain_id = months.chain_id
    where judged_budgets.is_alarmed and not coalesce(months.is_over, false)
),

-- the spend is too high here, and none of the budgets that AWS keeps for the accounts has noticed
only_here as (
    select
        'deal' as subject_type,
        max(months.deal_id) as subject_id,
        max(months.subject) as subject,
        min(judged_budgets.budget_name) as budget_name,
        sum(judged_budgets.limit_amount) as limit_amount,
        sum(judged_budgets.actual_amount) as actual_amount,
        max(judged_budgets.currency) as currency,
        cast(count(*) as integer) as budget_count,
        months.chain_id
    from months
    inner join account_chains on months.chain_id = account_chains.chain_id
    inner join judged_budgets on account_chains.account_id = judged_budgets.account_id
    where months.is_over
    group by months.chain_id
    having not bool_or(judged_budgets.is_alarmed)
),

final as (
    select * from only_there
    union all
    select * from only_here
)

select * from final
