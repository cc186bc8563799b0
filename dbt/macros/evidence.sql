{#
    One value of a finding's evidence as it is compared with what it was when somebody decided (rule_evidence.csv):
    exactly, rounded to its first digit (so that spend may go on but not grow without end), or not at all.
#}
{% macro compared_value(value, comparison) -%}
    case {{ comparison }}
        when 'never' then null
        when 'rounded' then coalesce({{ first_digit(value) }}, {{ value }})
        else {{ value }}
    end
{%- endmacro %}

{# The columns that say what became of a finding, in their public order; they follow `finding_columns`. #}
{% macro lifecycle_columns() -%}
    state,
    state_since_at,
    first_seen_at,
    last_seen_at,
    resolved_at,
    reopen_count,
    snoozed_until_on,
    decision_reason,
    decided_by,
    decided_at
{%- endmacro %}
