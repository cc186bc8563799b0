-- Completes the task that handoff keeps on a deal once nothing of its list is missing any more. The twin of
-- act_write_hubspot_tasks, and off with it.
with

enabled as (
    select value as recipe
    from {{ ref('rule_guards') }}
    where key = 'enabled_recipe' and value = 'write_hubspot_task'
),

-- tasks are read one by one at each sync, because no list of them is loaded
tasks as (
    select
        record_id as task_id,
        finding_id,
        record_url,
        read_value as task_status,
        regexp_extract(change_id, '^task:deal-(\d+)$', 1) as deal_id
    from {{ ref('stg_ops__writes') }}
    where system = 'hubspot' and object = 'tasks' and is_created and read_value is not null and read_value <> 'COMPLETED'
),

deals as (
    select * from {{ ref('int_deals') }}
),

lacking as (
    select distinct deal_id
    from {{ ref('fct_missing_intake') }}
    where finding_id is not null
),

final as (
    select
        'complete:task-' || tasks.task_id as change_id,
        tasks.finding_id,
        'complete_hubspot_task' as recipe,
        'hubspot' as system,
        'tasks' as object,
        tasks.task_id as record_id,
        'status' as field,
        tasks.task_status as before,
        'COMPLETED' as after,
        'if_equal_before' as policy,
        'Nothing that the task asks for is missing on ' || deals.deal_name || ' any more.' as reason,
        'low' as risk,
        true as is_reversible,
        deals.deal_url as natural_key,
        cast(null as varchar) as depends_on,
        tasks.record_url,
        'hubspot' as needs,
        gates.gate <> 'evaluated' as is_blocked,
        case when gates.gate <> 'evaluated' then 'a source behind the finding is not complete' end as blocked_reason,
        {{ as_of() }} as as_of_on
    from tasks
    inner join deals on tasks.deal_id = deals.deal_id
    left join lacking on tasks.deal_id = lacking.deal_id
    inner join {{ ref('int_rule_gates') }} as gates on gates.rule_id = 'missing_intake'
    cross join enabled
    where lacking.deal_id is null
)

select * from final
