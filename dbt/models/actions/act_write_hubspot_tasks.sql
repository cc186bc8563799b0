-- Asks the owner of a deal for what its intake lacks, in one task on the deal that is kept up to date. Off unless rule_guards.csv
-- has the row enabled_recipe,write_hubspot_task: the findings stay until somebody answers, and not everybody wants tasks, too.
with

enabled as (
    select value as recipe
    from {{ ref('rule_guards') }}
    where key = 'enabled_recipe' and value = 'write_hubspot_task'
),

lacking as (
    select * from {{ ref('fct_missing_intake') }}
    where finding_id is not null
),

findings as (
    select * from {{ ref('fct_findings') }}
    where state not in ('snoozed', 'waived')
),

deals as (
    select * from {{ ref('int_deals') }}
),

-- vendor text is shown in HubSpot as HTML
items as (
    select
        lacking.deal_id,
        lacking.finding_id,
        lacking.status,
        replace(replace(replace(lacking.reason, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') as item
    from lacking
    inner join findings on lacking.finding_id = findings.finding_id
),

lists as (
    select
        deal_id,
        min(finding_id) as finding_id,
        count(*) filter (where status <> 'open') as uncertain_count,
        count(*) as item_count,
        string_agg('- ' || item, '<br>' order by finding_id) as item_list
    from items
    group by deal_id
),

final as (
    select
        'task:deal-' || lists.deal_id as change_id,
        lists.finding_id,
        enabled.recipe,
        'hubspot' as system,
        'tasks' as object,
        cast(null as varchar) as record_id,
        cast(null as varchar) as field,
        cast(null as varchar) as before,
        cast(to_json({
            'subject': 'Ask for what the intake of ' || deals.deal_name || ' lacks',
            'body': 'Ask the community once for all of it:<br>' || lists.item_list,
            'due_on': cast({{ add_days(as_of(), threshold('task_due_days')) }} as varchar),
            'owner_id': deals.owner_id
        }) as varchar) as after,
        'if_empty' as policy,
        deals.deal_name || ' lacks ' || {{ count_words('lists.item_count', 'answer') }}
        || ' that only its owner can get.' as reason,
        'low' as risk,
        false as is_reversible,
        deals.deal_url as natural_key,
        cast(null as varchar) as depends_on,
        deals.deal_url as record_url,
        'hubspot' as needs,
        lists.uncertain_count > 0 as is_blocked,
        case when lists.uncertain_count > 0 then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from lists
    inner join deals on lists.deal_id = deals.deal_id and deals.is_owner_active
    cross join enabled
)

select * from final
