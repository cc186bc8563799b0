with

gates as (
    select * from {{ ref('int_rule_gates') }}
),

counts as (
    select
        rule_id,
        count(*) filter (where state in ('open', 'acknowledged')) as open_count,
        count(*) filter (where state = 'indeterminate') as indeterminate_count,
        count(*) filter (where state in ('snoozed', 'waived')) as set_aside_count
    from {{ ref('fct_findings') }}
    group by rule_id
),

shadows as (
    select
        rule_id,
        count(*) as shadow_count
    from {{ ref('int_found_findings') }}
    group by rule_id
),

final as (
    select
        gates.rule_id,
        gates.title,
        gates.report,
        gates.severity,
        gates.kind,
        gates.mode,
        gates.needs,
        gates.owner_team,
        gates.gate,
        gates.gate_reason,
        cast(coalesce(counts.open_count, 0) as integer) as open_count,
        cast(coalesce(counts.indeterminate_count, 0) as integer) as indeterminate_count,
        cast(coalesce(counts.set_aside_count, 0) as integer) as set_aside_count,
        cast(case when gates.mode = 'shadow' then coalesce(shadows.shadow_count, 0) end as integer) as shadow_count,
        gates.what_to_do,
        gates.rule_reason as reason,
        {{ as_of() }} as as_of_on
    from gates
    left join counts on gates.rule_id = counts.rule_id
    left join shadows on gates.rule_id = shadows.rule_id
)

select * from final
