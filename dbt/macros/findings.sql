{#
    The one shape of all findings. `rows` is a CTE with one row per finding of its rules:
    finding_id, rule_id, severity (null: the rule's), subject_type, subject_id, subject, deal_id, community_name,
    deal_owner, delivery_owner (null where nobody active is named), due_on, reason, record_url, evidence,
    `extra_needs`: a source that this one row needs beyond its rule's (null for most),
    and `is_uncertain`: whether it is unknown that the rule applies at all. With `own_words` a row has its own `what_to_do` (null: the rule's).

    A rule that could not be judged makes no finding. An absence that rests on a stale source is indeterminate.
#}
{% macro findings_of(rows, extra_columns=[], own_words=false) -%}
    select
        {{ rows }}.finding_id,
        {{ rows }}.rule_id,
        gates.report,
        case
            when gates.kind = 'absence'
                and (
                    gates.gate = 'stale'
                    or coalesce(extra.gate, 'complete') <> 'complete'
                    or coalesce({{ rows }}.is_uncertain, false)
                )
                then 'indeterminate'
            else 'open'
        end as status,
        coalesce({{ rows }}.severity, gates.severity) as severity,
        {{ rows }}.subject_type,
        {{ rows }}.subject_id,
        {{ rows }}.subject,
        {{ rows }}.deal_id,
        {{ rows }}.community_name,
        gates.owner_team,
        coalesce(
            case teams.owner_from
                when 'deal' then {{ rows }}.deal_owner
                when 'engagement' then {{ rows }}.delivery_owner
            end,
            teams.fallback_owner
        ) as owner,
        {{ rows }}.due_on,
        coalesce({{ rows }}.due_on < {{ as_of() }}, false) as is_overdue,
        {{ rows }}.reason,
        {{ 'coalesce(' ~ rows ~ '.what_to_do, gates.what_to_do) as what_to_do' if own_words else 'gates.what_to_do' }},
        gates.fix_action,
        {{ rows }}.record_url,
        {{ rows }}.evidence,
        {{ as_of() }} as as_of_on
    {%- for column in extra_columns %},
        {{ rows }}.{{ column }}
    {%- endfor %}
    from {{ rows }}
    inner join {{ ref('int_rule_gates') }} as gates on {{ rows }}.rule_id = gates.rule_id
    inner join {{ ref('map_teams_to_owners') }} as teams on gates.owner_team = teams.owner_team
    left join {{ ref('int_source_gates') }} as extra on {{ rows }}.extra_needs = extra.source
    where gates.gate <> 'not_evaluated' and coalesce(extra.gate, 'complete') <> 'never'
{%- endmacro %}

{# Whether a rule can be judged fully as of this run. #}
{% macro is_evaluated(rule_id) -%}
    ((select gate from {{ ref('int_rule_gates') }} where rule_id = '{{ rule_id }}') = 'evaluated')
{%- endmacro %}

{#
    How many findings of `model` are reported, as `finding_count` for each value of `column` (named `name`). What a rule in shadow found
    is counted in rpt_rule_evaluations and nowhere else.
#}
{% macro reported_counts(model, column, name=none) -%}
    select
        findings.{{ column }} as {{ name or column }},
        count(*) as finding_count
    from {{ ref(model) }} as findings
    inner join {{ ref('int_rule_gates') }} as rules on findings.rule_id = rules.rule_id and rules.mode = 'on'
    group by findings.{{ column }}
{%- endmacro %}
