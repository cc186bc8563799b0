-- One row per item of a GitHub project that says when work starts, in the field that map_fields.csv names.
with

item_values as (
    select * from {{ ref('stg_github__item_values') }}
),

project_fields as (
    select * from {{ ref('stg_github__project_fields') }}
),

fields as (
    select * from {{ ref('map_fields') }}
    where system = 'github' and object = 'project_items' and canonical_field = 'start_on'
),

final as (
    select
        item_values.project_number,
        item_values.project_item_id,
        max(item_values.value_on) as start_on
    from item_values
    inner join project_fields
        on item_values.project_number = project_fields.project_number and item_values.field_id = project_fields.field_id
    inner join fields on project_fields.field_name = fields.vendor_field
    group by item_values.project_number, item_values.project_item_id
)

select * from final
