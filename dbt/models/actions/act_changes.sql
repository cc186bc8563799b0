with

united as (
    select * from {{ ref('act_fill_hubspot_properties') }}
    union all
    select * from {{ ref('act_create_engagements') }}
    union all
    select * from {{ ref('act_open_github_issues') }}
    union all
    select * from {{ ref('act_add_hubspot_labels') }}
    union all
    select * from {{ ref('act_write_hubspot_tasks') }}
    union all
    select * from {{ ref('act_link_renewal_deals') }}
    union all
    select * from {{ ref('act_create_airtable_deliverables') }}
    union all
    select * from {{ ref('act_correct_drifted_fields') }}
    union all
    select * from {{ ref('act_extend_decommission_dates') }}
    union all
    select * from {{ ref('act_link_project_items') }}
    union all
    select * from {{ ref('act_close_github_requests') }}
    union all
    select * from {{ ref('act_complete_hubspot_tasks') }}
    union all
    select * from {{ ref('act_keep_aws_budgets') }}
    union all
    select * from {{ ref('act_append_billing_columns') }}
),

-- what people set aside is not mended behind their back
set_aside as (
    select * from {{ ref('fct_findings') }}
    where state in ('snoozed', 'waived')
),

final as (
    select
        united.change_id,
        united.finding_id,
        united.recipe,
        united.system,
        united.object,
        united.record_id,
        united.field,
        united.before,
        united.after,
        united.policy,
        united.reason,
        united.risk,
        united.is_reversible,
        united.natural_key,
        united.depends_on,
        united.record_url,
        united.needs,
        united.is_blocked or set_aside.finding_id is not null as is_blocked,
        coalesce(united.blocked_reason, 'somebody ' || set_aside.state || ' the finding') as blocked_reason,
        united.as_of_on
    from united
    left join set_aside on united.finding_id = set_aside.finding_id
)

select * from final
