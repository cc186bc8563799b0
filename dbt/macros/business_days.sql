{# The day where it is a business day, else the last one before it; a day that the calendar does not reach stays as it is. #}
{% macro business_day_until(day) -%}
    coalesce(
        (
            select max(calendar.day_on) filter (where calendar.is_business_day)
            from {{ ref('int_business_days') }} as calendar
            where calendar.day_on <= {{ day }}
            having max(calendar.day_on) = {{ day }}
        ),
        {{ day }}
    )
{%- endmacro %}

{# The day where it is a business day, else the first one after it; a day that the calendar does not reach stays as it is. #}
{% macro business_day_from(day) -%}
    coalesce(
        (
            select min(calendar.day_on) filter (where calendar.is_business_day)
            from {{ ref('int_business_days') }} as calendar
            where calendar.day_on >= {{ day }}
            having min(calendar.day_on) = {{ day }}
        ),
        {{ day }}
    )
{%- endmacro %}
