{# Cost Explorer's record types in the words of FOCUS (ChargeCategory); a refund stays a refund, so that it can be shown apart. #}
{% macro charge_category(record_type) -%}
    case
        when {{ record_type }} in ('Usage', 'Credit', 'Refund', 'Tax') then {{ record_type }}
        when {{ record_type }} ilike '%usage%' then 'Usage'
        when {{ record_type }} ilike '%fee%' or {{ record_type }} ilike '%upfront%' then 'Purchase'
        else 'Adjustment'
    end
{%- endmacro %}
