-- Gives an AWS account that no budget of its own watches the monthly budget that was agreed for its deal, and keeps the limit of
-- the budgets that handoff made equal to what is agreed. Off unless rule_guards.csv has the row enabled_recipe,keep_aws_budget.
with

enabled as (
    select value as recipe
    from {{ ref('rule_guards') }}
    where key = 'enabled_recipe' and value = 'keep_aws_budget'
),

account_days as (
    select * from {{ ref('int_account_days') }}
    where provider_name = 'AWS' and usage_on between {{ month_start(as_of()) }} and {{ as_of() }} and chain_id is not null
),

-- what is agreed for a deal cannot be divided among several accounts, nor what is agreed with several deals be added up
alone as (
    select
        min(sub_account_id) as account_id,
        max(sub_account_name) as account_name,
        max(billing_account_id) as payer_account_id,
        chain_id
    from account_days
    group by chain_id
    having count(distinct sub_account_id) = 1
),

undivided as (
    select sub_account_id
    from account_days
    group by sub_account_id
    having count(distinct chain_id) = 1
),

accounts as (
    select alone.*
    from alone
    inner join undivided on alone.account_id = undivided.sub_account_id
),

agreed as (
    select * from {{ ref('int_budget_months') }}
    where month_on = {{ month_start(as_of()) }} and budget_source = 'engagement' and budget_amount > 0
),

budgets as (
    select * from {{ ref('stg_aws__budgets') }}
    where account_id is not null and is_monthly_cost
),

watched as (
    select
        account_id,
        count(*) as budget_count
    from budgets
    group by account_id
),

wanted as (
    select
        accounts.*,
        agreed.deal_id,
        agreed.subject,
        agreed.record_url,
        {{ plain_number('cast(agreed.budget_amount as varchar)') }} as limit_text,
        agreed.budget_amount,
        'handoff-' || accounts.account_id as budget_name,
        coalesce(watched.budget_count, 0) as budget_count
    from accounts
    inner join agreed on accounts.chain_id = agreed.chain_id
    left join watched on accounts.account_id = watched.account_id
),

creations as (
    select
        'create:budget-' || account_id as change_id,
        account_id,
        cast(null as varchar) as record_id,
        cast(null as varchar) as field,
        cast(null as varchar) as before,
        cast(to_json({
            'account_id': account_id,
            'budget_name': budget_name,
            'limit': limit_text,
            'currency': {{ organisation('currency') }},
            'alert_email': {{ organisation('budget_alert_email') }}
        }) as varchar) as after,
        'No AWS budget watches the account ' || account_name || ', and '
        || {{ money_words('budget_amount', organisation('currency')) }} || ' a month are agreed for ' || subject || '.' as reason,
        payer_account_id || '/' || budget_name as natural_key,
        record_url
    from wanted
    where budget_count = 0
),

adjustments as (
    select
        'adjust:budget-' || wanted.account_id as change_id,
        wanted.account_id,
        wanted.payer_account_id || '/' || wanted.budget_name as record_id,
        'limit' as field,
        {{ plain_number('cast(budgets.limit_amount as varchar)') }} as before,
        wanted.limit_text as after,
        'The AWS budget of the account ' || wanted.account_name || ' warns at '
        || {{ money_words('budgets.limit_amount', organisation('currency')) }} || ', and '
        || {{ money_words('wanted.budget_amount', organisation('currency')) }} || ' a month are agreed for ' || wanted.subject
        || '.' as reason,
        cast(null as varchar) as natural_key,
        wanted.record_url
    from wanted
    inner join budgets on wanted.payer_account_id = budgets.owner_account_id and wanted.budget_name = budgets.budget_name
    where not budgets.is_auto_adjusting and budgets.limit_amount <> wanted.budget_amount
),

united as (
    select
        *,
        'if_empty' as policy
    from creations
    union all by name
    select
        *,
        'if_equal_before' as policy
    from adjustments
),

final as (
    select
        united.change_id,
        'BO10:account-' || united.account_id || ':' || {{ month_key(month_start(as_of())) }} as finding_id,
        enabled.recipe,
        'aws' as system,
        'budgets' as object,
        united.record_id,
        united.field,
        united.before,
        united.after,
        united.policy,
        united.reason,
        'medium' as risk,
        united.record_id is not null as is_reversible,
        united.natural_key,
        cast(null as varchar) as depends_on,
        united.record_url,
        'hubspot;' || engagement_gate.stores || ';aws' as needs,
        gates.gate <> 'evaluated' as is_blocked,
        case when gates.gate <> 'evaluated' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from united
    inner join {{ ref('int_rule_gates') }} as gates on gates.rule_id = 'BO10'
    cross join enabled
    cross join {{ ref('int_engagement_gate') }} as engagement_gate
)

select * from final
