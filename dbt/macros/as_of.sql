{#
  The date that the reports speak of: the one clock of all models. A sync gives it as HANDOFF_AS_OF, which is read only while models run:
  a new value of a variable would make dbt parse the whole project again, every morning.
#}
{% macro as_of() -%}
    {%- set day = env_var("HANDOFF_AS_OF", "") if execute else "" -%}
    cast('{{ day or var("as_of_date") }}' as date)
{%- endmacro %}
