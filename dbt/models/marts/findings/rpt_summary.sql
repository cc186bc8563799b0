with

lines as (
    select * from {{ ref('rule_summary_lines') }}
),

rules as (
    select * from {{ ref('rule_findings') }}
),

findings as (
    select * from {{ ref('fct_findings') }}
),

evaluations as (
    select * from {{ ref('rpt_rule_evaluations') }}
    where mode = 'on'
),

counts as (
    select
        rules.summary_key,
        count(*) filter (where findings.state in ('open', 'acknowledged')) as open_count,
        count(*) filter (where findings.state = 'indeterminate') as unknown_count,
        count(*) filter (where findings.state in ('snoozed', 'waived')) as set_aside_count,
        count(*) filter (where findings.state in ('open', 'acknowledged') and findings.severity = 'blocker') as blocker_count
    from findings
    inner join rules on findings.rule_id = rules.rule_id
    group by rules.summary_key
),

-- a number says less than it seems to where some of its rules could not be judged at all
gates as (
    select
        rules.summary_key,
        count(*) as rule_count,
        count(*) filter (where evaluations.gate = 'not_evaluated') as not_evaluated_count
    from evaluations
    inner join rules on evaluations.rule_id = rules.rule_id
    group by rules.summary_key
),

final as (
    select
        lines.summary_rank,
        lines.summary_key,
        lines.label,
        cast(coalesce(counts.open_count, 0) as integer) as open_count,
        case
            when gates.not_evaluated_count = gates.rule_count then 'not evaluated'
            else cast(coalesce(counts.open_count, 0) as varchar)
                || case
                    when counts.blocker_count > 0 then ' (' || {{ count_words('counts.blocker_count', 'blocker') }} || ')'
                    else ''
                end
                || case when counts.unknown_count > 0 then ', ' || cast(counts.unknown_count as varchar) || ' unknown' else '' end
                || case
                    when counts.set_aside_count > 0 then ', ' || cast(counts.set_aside_count as varchar) || ' set aside'
                    else ''
                end
                || case
                    when gates.not_evaluated_count > 0
                        then ', ' || {{ count_words('gates.not_evaluated_count', 'rule') }} || ' not evaluated'
                    else ''
                end
        end as value_text,
        lines.what_to_do,
        lines.report
    from lines
    left join counts on lines.summary_key = counts.summary_key
    left join gates on lines.summary_key = gates.summary_key
)

select * from final
