{# How this engine reads JSON that was stored as text. Every engine difference about JSON stands in this file. #}

{# A JSON object as a map from name to text; null when the text is null. #}
{% macro json_map(column) -%}
    cast(cast({{ column }} as json) as map(varchar, varchar))
{%- endmacro %}

{# One text value of a JSON object whose name stands in a column; null for a text that is no JSON object. #}
{% macro json_member(column, name) -%}
    try_cast(try_cast({{ column }} as json) as map(varchar, varchar))[{{ name }}]
{%- endmacro %}

{#
    What a cell of Airtable says, as text: a formula that ended in an error says nothing (the source names it), a lookup of one value
    says that value.
#}
{% macro airtable_text(cell) -%}
    case
        when {{ cell }} like '{"error":%' or {{ cell }} like '{"specialValue":%' then null
        when {{ cell }} like '[%' and json_array_length(try_cast({{ cell }} as json)) = 1
            then json_extract_string(try_cast({{ cell }} as json), '$[0]')
        else {{ cell }}
    end
{%- endmacro %}

{# The texts of a JSON array, one row each; use as: cross join {{ json_elements('column') }} as t (element) #}
{% macro json_elements(column) -%}
    unnest(cast(cast({{ column }} as json) as json[]))
{%- endmacro %}

{# One text value of a JSON object. #}
{% macro json_text(column, name) -%}
    json_extract_string({{ column }}, '$.{{ name }}')
{%- endmacro %}

{# Which source an item of evidence names. One with a point in it is a column that says prometheus, or else files. #}
{% macro evidence_source(source) -%}
    {%- if '.' in source -%} coalesce({{ source }}, 'files')
    {%- elif source in ['engagements', 'invoices'] -%} loads.{{ source }}_source
    {%- else -%} '{{ source }}'
    {%- endif -%}
{%- endmacro %}

{# When that source was last read completely. #}
{% macro evidence_seen_at(source) -%}
    {%- if '.' in source -%}
        case when {{ source }} = 'prometheus' then loads.prometheus_seen_at else loads.files_seen_at end
    {%- else -%} loads.{{ source }}_seen_at
    {%- endif -%}
{%- endmacro %}

{#
    What a finding saw, as a JSON array: items are (field, value expression, source).
    `loads` must be joined: one row with <source>_seen_at for each source (int_source_loads). `engagements` and `invoices` stand for
    the sources that they are read from.
#}
{% macro evidence(items) -%}
    cast(to_json([
    {%- for field, value, source in items %}
        {
            'field': '{{ field }}',
            'value': cast({{ value }} as varchar),
            'source': {{ evidence_source(source) }},
            'seen_at': strftime(timezone('UTC', {{ evidence_seen_at(source) }}), '%Y-%m-%dT%H:%M:%SZ')
        }{{ "," if not loop.last }}
    {%- endfor %}
    ]) as varchar)
{%- endmacro %}
