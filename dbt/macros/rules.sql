{# Values of the rule tables, by key. An unknown key is NULL, and a test says so. #}

{% macro organisation(key) -%}
    (select value from {{ ref('rule_organisation') }} where key = '{{ key }}')
{%- endmacro %}

{% macro threshold(key) -%}
    (select value from {{ ref('rule_thresholds') }} where key = '{{ key }}')
{%- endmacro %}

{# Nothing is there: null, empty, or white space. #}
{% macro is_empty(text) -%}
    (nullif(trim({{ text }}), '') is null)
{%- endmacro %}

{# Something is there that stands for nothing: "tbd", "n/a", ... #}
{% macro is_placeholder(text) -%}
    (lower(trim({{ text }})) in (select lower(placeholder) from {{ ref('rule_placeholders') }}))
{%- endmacro %}

{# Neither empty nor a placeholder. #}
{% macro is_filled(text) -%}
    (not {{ is_empty(text) }} and not {{ is_placeholder(text) }})
{%- endmacro %}

{#
    One row that holds the vendor's name of each canonical field, for a CTE: the organisation's fields are data (map_fields.csv),
    so that renaming one in HubSpot or Airtable is one row there and no change here.
#}
{% macro vendor_fields(system, object, fields) -%}
    select
    {%- for field in fields %}
        max(case when canonical_field = '{{ field }}' then vendor_field end) as {{ field }}{{ "," if not loop.last }}
    {%- endfor %}
    from {{ ref('map_fields') }}
    where system = '{{ system }}' and object = '{{ object }}'
{%- endmacro %}

{# The first day of which stage gates speak: moves and changes before it are history that nobody is asked about. #}
{% macro stage_gates_from() -%}
    greatest(
        cast({{ organisation('handoff_epoch') }} as date),
        {{ add_days(as_of(), '-' ~ threshold('stage_lookback_days')) }}
    )
{%- endmacro %}

{# Days past due in the steps of rule_thresholds.csv (billing_aging_...); null stays null. #}
{% macro aging_words(days) -%}
    case
        when {{ days }} is null then null
        else coalesce(
            (
                select 'up to ' || cast(cast(min(steps.value) as integer) as varchar) || ' days'
                from {{ ref('rule_thresholds') }} as steps
                where steps.key like 'billing_aging_%' and steps.value >= {{ days }}
            ),
            'more than ' || cast(cast({{ threshold('billing_aging_third_days') }} as integer) as varchar) || ' days'
        )
    end
{%- endmacro %}
