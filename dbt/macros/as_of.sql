{# The date that the reports speak of: the one clock of all models. #}
{% macro as_of() -%}
    cast('{{ var("as_of_date") }}' as date)
{%- endmacro %}
