{# The columns that every finding has, in their public order (docs/commands.md, "JSON"). #}
{% macro finding_columns() -%}
    finding_id,
    rule_id,
    report,
    status,
    severity,
    subject_type,
    subject_id,
    subject,
    deal_id,
    community_name,
    owner_team,
    owner,
    due_on,
    is_overdue,
    reason,
    what_to_do,
    fix_action,
    record_url,
    evidence,
    as_of_on
{%- endmacro %}
