with

findings as (
    select * from {{ ref('fct_findings') }}
),

evaluations as (
    select * from {{ ref('rpt_rule_evaluations') }}
),



-- which findings each line of the summary counts
lines as (
    select 1 as summary_rank, 'missing' as summary_key, 'Missing in the handoff' as label, 'handoff-gaps' as report,
        'Work the list from the top: a blocker stops a delivery that has begun' as what_to_do
    union all
    select 2, 'late', 'Handoffs that are late', 'handoff-gaps', 'Finish the open steps today, or agree a new start with the community'
    union all
    select 3, 'intake', 'Intake answers to ask for', 'missing-intake', 'Ask each community once, for everything that its deal still lacks'
    union all
    select 4, 'due', 'Agreements that end without care', 'renewals-due', 'Open the renewal, talk to the community, send the notice'
    union all
    select 5, 'over', 'Budgets exceeded or about to be', 'budget-overruns', 'Find the cause, then decide to absorb it or to pass it on'
    union all
    select 6, 'unpaid', 'Spend that nobody will pay', 'budget-overruns', 'Sign for these days, map the account, or switch it off'
),

tagged as (
    select
        findings.*,
        case
            when rule_id in ('HG08', 'HG10') then 'late'
            when report = 'handoff-gaps' then 'missing'
            when report = 'missing-intake' then 'intake'
            when report = 'renewals-due' then 'due'
            when rule_id in ('BO05', 'BO06') then 'unpaid'
            else 'over'
        end as summary_key
    from findings
),

counts as (
    select
        summary_key,
        count(*) filter (where status = 'open') as open_count,
        count(*) filter (where status = 'indeterminate') as unknown_count,
        count(*) filter (where status = 'open' and severity = 'blocker') as blocker_count,
        count(distinct coalesce(deal_id, subject_id)) filter (where status = 'open') as subject_count
    from tagged
    group by summary_key
),

-- a line is unknown where any of its rules could not be judged at all
gates as (
    select
        case
            when rule_id in ('HG08', 'HG10') then 'late'
            when report = 'handoff-gaps' then 'missing'
            when report = 'missing-intake' then 'intake'
            when report = 'renewals-due' then 'due'
            when rule_id in ('BO05', 'BO06') then 'unpaid'
            else 'over'
        end as summary_key,
        count(*) as rule_count,
        count(*) filter (where gate = 'not_evaluated') as not_evaluated_count
    from evaluations
    group by 1
),

final as (
    select
        cast(lines.summary_rank as integer) as summary_rank,
        lines.summary_key,
        lines.label,
        cast(coalesce(counts.open_count, 0) as integer) as open_count,
        case
            when gates.not_evaluated_count = gates.rule_count then 'not evaluated'
            else cast(coalesce(counts.open_count, 0) as varchar)
                || case when counts.blocker_count > 0 then ' (' || {{ count_words('counts.blocker_count', 'blocker') }} || ')' else '' end
                || case when counts.unknown_count > 0 then ', ' || cast(counts.unknown_count as varchar) || ' unknown' else '' end
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
