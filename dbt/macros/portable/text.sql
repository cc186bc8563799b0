{# Text: lists, addresses, money in words. Every engine difference about text stands in this file. #}

{# The distinct values of a group in one text, in order. #}
{% macro joined(column) -%}
    string_agg(distinct {{ column }}, ', ' order by {{ column }})
{%- endmacro %}

{# The parts of a text between separators, one row each: cross join {{ split_rows(...) }} as t (part) #}
{% macro split_rows(text, separator) -%}
    unnest(string_split({{ text }}, '{{ separator }}'))
{%- endmacro %}

{# Addresses of deals in a text: .../contacts/<portal>/record/0-3/<id> and .../contacts/<portal>/deal/<id>, whatever follows. #}
{% macro deal_addresses(text) -%}
    unnest(regexp_extract_all({{ text }}, '(?:/contacts/\d+)?/(?:record/0-3|deal)/\d+'))
{%- endmacro %}

{% macro hubspot_line_item_of(address) -%}
    regexp_extract({{ address }}, '/record/0-8/(\d+)', 1)
{%- endmacro %}

{% macro deal_id_of(address) -%}
    regexp_extract({{ address }}, '/(?:record/0-3|deal)/(\d+)', 1)
{%- endmacro %}

{# The portal that an address names; null when it names none. #}
{% macro portal_of(address) -%}
    nullif(regexp_extract({{ address }}, '/contacts/(\d+)/', 1), '')
{%- endmacro %}

{# The Airtable record that an address or a bare id names; null when there is none. #}
{% macro airtable_record_of(text) -%}
    nullif(regexp_extract({{ text }}, 'rec[A-Za-z0-9]{14}'), '')
{%- endmacro %}

{# The project of Asana that an address names, in the old form (/0/GID/...) and in the new (/1/WORKSPACE/project/GID/...). #}
{% macro asana_project_of(text) -%}
    nullif(regexp_extract({{ text }}, 'app\.asana\.com/(?:0|1/\d+/project)/(\d+)', 1), '')
{%- endmacro %}

{# The engagement that an address names, in whichever store; null when it names none. #}
{% macro engagement_of(text) -%}
    coalesce({{ asana_project_of(text) }}, {{ airtable_record_of(text) }})
{%- endmacro %}

{# "1,234.50 USD": the form in which reasons name money. #}
{% macro money_words(amount, currency) -%}
    (format('{:,.2f}', cast({{ amount }} as double)) || ' ' || {{ currency }})
{%- endmacro %}

{# "3 days", "1 day" #}
{% macro count_words(number, singular) -%}
    (cast({{ number }} as varchar) || ' {{ singular }}' || case when {{ number }} = 1 then '' else 's' end)
{%- endmacro %}

{# Where people open a HubSpot record. #}
{% macro hubspot_url(object_type_id, record_id) -%}
    ('https://' || {{ organisation('hubspot_app_host') }} || '/contacts/' || {{ organisation('hubspot_portal_id') }}
        || '/record/' || {{ object_type_id }} || '/' || {{ record_id }})
{%- endmacro %}

{# Where people open an Airtable record. #}
{% macro airtable_url(base_id, table_id, record_id) -%}
    ('https://airtable.com/' || {{ base_id }} || '/' || {{ table_id }} || '/' || {{ record_id }})
{%- endmacro %}

{# A number in a text, rounded to its first digit ("1734.20" and "2100" are both "2000"); null for what is no number. #}
{% macro first_digit(text) -%}
    case
        when try_cast({{ text }} as double) = 0 then '0'
        else cast(cast(
            round(try_cast({{ text }} as double) / pow(10, floor(log10(abs(try_cast({{ text }} as double))))))
            * pow(10, floor(log10(abs(try_cast({{ text }} as double)))))
            as decimal(28, 2)) as varchar)
    end
{%- endmacro %}

{# "42 %": a share in words, rounded. #}
{% macro percent_words(ratio) -%}
    (cast(cast(round({{ ratio }} * 100) as integer) as varchar) || ' %')
{%- endmacro %}
