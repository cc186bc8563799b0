{#
    The entries of a deal field's history, one row each: deal_id, content (HubSpot's JSON of the entry) and _load_id, for a query that
    begins with these CTEs and selects from `entries`.
#}
{% macro deal_history(field) -%}
source as (
    select
        id,
        {{ json_map('histories_json') }} as histories,
        _dlt_load_id
    from {{ source('raw_hubspot', 'property_histories') }}
    where object_type = 'deals'
),

fields as (
    {{ vendor_fields('hubspot', 'deals', [field]) }}
),

entries as (
    select
        source.id as deal_id,
        entry.content,
        source._dlt_load_id as _load_id
    from source
    cross join fields
    cross join {{ json_elements("coalesce(source.histories[fields." ~ field ~ "], '[]')") }} as entry (content)
)
{%- endmacro %}
