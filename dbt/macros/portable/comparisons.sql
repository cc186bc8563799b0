{# Texts that are compared with each other. Every engine difference about that stands in this file. #}

{# A text as it is compared: Unicode NFC, no space around it, one space within, and no case; null when nothing is left. #}
{% macro compared_text(text) -%}
    nullif(regexp_replace(trim(lower(nfc_normalize({{ text }}))), '\s+', ' ', 'g'), '')
{%- endmacro %}

{# A text without the words of another one: "Fernhollow hub" without "Fernhollow" is " hub". #}
{% macro without(text, words) -%}
    replace({{ text }}, coalesce({{ words }}, ''), '')
{%- endmacro %}

{# How alike two texts are, from 0 to 1; null where one is missing. #}
{% macro text_similarity(one, other) -%}
    jaro_winkler_similarity({{ one }}, {{ other }})
{%- endmacro %}

{# The value of a group that stands first in an order; null values count. #}
{% macro first_of(value, ordered_by) -%}
    first({{ value }} order by {{ ordered_by }})
{%- endmacro %}

{# How many days lie between the days that two texts name (YYYY-MM-DD); null where one names none. #}
{% macro days_apart(one, other) -%}
    abs(date_diff('day', try_cast({{ one }} as date), try_cast({{ other }} as date)))
{%- endmacro %}

{# How much two texts that name amounts differ by; null where one names none. #}
{% macro money_apart(one, other) -%}
    abs(try_cast({{ one }} as decimal(18, 2)) - try_cast({{ other }} as decimal(18, 2)))
{%- endmacro %}

{# The one spelling of a number: "24000.00" and "24000" are both "24000". #}
{% macro plain_number(text) -%}
    regexp_replace(regexp_replace({{ text }}, '(\.\d*?)0+$', '\1'), '\.$', '')
{%- endmacro %}
