{# Every row has a value and no two rows the same: dbt's `unique` and `not_null` in one question, most checks are these two. #}
{% test primary_key(model, column_name) %}

select
    {{ column_name }} as primary_key,
    count(*) as row_count
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ column_name }} is null

{% endtest %}
