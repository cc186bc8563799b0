{# How this engine reads JSON that was stored as text. Every engine difference about JSON stands in this file. #}

{# A JSON object as a map from name to text; null when the text is null. #}
{% macro json_map(column) -%}
    cast(cast({{ column }} as json) as map(varchar, varchar))
{%- endmacro %}

{# The texts of a JSON array, one row each; use as: cross join {{ json_elements('column') }} as t (element) #}
{% macro json_elements(column) -%}
    unnest(cast(cast({{ column }} as json) as json[]))
{%- endmacro %}

{# One text value of a JSON object. #}
{% macro json_text(column, name) -%}
    json_extract_string({{ column }}, '$.{{ name }}')
{%- endmacro %}

{#
    What a finding saw, as a JSON array: items are (field, value expression, source).
    `loads` must be joined: one row with <source>_seen_at for each source (int_source_loads).
#}
{% macro evidence(items) -%}
    cast(to_json([
    {%- for field, value, source in items %}
        {
            'field': '{{ field }}',
            'value': cast({{ value }} as varchar),
            'source': '{{ source }}',
            'seen_at': strftime(timezone('UTC', loads.{{ source }}_seen_at), '%Y-%m-%dT%H:%M:%SZ')
        }{{ "," if not loop.last }}
    {%- endfor %}
    ]) as varchar)
{%- endmacro %}
